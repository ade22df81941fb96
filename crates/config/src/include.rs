//! One config out of several files: which files belong to it, and their trees as one.
//!
//! `include` is a list of paths, relative to the file that has it; the last part of one may hold `*` and `?`. Lists of a section
//! are joined in the order of the files, maps are merged; what is said twice is a mistake that names both places.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, quoted};
use crate::source::{FILE_BYTES_MAX, FileId, Sources, Span, plain};
use crate::substitute::{self, Surroundings};
use crate::tree::{Entry, Node, Value};
use crate::yaml;

/// How deep files may include files.
pub(crate) const INCLUDE_DEPTH_MAX: usize = 8;

/// How many files a config may have.
pub(crate) const FILES_MAX: usize = 1_000;

/// Sections whose keys are names: stated twice they are two things of one name, never one thing in two parts.
const NAMED_SECTIONS: &[&str] = &["upstreams", "jwtProviders", "plans"];

/// Sections that only one file may have, as two halves of them make no sense.
const SINGLE_SECTIONS: &[&str] = &["version", "server", "listeners"];

/// Reads a config and all that it includes.
pub(crate) struct Loader<'a> {
    pub(crate) around: Surroundings<'a>,
    pub(crate) sources: Sources,
    pub(crate) diagnostics: Diagnostics,
    /// Files being read, outermost first.
    open: Vec<PathBuf>,
    done: Vec<PathBuf>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(around: Surroundings<'a>) -> Self {
        let (sources, diagnostics) = (Sources::default(), Diagnostics::default());
        Self { around, sources, diagnostics, open: Vec::new(), done: Vec::new() }
    }

    /// The merged tree without `include`; None if the file has none.
    pub(crate) fn load(&mut self, path: &Path, named_at: Option<Span>) -> Option<Node> {
        let id = self.read(path, named_at)?;
        let mut root = yaml::read(id, &mut self.sources, &mut self.diagnostics)?;
        substitute::run(&mut root, &self.around, &self.sources, &mut self.diagnostics);
        self.done.push(plain(path));
        self.open.push(plain(path));
        let includes = take(&mut root, "include");
        for (pattern, span) in includes.iter().flat_map(|entry| patterns(&entry.node)) {
            for path in self.matching(pattern, span) {
                if let Some(part) = self.load(&path, Some(span)) {
                    self.merge(&mut root, part);
                }
            }
        }
        self.open.pop();
        // A malformed `include` stays in the tree, so that the schema pass speaks of it.
        if let (Some(entry), Value::Map(entries)) = (includes, &mut root.value)
            && !is_well_formed(&entry.node)
        {
            entries.push(entry);
        }
        Some(root)
    }

    fn read(&mut self, path: &Path, named_at: Option<Span>) -> Option<FileId> {
        let place = named_at.map(|span| self.sources.place(span));
        let shown = quoted(&path.display().to_string());
        let bytes = match self.around.files.read(path, FILE_BYTES_MAX) {
            Ok(bytes) if bytes.len() as u64 > FILE_BYTES_MAX => {
                let message = format!("the file {shown} is larger than 8 MiB");
                self.diagnostics.push(
                    Diagnostic::error(Code::FileUnreadable, place, message)
                        .help("split it into parts and `include` them"),
                );
                return None;
            }
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!("cannot read the file {shown}: {error}");
                let help =
                    "check the path and who may read it; paths in a config are relative to the file that names them";
                self.diagnostics.push(Diagnostic::error(Code::FileUnreadable, place, message).help(help));
                return None;
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => {
                let text = if let Some(text) = text.strip_prefix('\u{feff}') { text.to_owned() } else { text };
                Some(self.sources.add(path, text))
            }
            Err(error) => {
                let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
                let line = valid.split(|byte| *byte == b'\n').count();
                let message = format!("the file {shown} is not UTF-8 text: line {line} holds other bytes");
                let diagnostic = Diagnostic::error(Code::FileUnreadable, place, message);
                self.diagnostics.push(diagnostic.help("save the file as UTF-8"));
                None
            }
        }
    }

    /// The files that a pattern means, sorted, without those that were read before.
    fn matching(&mut self, pattern: &str, span: Span) -> Vec<PathBuf> {
        let full = self.sources.beside(span.file, pattern);
        if self.open.len() >= INCLUDE_DEPTH_MAX {
            self.complain(
                span,
                format!("files include files deeper than {INCLUDE_DEPTH_MAX} levels"),
                "include the parts from the main file",
            );
            return Vec::new();
        }
        let has_wildcard = |text: &str| text.contains(['*', '?']);
        let directory = full.parent().unwrap_or(Path::new("")).to_owned();
        let Some(last) = full.file_name().and_then(|name| name.to_str()) else {
            self.complain(
                span,
                format!("{} names no file", quoted(pattern)),
                "name a file or a pattern such as `conf.d/*.yaml`",
            );
            return Vec::new();
        };
        if has_wildcard(&directory.to_string_lossy()) {
            self.complain(
                span,
                "wildcards are allowed only in the last part of a path".to_owned(),
                "write `conf.d/*.yaml`, one pattern a directory",
            );
            return Vec::new();
        }
        let mut paths = vec![full.clone()];
        if has_wildcard(last) {
            match self.around.files.names(&directory) {
                Ok(names) => {
                    let matching = names.iter().filter(|name| !name.starts_with('.') && fits(last, name));
                    paths = matching.map(|name| directory.join(name)).collect();
                    paths.sort();
                }
                Err(error) => {
                    let message =
                        format!("cannot list the directory {}: {error}", quoted(&directory.display().to_string()));
                    self.complain(span, message, "check the path: it is relative to the file that has the `include`");
                    return Vec::new();
                }
            }
            if paths.is_empty() {
                let message = format!("no file matches {}", quoted(pattern));
                let warning = Diagnostic::warning(Code::Include, self.sources.place(span), message);
                self.diagnostics.push(warning.help("remove the pattern, or check its spelling"));
            }
        }
        paths.retain(|path| self.is_new(path, span, has_wildcard(last)));
        paths
    }

    fn is_new(&mut self, path: &Path, span: Span, is_by_wildcard: bool) -> bool {
        let path = plain(path);
        let shown = quoted(&path.display().to_string());
        if self.open.contains(&path) {
            // A pattern may well cover the file that it stands in.
            if !(is_by_wildcard && self.open.last() == Some(&path)) {
                let message = format!("{shown} includes itself, directly or through other files");
                self.complain(span, message, "remove one `include` of the circle");
            }
            return false;
        }
        if self.done.contains(&path) {
            let message = format!("{shown} is included a second time; it counts once");
            let warning = Diagnostic::warning(Code::Include, self.sources.place(span), message);
            self.diagnostics.push(warning.help("let each file be named by one pattern"));
            return false;
        }
        if self.done.len() >= FILES_MAX {
            self.complain(span, format!("the config has more than {FILES_MAX} files"), "join small files");
            return false;
        }
        true
    }

    fn complain(&mut self, span: Span, message: String, help: &str) {
        self.diagnostics.push(Diagnostic::error(Code::Include, self.sources.place(span), message).help(help));
    }

    fn merge(&mut self, whole: &mut Node, part: Node) {
        let (Value::Map(whole), Value::Map(part)) = (&mut whole.value, part.value) else {
            let message = "an included file has to hold a map of sections".to_owned();
            self.complain(part.span, message, "begin it with a section such as `routes:`");
            return;
        };
        for entry in part {
            match whole.iter_mut().find(|first| first.key == entry.key) {
                None => whole.push(entry),
                Some(first) => self.merge_section(first, entry),
            }
        }
    }

    fn merge_section(&mut self, first: &mut Entry, second: Entry) {
        let is_named = NAMED_SECTIONS.contains(&second.key.as_str());
        if SINGLE_SECTIONS.contains(&second.key.as_str()) {
            return self.twice(first, &second, "keep it in one file, best the main one");
        }
        match (&mut first.node.value, second.node.value) {
            (Value::List(items), Value::List(more)) => items.extend(more),
            (Value::Map(entries), Value::Map(more)) => {
                for entry in more {
                    match entries.iter_mut().find(|known| known.key == entry.key) {
                        None => entries.push(entry),
                        Some(known) => match (&mut known.node.value, entry.node.value) {
                            (Value::List(items), Value::List(more)) if !is_named => items.extend(more),
                            (_, value) => {
                                let entry = Entry { node: Node { value, ..entry.node }, ..entry };
                                let help = if is_named { "rename one of the two" } else { "keep one of the two" };
                                self.twice(known, &entry, help);
                            }
                        },
                    }
                }
            }
            (_, value) => {
                let second = Entry { node: Node { value, ..second.node }, ..second };
                self.twice(first, &second, "keep one of the two");
            }
        }
    }

    fn twice(&mut self, first: &Entry, second: &Entry, help: &str) {
        let message = format!("{} is given in two files", quoted(&second.key));
        let place = self.sources.place(second.key_span);
        let first = self.sources.place(first.key_span);
        let diagnostic = Diagnostic::error(Code::DuplicateName, place, message).label("again here").help(help);
        self.diagnostics.push(diagnostic.note(first, "first here"));
    }
}

