//! What is said about mistakes: which kinds there are, what each carries, how many are kept and in which order they are shown.
//!
//! Knows nothing of YAML or of how a diagnostic is drawn (`render.rs`).

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::conceal::Concealed;
pub use crate::quote::{listed, quoted};

/// How many diagnostics are kept; what comes after is counted, not shown.
pub const DIAGNOSTICS_MAX: usize = 1_000;

/// Whether the config can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The config is refused.
    Error,
    /// The config serves, and will hurt later.
    Warning,
}

impl Severity {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $code:ident $name:literal, )+) => {
        /// The stable name of a kind of mistake, for scripts and searches.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $( $(#[doc = $doc])+ $code, )+ }

        impl Code {
            pub const ALL: &'static [Self] = &[$( Self::$code, )+];

            #[must_use]
            pub const fn name(self) -> &'static str { match self { $( Self::$code => $name, )+ } }

            /// The sentences of the reference page.
            #[must_use]
            pub const fn doc(self) -> &'static str { match self { $( Self::$code => concat!($($doc,)+), )+ } }
        }
    };
}

codes! {
    /// A file that the config names cannot be read, is too large or is not UTF-8.
    FileUnreadable "file-unreadable",
    /// The text is not YAML.
    YamlSyntax "yaml-syntax",
    /// The text is YAML, but uses what a config must not: tags, several documents, keys that are not text, too deep nesting.
    YamlUnsupported "yaml-unsupported",
    /// A key stands twice in one map.
    DuplicateKey "duplicate-key",
    /// A name that has to be unique is given twice, be it in one file or in two.
    DuplicateName "duplicate-name",
    /// An `include` pattern is wrong, leads back to its own file, nests too deep or finds nothing.
    Include "include",
    /// A `${…}` is malformed, or what it names does not exist.
    Substitution "substitution",
    /// A key that does not exist here.
    UnknownKey "unknown-key",
    /// A key without which the section means nothing is not there.
    MissingKey "missing-key",
    /// A value of another type than the key takes.
    WrongType "wrong-type",
    /// A value outside a closed list.
    UnknownValue "unknown-value",
    /// A value of the right type that does not read as what it should be.
    MalformedValue "malformed-value",
    /// A number, duration, size or list outside its bounds.
    OutOfRange "out-of-range",
    /// Keys that exclude each other, or none of several of which one is needed.
    Choice "choice",
    /// A secret stands in the config itself instead of a placeholder.
    LiteralSecret "literal-secret",
    /// A `version` that this program does not read.
    Version "version",
    /// A name that refers to nothing in the config.
    UnknownName "unknown-name",
    /// A key, secret or certificate that is unreadable or too weak, or algorithms that the keys cannot serve.
    KeyMaterial "key-material",
    /// An error template that cannot be rendered safely.
    Template "template",
    /// An error template that no client ever gets.
    HiddenTemplate "hidden-template",
    /// A change to requests or answers that cannot be made: an unknown variable, a malformed pointer, a header that is not to be touched.
    Transform "transform",
    /// A JSON Schema that is none, that refers to something elsewhere, or whose patterns would not run in linear time.
    Schema "schema",
    /// A route that never gets a request.
    HiddenRoute "hidden-route",
    /// Two routes between which only their names decide.
    AmbiguousRoutes "ambiguous-routes",
    /// Allowed, but a door that is wider than it looks.
    Unsafe "unsafe",
    /// Allowed, but without the effect that it seems to have.
    Pointless "pointless",
    /// Something that has a name and that nothing refers to.
    Unused "unused",
    /// The checked tree does not fit the program's own types: a bug of the program.
    Internal "internal",
}

/// Where something was said: the file as the operator named it, line and column from 1, length in characters on that line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl From<Place> for engine::names::Place {
    fn from(Place { file, line, column, length: _ }: Place) -> Self {
        Self { file, line, column }
    }
}

/// One more thing to know about a mistake, at another place if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Note {
    pub place: Option<Place>,
    pub text: String,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    pub severity: Severity,
    pub code: Code,
    /// None if no file could be read at all.
    pub place: Option<Place>,
    /// What is wrong, in one line.
    pub message: String,
    /// The words under the caret.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
    pub notes: Vec<Note>,
}

impl Diagnostic {
    #[must_use]
    pub fn error(code: Code, place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        let (place, message) = (place.into(), message.into());
        Self { severity: Severity::Error, code, place, message, label: None, help: None, notes: Vec::new() }
    }

    #[must_use]
    pub fn warning(code: Code, place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, message) }
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn help_if_any(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    #[must_use]
    pub fn note(mut self, place: impl Into<Option<Place>>, text: impl Into<String>) -> Self {
        self.notes.push(Note { place: place.into(), text: text.into() });
        self
    }
}

