//! Where the text comes from: files behind a small trait, and the table of those that were read.
//!
//! Does not know YAML. Every read is bounded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::Place;
use crate::mask;

/// The largest file that is read as part of a config.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Reads files; memory for tests and `explain`, [`Disk`] for everybody else.
pub trait Files {
    /// At most `bytes_max + 1` bytes of the file, so that the caller sees that there is more.
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>>;

    /// The names of what lies in a directory, in any order.
    fn names(&self, directory: &Path) -> io::Result<Vec<String>>;
}

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        // A name that is not UTF-8 cannot be written in a pattern, so it is not one that a pattern means.
        std::fs::read_dir(directory)?
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }
}

/// Files that exist only in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    #[must_use]
    pub fn with(mut self, path: impl AsRef<Path>, content: impl Into<Vec<u8>>) -> Self {
        self.0.insert(plain(path.as_ref()), content.into());
        self
    }
}

impl Files for Memory {
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let bytes = self.0.get(&plain(path)).ok_or(io::ErrorKind::NotFound)?;
        let shown = usize::try_from(bytes_max.saturating_add(1)).unwrap_or(usize::MAX);
        Ok(bytes.iter().take(shown).copied().collect())
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        let directory = plain(directory);
        let names: Vec<String> = (self.0.keys())
            .filter_map(|path| path.strip_prefix(&directory).ok()?.components().next())
            .filter_map(|first| first.as_os_str().to_str().map(str::to_owned))
            .collect();
        if names.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(names) }
    }
}

/// The path without `.` and, where that is certain, without `..`: two spellings of one file compare equal. Follows no links.
#[must_use]
pub fn plain(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        let above = normal.components().next_back().is_some_and(|last| matches!(last, Component::Normal(_)));
        match component {
            Component::CurDir => {}
            Component::ParentDir if above => {
                normal.pop();
            }
            Component::ParentDir | Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                normal.push(component);
            }
        }
    }
    normal
}

/// A file's place in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u32);

/// A piece of one line of one file: line and column from 1, length in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub file: FileId,
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

/// One file that was read. Not `Debug`: its text may hold secrets.
pub struct Source {
    /// As the operator named it.
    pub name: Arc<str>,
    /// What relative paths in it start from is this path's directory.
    pub path: PathBuf,
    pub text: String,
    /// The bytes of `text` that nobody may see.
    secrets: Vec<Range<usize>>,
}

/// All files that were read.
#[derive(Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    pub(crate) fn add(&mut self, path: &Path, text: String) -> FileId {
        let id = FileId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        let secrets = mask::secrets_by_line(&text);
        self.0.push(Source { name: path.display().to_string().into(), path: path.to_owned(), text, secrets });
        id
    }

    #[must_use]
    pub fn get(&self, id: FileId) -> Option<&Source> {
        self.0.get(id.0 as usize)
    }

    /// The root file; if not even that could be read, an empty one of its name.
    pub(crate) fn first_or_add(&mut self, path: &Path) -> FileId {
        if self.0.is_empty() { self.add(path, String::new()) } else { FileId(0) }
    }

    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Source> {
        self.0.iter().find(|source| &*source.name == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// What a span is to a reader.
    #[must_use]
    pub fn place(&self, span: Span) -> Place {
        let file = self.get(span.file).map_or_else(|| Arc::from("?"), |source| Arc::clone(&source.name));
        Place { file, line: span.line, column: span.column, length: span.length }
    }

    /// The path that `named` means when it stands in that file: relative to the file's directory.
    #[must_use]
    pub fn beside(&self, file: FileId, named: &str) -> PathBuf {
        let directory = self.get(file).and_then(|source| source.path.parent());
        directory.map_or_else(|| PathBuf::from(named), |directory| directory.join(named))
    }

    /// Marks the scalar that starts at this span, to the end of its bytes, as never to be shown.
    pub(crate) fn hide(&mut self, file: FileId, bytes: Range<usize>) {
        if let Some(source) = self.0.get_mut(file.0 as usize) {
            source.secrets.push(bytes);
        }
    }
}

impl Source {
    /// The text with stars in place of secrets: same lines, same bytes and characters a line.
    #[must_use]
    pub fn masked(&self) -> String {
        mask::masked(&self.text, &self.secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_compare_by_what_they_mean() {
        let check = |path: &str, expected: &str| assert_eq!(plain(Path::new(path)), PathBuf::from(expected), "{path}");
        check("./a/../b/./c", "b/c");
        check("../a/../../b", "../../b");
        check("/a//b/.", "/a/b");
        check("a/..", "");
    }

    #[test]
    fn memory_lists_and_bounds_like_a_disk() {
        let files = Memory::default().with("conf.d/b.yaml", "12345").with("conf.d/a.yaml", "").with("x.yaml", "");
        assert_eq!(files.names(Path::new("conf.d")).unwrap(), ["a.yaml", "b.yaml"]);
        assert_eq!(files.read(Path::new("./conf.d/b.yaml"), 2).unwrap(), b"123");
        assert!(files.names(Path::new("elsewhere")).is_err());
        assert!(files.read(Path::new("y.yaml"), 2).is_err());
    }
}