fn take(root: &mut Node, key: &str) -> Option<Entry> {
    let Value::Map(entries) = &mut root.value else { return None };
    let at = entries.iter().position(|entry| entry.key == key)?;
    Some(entries.remove(at))
}

fn is_well_formed(include: &Node) -> bool {
    matches!(&include.value, Value::List(items) if items.iter().all(|item| item.as_text().is_some()))
}

fn patterns(include: &Node) -> Vec<(&str, Span)> {
    let Value::List(items) = &include.value else { return Vec::new() };
    items.iter().filter_map(|item| Some((item.as_text()?, item.span))).collect()
}

/// Whether a name fits a pattern with `*` (any characters) and `?` (one). Linear in the product of both lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    // Which prefixes of the name the pattern so far can consume.
    let mut reachable = vec![false; name.len().saturating_add(1)];
    if let Some(first) = reachable.first_mut() {
        *first = true;
    }
    for wanted in pattern.chars() {
        let mut next = vec![false; reachable.len()];
        let mut is_open = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let reached = reachable.get(at).copied().unwrap_or(false);
            let before = at.checked_sub(1);
            let came = before.and_then(|before| reachable.get(before)).copied().unwrap_or(false);
            let character = before.and_then(|before| name.get(before)).copied();
            is_open |= reached;
            *slot = match wanted {
                '*' => is_open,
                '?' => came,
                _ => came && character == Some(wanted),
            };
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Memory;

    fn load(files: &Memory) -> (Option<Node>, Vec<String>) {
        let env = |_: &str| None;
        let mut loader = Loader::new(Surroundings { files, env: &env });
        let root = loader.load(Path::new("etc/main.yaml"), None);
        let said = loader.diagnostics.sorted();
        let said = said
            .iter()
            .map(|d| format!("{} {}", d.place.as_ref().map_or_else(String::new, ToString::to_string), d.message));
        (root, said.collect())
    }

    #[test]
    fn patterns_fit_as_in_a_shell() {
        let check =
            |pattern: &str, name: &str, expected: bool| assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        check("*.yaml", "a.yaml", true);
        check("*.yaml", "a.yml", false);
        check("1?-*.y*ml", "10-a.yaml", true);
        check("1?-*", "1-a", false);
        check("a*b*c", "aXbYc", true);
        check("a", "ab", false);
    }

    #[test]
    fn parts_are_joined_in_order_and_maps_merged() {
        let files = Memory::default()
            .with(
                "etc/main.yaml",
                "include: [conf.d/*.yaml]\nroutes: [{name: a}]\nupstreams: {u: 1}\nlimits: {headers: 1}\n",
            )
            .with("etc/conf.d/b.yaml", "routes: [{name: c}]\nlimits: {uriBytes: 1KiB}\n")
            .with("etc/conf.d/a.yaml", "include: [deep/x.yaml]\nroutes: [{name: b}]\nupstreams: {v: 2}\n")
            .with("etc/conf.d/deep/x.yaml", "plans: {p: 1}\n")
            .with("etc/conf.d/.hidden.yaml", "nonsense");
        let (root, said) = load(&files);
        assert_eq!(said, Vec::<String>::new());
        let expected = serde_json::json!({
            "routes": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "upstreams": {"u": 1, "v": 2},
            "limits": {"headers": 1, "uriBytes": "1KiB"}, "plans": {"p": 1},
        });
        assert_eq!(root.unwrap().to_json(), expected);
    }

    #[test]
    fn what_goes_wrong_with_parts_is_said() {
        let check = |main: &str, part: &str, expected: &[&str]| {
            let files = Memory::default().with("etc/main.yaml", main).with("etc/p.yaml", part);
            assert_eq!(load(&files).1, expected, "{main}");
        };
        check("include: [p.yaml]\nversion: 1\n", "version: 1\n", &["etc/p.yaml:1:1 `version` is given in two files"]);
        check(
            "include: [p.yaml]\nplans: {a: {}}\n",
            "plans:\n  a: {}\n",
            &["etc/p.yaml:2:3 `a` is given in two files"],
        );
        check(
            "include: [p.yaml]\nmethodMismatch: 404\n",
            "methodMismatch: 405\n",
            &["etc/p.yaml:1:1 `methodMismatch` is given in two files"],
        );
        check("include: [p.yaml]\n", "- a\n", &["etc/p.yaml:1:1 an included file has to hold a map of sections"]);
        check(
            "include: [p.yaml]\n",
            "include: [main.yaml]\n",
            &["etc/p.yaml:1:11 `etc/main.yaml` includes itself, directly or through other files"],
        );
        check(
            "include: [p.yaml, ./p.yaml]\n",
            "plans: {}\n",
            &["etc/main.yaml:1:19 `etc/p.yaml` is included a second time; it counts once"],
        );
        check("include: [no.yaml]\n", "", &["etc/main.yaml:1:11 cannot read the file `etc/no.yaml`: entity not found"]);
        check(
            "include: [no/*.yaml]\n",
            "",
            &["etc/main.yaml:1:11 cannot list the directory `etc/no`: entity not found"],
        );
        check("include: ['*.yml']\n", "", &["etc/main.yaml:1:11 no file matches `*.yml`"]);
        check(
            "include: ['*/a.yaml']\n",
            "",
            &["etc/main.yaml:1:11 wildcards are allowed only in the last part of a path"],
        );
        check("include: ['*.yaml']\n", "plans: {}\n", &[]);
    }

    #[test]
    fn includes_end_at_a_depth() {
        let mut files = Memory::default().with("etc/main.yaml", "include: [1.yaml]");
        for n in 1..20 {
            files = files.with(format!("etc/{n}.yaml"), format!("include: [{}.yaml]", n + 1));
        }
        assert_eq!(load(&files).1, ["etc/7.yaml:1:11 files include files deeper than 8 levels"]);
    }

    #[test]
    fn a_file_has_a_size_and_an_encoding() {
        let check = |bytes: Vec<u8>, part: &str| {
            let (root, said) = load(&Memory::default().with("etc/main.yaml", bytes));
            assert!(root.is_none() && said.len() == 1 && said[0].contains(part), "{said:?}");
        };
        check(vec![b'#'; usize::try_from(FILE_BYTES_MAX).unwrap() + 1], "larger than 8 MiB");
        check(b"a: 1\nb: \xff\n".to_vec(), "line 2 holds other bytes");
    }
}