/// All mistakes of one run, each once, at most [`DIAGNOSTICS_MAX`].
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    seen: HashSet<(Code, Option<Place>, String)>,
    left_out: usize,
    errors: usize,
    concealed: Concealed,
}

impl Diagnostics {
    /// From now on no message shows this value, but what stands for it.
    pub(crate) fn conceal(&mut self, value: &str, shown: &str) {
        self.concealed.add(value, shown);
    }

    /// Takes one in, unless the same was said about the same place before (an alias shows one text at several places).
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        if self.kept.len() >= DIAGNOSTICS_MAX {
            self.left_out = self.left_out.saturating_add(1);
            self.errors = self.errors.saturating_add(usize::from(diagnostic.severity == Severity::Error));
            return;
        }
        let Diagnostic { severity: _, code: _, place: _, message, label, help, notes } = &mut diagnostic;
        let notes = notes.iter_mut().map(|note| &mut note.text);
        for text in std::iter::once(message).chain(label).chain(help).chain(notes) {
            if let Some(kept) = self.concealed.without(text) {
                *text = kept;
            }
        }
        if self.seen.insert((diagnostic.code, diagnostic.place.clone(), diagnostic.message.clone())) {
            self.errors = self.errors.saturating_add(usize::from(diagnostic.severity == Severity::Error));
            self.kept.push(diagnostic);
        }
    }

    /// By file, line and column; errors before warnings at the same place.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.kept.iter().collect();
        all.sort_by(|a, b| {
            let order = |d: &Diagnostic| (d.severity, d.code);
            a.place.cmp(&b.place).then_with(|| order(a).cmp(&order(b))).then_with(|| a.message.cmp(&b.message))
        });
        all
    }

    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether there is an error of another kind.
    pub(crate) fn has_other_errors_than(&self, code: Code) -> bool {
        self.kept.iter().any(|found| found.severity == Severity::Error && found.code != code)
    }

    /// Whether something is wrong at this very place.
    pub(crate) fn has_error_at(&self, place: &Place) -> bool {
        self.kept.iter().any(|found| found.severity == Severity::Error && found.place.as_ref() == Some(place))
    }

    #[must_use]
    pub const fn errors(&self) -> usize {
        self.errors
    }

    #[must_use]
    pub const fn warnings(&self) -> usize {
        self.kept.len().saturating_add(self.left_out).saturating_sub(self.errors)
    }

    /// Whether an error of one of these kinds is among them.
    pub(crate) fn has_any(&self, codes: &[Code]) -> bool {
        self.kept.iter().any(|kept| kept.severity == Severity::Error && codes.contains(&kept.code))
    }

    /// Whether one more would only be counted.
    pub(crate) const fn is_full(&self) -> bool {
        self.kept.len() >= DIAGNOSTICS_MAX
    }

    /// Counts errors that nobody will read.
    pub(crate) const fn count_errors(&mut self, more: usize) {
        self.left_out = self.left_out.saturating_add(more);
        self.errors = self.errors.saturating_add(more);
    }

    /// How many were found after the first [`DIAGNOSTICS_MAX`].
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(file: &str, line: u32) -> Place {
        Place { file: file.into(), line, column: 1, length: 1 }
    }

    #[test]
    fn diagnostics_come_by_file_and_line_and_each_once() {
        let mut all = Diagnostics::default();
        all.push(Diagnostic::warning(Code::Include, at("b", 1), "third"));
        all.push(Diagnostic::error(Code::Include, at("a", 7), "second"));
        all.push(Diagnostic::error(Code::UnknownKey, at("a", 2), "first"));
        all.push(Diagnostic::error(Code::UnknownKey, at("a", 2), "first"));
        let order: Vec<&str> = all.sorted().iter().map(|d| d.message.as_str()).collect();
        assert_eq!(order, ["first", "second", "third"]);
        assert_eq!((all.errors(), all.warnings()), (2, 1));
    }

    #[test]
    fn more_than_the_bound_are_counted() {
        let mut all = Diagnostics::default();
        for line in 0..u32::try_from(DIAGNOSTICS_MAX).unwrap() + 5 {
            all.push(Diagnostic::error(Code::UnknownKey, at("a", line), "x"));
        }
        assert_eq!((all.sorted().len(), all.left_out(), all.errors()), (DIAGNOSTICS_MAX, 5, DIAGNOSTICS_MAX + 5));
    }

    #[test]
    fn quoted_text_cannot_paint_the_terminal() {
        assert_eq!(quoted("a\u{1b}[31mb\nc"), "`a\\u{1b}[31mb\\nc`");
        assert_eq!(quoted("a\u{202e}b"), "`a\\u{202e}b`");
        assert!(quoted(&"x".repeat(500)).chars().count() < 90);
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` or `c`");
    }

    #[test]
    fn codes_have_names_of_their_own() {
        let names: HashSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| code.doc().trim().ends_with('.')));
    }
}
