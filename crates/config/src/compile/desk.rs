//! What every section needs at hand: places, files, the list of policies, and where to put what is wrong.

use std::path::PathBuf;

use engine::live::Live;
use engine::names::{Name, PolicyId};
use engine::snapshot::{PolicyInfo, RateLimitField};
use engine::trail::Mode;
use sha2::{Digest as _, Sha256};

use super::Surroundings;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::sound::LeftOut;
use crate::source::{FILE_BYTES_MAX, Files, Sources};
use crate::spans::Spans;
use crate::tree::{Node, Origin};
use crate::{conceal, references};

/// How many lines of a text are searched for a word.
const TEXT_LINES_MAX: usize = 200;

/// Warnings that something has no effect: whether that is so, only a whole config can tell.
const OF_THE_WHOLE: [Code; 5] =
    [Code::HiddenTemplate, Code::HiddenRoute, Code::AmbiguousRoutes, Code::Pointless, Code::Unused];

pub(super) struct Desk<'a> {
    spans: &'a Spans,
    sources: &'a Sources,
    files: &'a dyn Files,
    /// What limits of the same name have counted so far.
    pub(super) live: &'a Live,
    left_out: &'a LeftOut,
    diagnostics: &'a mut Diagnostics,
    policies: Vec<PolicyInfo>,
    /// Everything that the config says, key files included.
    content: Sha256,
}

impl<'a> Desk<'a> {
    pub(super) fn new(around: Surroundings<'a>, diagnostics: &'a mut Diagnostics) -> Self {
        let Surroundings { spans, sources, files, live, left_out } = around;
        let mut content = Sha256::new();
        content.update(spans.root().to_json().to_string());
        Self { spans, sources, files, live, left_out, diagnostics, policies: Vec::new(), content }
    }

    /// The policies in the order of their IDs, and the config's revision.
    pub(super) fn finish(self) -> (Vec<PolicyInfo>, Name) {
        (self.policies, super::short(&self.content.finalize()))
    }

    /// Where an item stands; for a default, the nearest thing around it.
    pub(super) fn place(&self, pointer: &str) -> Place {
        self.sources.place(self.spans.near(pointer).span())
    }

    /// Where a word stands within an item's text, as the file spells it; the whole item if it is not found.
    pub(super) fn place_of_word(&self, pointer: &str, word: &str) -> Place {
        let whole = self.place(pointer);
        let Some(source) = self.sources.named(&whole.file).filter(|_| !word.is_empty()) else { return whole };
        let first = usize::try_from(whole.line).unwrap_or(usize::MAX).saturating_sub(1);
        for (index, line) in source.text.split('\n').enumerate().skip(first).take(TEXT_LINES_MAX) {
            let before = if index == first { usize::try_from(whole.column).unwrap_or(1).saturating_sub(1) } else { 0 };
            let skipped: usize = line.chars().take(before).map(char::len_utf8).sum();
            let Some((passed, _)) = line.get(skipped..).and_then(|rest| rest.split_once(word)) else { continue };
            let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let column = number(before.saturating_add(passed.chars().count()).saturating_add(1));
            return Place {
                line: number(index.saturating_add(1)),
                column,
                length: number(word.chars().count()),
                ..whole
            };
        }
        whole
    }

    /// Whether anything found so far keeps the config from being served.
    pub(super) const fn has_errors(&self) -> bool {
        self.diagnostics.has_errors()
    }

    /// Whether the config says anything at this place.
    pub(super) fn has(&self, pointer: &str) -> bool {
        self.spans.at(pointer).is_some()
    }

    /// Whether two items are the same text.
    pub(super) fn have_one_text(&self, pointer: &str, other: &str) -> bool {
        let text = |pointer: &str| self.spans.at(pointer).and_then(|found| found.node.as_text());
        text(pointer).is_some() && text(pointer) == text(other)
    }

    /// Whether something at this place could not be read, so that nobody may say it is missing.
    pub(super) fn is_left_out(&self, pointer: &str) -> bool {
        self.left_out.has(pointer)
    }

    /// Whether a section may have items, though none is here, in a config that is not all here.
    pub(super) fn may_have(&self, section: &str) -> bool {
        !self.left_out.is_nothing() && self.left_out.may_have(section)
    }

    /// Where an item's key stands.
    pub(super) fn key_place(&self, pointer: &str) -> Place {
        self.sources.place(self.spans.near(pointer).key_span())
    }

    pub(super) fn error(&mut self, code: Code, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (self.shown(pointer, message), self.shown(pointer, help));
        let place = self.place(pointer);
        self.push(Diagnostic::error(code, place, message).help(help));
    }

    pub(super) fn warn(&mut self, code: Code, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (self.shown(pointer, message), self.shown(pointer, help));
        let place = self.place(pointer);
        self.push(Diagnostic::warning(code, place, message).help(help));
    }

    /// What is said of a value that came in by substitution quotes no piece of it.
    fn shown(&self, pointer: &str, text: impl Into<String>) -> String {
        let text = text.into();
        let node = self.spans.at(pointer).map(|located| located.node).filter(|node| node.origin == Origin::Substituted);
        node.and_then(Node::as_text).map_or(text.clone(), |value| conceal::without_pieces(&text, value))
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        if self.left_out.is_nothing() || !OF_THE_WHOLE.contains(&diagnostic.code) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// A name that leads nowhere: what it should have been one of, and which of those it resembles.
    pub(super) fn unknown<'n>(
        &mut self,
        pointer: &str,
        (what, section): (&str, &str),
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        if self.left_out.may_name(section, name) {
            return;
        }
        let known: Vec<&str> = known.into_iter().collect();
        let (message, help) = references::unknown_name(what, section, name, &known);
        self.error(Code::UnknownName, pointer, message, help);
    }

    /// Adds a policy and gives it its ID.
    pub(super) fn policy(
        &mut self,
        name: impl Into<Name>,
        pointer: &str,
        mode: Mode,
        rate_limit: Option<RateLimitField>,
    ) -> PolicyId {
        let place = self.key_place(pointer).into();
        let id = PolicyId(u32::try_from(self.policies.len()).unwrap_or(u32::MAX));
        self.policies.push(PolicyInfo { name: name.into(), place, mode, rate_limit });
        id
    }

    /// Where an item stands, for the engine.
    pub(super) fn engine_place(&self, pointer: &str) -> engine::names::Place {
        self.place(pointer).into()
    }

    /// A path that the config names, as seen from the file that names it.
    pub(super) fn path(&self, pointer: &str, named: &str) -> PathBuf {
        self.sources.beside(self.spans.near(pointer).value.file, named)
    }

    /// The content of a file that the config names.
    pub(super) fn file(&mut self, pointer: &str, named: &str) -> Option<Vec<u8>> {
        let path = self.path(pointer, named);
        match self.files.read(&path, FILE_BYTES_MAX) {
            Ok(bytes) if u64::try_from(bytes.len()).is_ok_and(|length| length <= FILE_BYTES_MAX) => {
                self.content.update(&bytes);
                Some(bytes)
            }
            Ok(_) => {
                let message = format!("{} is larger than 8 MiB", path.display());
                self.error(Code::FileUnreadable, pointer, message, "name a file with keys or certificates only");
                None
            }
            Err(error) => {
                let message = format!("cannot read {}: {error}", path.display());
                self.error(Code::FileUnreadable, pointer, message, "paths are relative to the file that names them");
                None
            }
        }
    }
}
