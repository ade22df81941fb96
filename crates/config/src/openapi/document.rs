//! The document and the files beside it that it refers to: read once, bounded, and asked by place. Nothing outside of the document's
//! folder is read, and nothing is fetched.

use std::collections::VecDeque;
use std::path::{Component, Path, PathBuf};

use super::{Fault, json};
use crate::diagnostic::{Diagnostics, Place};
use crate::render;
use crate::source::{Files, Sources, Span, plain};
use crate::tree::{Entry, Node, Value};
use crate::yaml;

/// The largest document, all its files together.
pub(super) const DOCUMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The most files that one document is spread over.
const FILES_MAX: usize = 64;
/// The longest chain of references to references.
const HOPS_MAX: usize = 16;

/// All files of one document, the one that was named first.
pub(super) struct Documents {
    files: Vec<(PathBuf, Node)>,
    sources: Sources,
}

/// One item of a document.
#[derive(Clone)]
pub(super) struct Spot<'d> {
    pub(super) file: usize,
    /// RFC 6901.
    pub(super) pointer: String,
    pub(super) node: &'d Node,
    span: Span,
}

impl Documents {
    pub(super) fn open(path: &Path, files: &dyn Files) -> Result<Self, Fault> {
        let mut documents = Self { files: Vec::new(), sources: Sources::default() };
        let mut bytes_left = DOCUMENT_BYTES_MAX;
        let root = documents.read(path, files, &mut bytes_left)?;
        let folder = plain(path.parent().unwrap_or(Path::new("")));
        let mut open = VecDeque::from(wanted(path, &folder, &root));
        documents.files.push((plain(path), root));
        while let Some(next) = open.pop_front() {
            let is_known = documents.files.iter().any(|(known, _)| *known == next);
            if is_known || documents.files.len() >= FILES_MAX {
                continue;
            }
            // One that cannot be read is told where it is referred to.
            let Ok(node) = documents.read(&next, files, &mut bytes_left) else { continue };
            open.extend(wanted(&next, &folder, &node));
            documents.files.push((next, node));
        }
        Ok(documents)
    }

    fn read(&mut self, path: &Path, files: &dyn Files, bytes_left: &mut u64) -> Result<Node, Fault> {
        let unreadable = |source| Fault::Read { path: path.display().to_string(), source };
        let bytes = files.read(path, *bytes_left).map_err(unreadable)?;
        let Some(left) = u64::try_from(bytes.len()).ok().and_then(|length| bytes_left.checked_sub(length)) else {
            return Err(Fault::TooLarge);
        };
        *bytes_left = left;
        let not_text = |_| Fault::Syntax(format!("{}: this is not UTF-8 text\n", path.display()));
        let text = String::from_utf8(bytes).map_err(not_text)?;
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        let json = text.trim_start().starts_with('{').then(|| text.clone());
        let file = self.sources.add(path, text);
        let mut diagnostics = Diagnostics::default();
        let node = yaml::read(file, &mut self.sources, &mut diagnostics);
        let fault = match node {
            Some(node) if !diagnostics.has_errors() => return Ok(node),
            None if diagnostics.is_empty() => format!("{}: the document is empty\n", path.display()),
            Some(_) | None => render::text(&diagnostics, &self.sources, render::Colour::Never),
        };
        // JSON that is no YAML (tabs, surrogates): its places are lost, what it says is not.
        match json.map(|text| json::read(&text, Span { file, line: 0, column: 0, length: 0 })) {
            Some(Ok(node)) => Ok(node),
            Some(Err(json::Fault::Twice(said))) => Err(Fault::Syntax(format!("{}: {said}\n", path.display()))),
            Some(Err(json::Fault::NoJson)) | None => Err(Fault::Syntax(fault)),
        }
    }

    pub(super) fn root(&self) -> Option<Spot<'_>> {
        let (_, node) = self.files.first()?;
        Some(Spot { file: 0, pointer: String::new(), node, span: node.span })
    }

    /// Where an item stands; none if the document's places are not known.
    pub(super) fn place(&self, spot: &Spot<'_>) -> Option<Place> {
        (spot.span.line > 0).then(|| self.sources.place(spot.span))
    }

    /// The name of a file as seen from the document's folder.
    pub(super) fn short<'n>(&self, name: &'n str) -> std::borrow::Cow<'n, str> {
        let folder = self.files.first().and_then(|(root, _)| root.parent()).unwrap_or(Path::new(""));
        let path = plain(Path::new(name));
        path.strip_prefix(folder).map_or(name.into(), |short| short.display().to_string().into())
    }

    /// The item, or what it refers to; in words why there is nothing.
    pub(super) fn follow<'d>(&'d self, spot: &Spot<'d>) -> Result<Spot<'d>, String> {
        let mut spot = spot.clone();
        for _ in 0..HOPS_MAX {
            let Some(reference) = spot.text("$ref") else { return Ok(spot) };
            spot = self.target(spot.file, reference)?;
        }
        Err("its references go round in a circle".to_owned())
    }

    /// What a reference within a file leads to.
    pub(super) fn target<'d>(&'d self, from: usize, reference: &str) -> Result<Spot<'d>, String> {
        let (named, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let file = if named.is_empty() { Some(from) } else { self.file(from, named) };
        let file = file.ok_or_else(|| {
            let why = if is_remote(named) {
                "nothing is fetched"
            } else {
                "no such file can be read in the document's folder"
            };
            format!("`{reference}` is not followed: {why}")
        })?;
        let pointer = unescaped(fragment).filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let pointer = pointer.ok_or_else(|| format!("`{reference}` is not followed: it is no JSON pointer"))?;
        self.at(file, &pointer).ok_or_else(|| format!("`{reference}` leads nowhere"))
    }

    fn file(&self, from: usize, named: &str) -> Option<usize> {
        let (base, _) = self.files.get(from)?;
        let path = beside(base, named)?;
        self.files.iter().position(|(known, _)| *known == path)
    }

    fn at(&self, file: usize, pointer: &str) -> Option<Spot<'_>> {
        let (_, node) = self.files.get(file)?;
        let mut spot = Spot { file, pointer: String::new(), node, span: node.span };
        for token in pointer.split('/').skip(1) {
            spot = spot.step(&token.replace("~1", "/").replace("~0", "~"))?;
        }
        Some(spot)
    }
}

impl<'d> Spot<'d> {
    fn step(&self, token: &str) -> Option<Self> {
        match &self.node.value {
            Value::List(items) => {
                let node = items.get(token.parse::<usize>().ok()?)?;
                Some(Self { file: self.file, pointer: format!("{}/{token}", self.pointer), node, span: node.span })
            }
            Value::Map(entries) => entries.iter().find(|entry| entry.key == token).map(|entry| self.inside(entry)),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Large(_) | Value::Float(_) | Value::Text(_) => {
                None
            }
        }
    }

    fn inside(&self, entry: &'d Entry) -> Self {
        let pointer = crate::spans::deeper(&self.pointer, &entry.key);
        Self { file: self.file, pointer, node: &entry.node, span: entry.key_span }
    }

    /// The value of a key, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        if matches!(self.node.value, Value::Map(_)) { self.step(key) } else { None }
    }

    pub(super) fn text(&self, key: &str) -> Option<&'d str> {
        self.node.get(key)?.node.as_text()
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.bool(key) == Some(true)
    }

    pub(super) fn bool(&self, key: &str) -> Option<bool> {
        match self.node.get(key)?.node.value {
            Value::Bool(value) => Some(value),
            Value::Null
            | Value::Integer(_)
            | Value::Large(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => None,
        }
    }

    /// The entries of a map; none of anything else.
    pub(super) fn entries(&self) -> Vec<(&'d str, Self)> {
        let Value::Map(entries) = &self.node.value else { return Vec::new() };
        entries.iter().map(|entry| (entry.key.as_str(), self.inside(entry))).collect()
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> Vec<Self> {
        let Value::List(items) = &self.node.value else { return Vec::new() };
        (0..items.len()).filter_map(|index| self.step(&index.to_string())).collect()
    }
}

fn is_remote(named: &str) -> bool {
    named.contains("://") || named.starts_with("//")
}

/// The files in the document's folder that a document refers to.
fn wanted(path: &Path, folder: &Path, node: &Node) -> Vec<PathBuf> {
    let mut references = Vec::new();
    references_of(node, &mut references);
    let files = references.into_iter().filter_map(|reference| reference.split('#').next());
    let paths = files.filter(|named| !named.is_empty() && !is_remote(named)).filter_map(|named| beside(path, named));
    paths.filter(|path| is_within(path, folder)).collect()
}

fn references_of<'n>(node: &'n Node, found: &mut Vec<&'n str>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| references_of(item, found)),
        Value::Map(entries) => {
            for entry in entries {
                match entry.node.as_text() {
                    Some(text) if entry.key == "$ref" => found.push(text),
                    Some(_) | None => references_of(&entry.node, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Large(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

fn beside(file: &Path, named: &str) -> Option<PathBuf> {
    let named = unescaped(named)?;
    Some(plain(&file.parent().unwrap_or(Path::new("")).join(named)))
}

fn is_within(path: &Path, folder: &Path) -> bool {
    let inner = path.strip_prefix(folder).unwrap_or(path);
    path.starts_with(folder) && inner.components().all(|component| matches!(component, Component::Normal(_)))
}

/// A reference is a URI: its percent-encoding undone.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?];
                let [high, low] = digits;
                bytes.push(u8::try_from(high.wrapping_mul(16).wrapping_add(low)).ok()?);
                rest = after;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}
