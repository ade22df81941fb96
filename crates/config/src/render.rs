//! Diagnostics for eyes, for programs and for code review: text with excerpts, JSON, GitHub's workflow commands.
//!
//! Excerpts show the file's own lines, with stars in place of literal secrets.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::diagnostic::{DIAGNOSTICS_MAX, Diagnostic, Diagnostics, Note, Place, Severity};
use crate::source::{Source, Sources};

/// The width that messages and excerpts keep to, in columns.
const WIDTH: usize = 140;

/// Excerpts of two places are drawn as one if at most this many lines lie between them.
const LINES_JOINED_MAX: u32 = 200;

/// Whether to colour: the caller knows the terminal and `NO_COLOR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Never,
    Always,
}

/// As a compiler would show them: excerpt, caret, cause, `help:`, and a last line with the counts.
#[must_use]
pub fn text(diagnostics: &Diagnostics, sources: &Sources, colour: Colour) -> String {
    let masked = Masked::of(sources);
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH);
    let mut shown = String::new();
    for diagnostic in diagnostics.sorted() {
        shown.push_str(&renderer.render(&[group(diagnostic, &masked)]));
        shown.push_str("\n\n");
    }
    shown.push_str(&summary(diagnostics));
    shown
}

fn summary(diagnostics: &Diagnostics) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let (errors, warnings) = (plural(diagnostics.errors(), "error"), plural(diagnostics.warnings(), "warning"));
    let mut summary = String::new();
    if diagnostics.left_out() > 0 {
        let _ = write!(summary, "only the first {DIAGNOSTICS_MAX} are shown; ");
    }
    if !diagnostics.is_empty() {
        let _ = writeln!(summary, "{errors}, {warnings}");
    }
    summary
}

fn group<'a>(diagnostic: &'a Diagnostic, masked: &'a Masked<'_>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.name()));
    let mut apart: Vec<&Note> = Vec::new();
    if let Some(place) = &diagnostic.place {
        let is_joined = |note: &&Note| {
            let near = |other: &Place| other.file == place.file && other.line.abs_diff(place.line) <= LINES_JOINED_MAX;
            note.place.as_ref().is_some_and(near)
        };
        let (joined, others): (Vec<&Note>, Vec<&Note>) = diagnostic.notes.iter().partition(is_joined);
        apart = others;
        group = with_excerpt(group, place, diagnostic.label.as_deref(), &joined, masked);
    } else {
        apart.extend(&diagnostic.notes);
    }
    for note in apart {
        group = match &note.place {
            Some(place) => {
                with_excerpt(group.element(Level::NOTE.message(note.text.as_str())), place, None, &[], masked)
            }
            None => group.element(Level::NOTE.message(note.text.as_str())),
        };
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

fn with_excerpt<'a>(
    group: Group<'a>,
    place: &'a Place,
    label: Option<&'a str>,
    notes: &[&'a Note],
    masked: &'a Masked<'_>,
) -> Group<'a> {
    let lines = notes.iter().filter_map(|note| note.place.as_ref()).chain([place]).map(|place| place.line);
    let (first, last) = lines.fold((u32::MAX, 0), |(low, high), line| (low.min(line), high.max(line)));
    let excerpt = masked.lines(&place.file, first, last);
    let Some((text, primary)) = excerpt.and_then(|text| Some((text, bytes(text, first, place)?))) else {
        // The line is not in the text (an end of file, a foreign line end): the position alone still helps.
        let origin = Origin::path(&*place.file).line(place.line as usize).char_column(place.column as usize);
        return group.element(origin);
    };
    let mut snippet = Snippet::source(text).line_start(first as usize).path(&*place.file);
    snippet = snippet.annotation(AnnotationKind::Primary.span(primary).label(label));
    for note in notes {
        if let Some(range) = note.place.as_ref().and_then(|place| bytes(text, first, place)) {
            snippet = snippet.annotation(AnnotationKind::Context.span(range).label(note.text.as_str()));
        }
    }
    group.element(snippet)
}

/// A place as bytes of an excerpt that begins at line `first`.
fn bytes(excerpt: &str, first: u32, place: &Place) -> Option<Range<usize>> {
    let skipped = place.line.checked_sub(first)? as usize;
    let start = match skipped.checked_sub(1) {
        None => 0,
        Some(line_end) => excerpt.match_indices('\n').nth(line_end)?.0.saturating_add(1),
    };
    let line = excerpt.get(start..)?.split('\n').next()?;
    let offset = |characters: usize| line.char_indices().nth(characters).map_or(line.len(), |(at, _)| at);
    let column = (place.column as usize).checked_sub(1)?;
    let from = start.saturating_add(offset(column));
    let to = start.saturating_add(offset(column.saturating_add(place.length as usize)));
    Some(from..to.max(from))
}

/// The files' texts with their secrets hidden, made once a rendering.
struct Masked<'a>(Vec<MaskedFile<'a>>);

struct MaskedFile<'a> {
    name: &'a str,
    text: String,
    /// Where lines begin, from line 1, in bytes.
    starts: Vec<usize>,
}

impl<'a> Masked<'a> {
    fn of(sources: &'a Sources) -> Self {
        let file = |source: &'a Source| {
            let text = source.masked();
            let starts =
                std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at.saturating_add(1))).collect();
            MaskedFile { name: &source.name, text, starts }
        };
        Self(sources.iter().map(file).collect())
    }

    fn lines(&self, name: &str, first: u32, last: u32) -> Option<&str> {
        let file = self.0.iter().find(|file| file.name == name)?;
        let start = *file.starts.get((first as usize).checked_sub(1)?)?;
        let end = file.starts.get(last as usize).copied().unwrap_or(file.text.len());
        let lines = file.text.get(start..end)?;
        let lines = lines.strip_suffix('\n').unwrap_or(lines);
        Some(lines.strip_suffix('\r').unwrap_or(lines))
    }
}

/// One JSON array on one line.
#[must_use]
pub fn json(diagnostics: &Diagnostics) -> String {
    let place = |place: &Place| serde_json::json!({ "file": &*place.file, "line": place.line, "column": place.column, "length": place.length });
    let all: Vec<serde_json::Value> = (diagnostics.sorted().into_iter())
        .map(|d| {
            let notes =
                d.notes.iter().map(|n| serde_json::json!({ "text": n.text, "place": n.place.as_ref().map(place) }));
            serde_json::json!({
                "severity": d.severity.name(), "code": d.code.name(), "place": d.place.as_ref().map(place),
                "message": d.message, "label": d.label, "help": d.help, "notes": notes.collect::<Vec<_>>(),
            })
        })
        .collect();
    let mut json = serde_json::Value::from(all).to_string();
    json.push('\n');
    json
}

/// One workflow command a diagnostic, which GitHub draws beside the line.
#[must_use]
pub fn github(diagnostics: &Diagnostics) -> String {
    let mut commands = String::new();
    for diagnostic in diagnostics.sorted() {
        let _ = write!(commands, "::{} ", diagnostic.severity.name());
        if let Some(place) = &diagnostic.place {
            let end = place.column.saturating_add(place.length.saturating_sub(1));
            let file = property(&place.file);
            let _ = write!(commands, "file={file},line={},col={},endColumn={end},", place.line, place.column);
        }
        let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!("\nhelp: {help}"));
        let _ =
            writeln!(commands, "title={}::{}", diagnostic.code.name(), data(&format!("{}{help}", diagnostic.message)));
    }
    commands
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;
    use std::path::Path;

    fn example() -> (Diagnostics, Sources) {
        let mut sources = Sources::default();
        sources.add(Path::new("a.yaml"), "a: 1\nsecret: hunter2 # ü\na: 2\n".to_owned());
        let at = |line, column, length| Place { file: "a.yaml".into(), line, column, length };
        let mut all = Diagnostics::default();
        all.push(
            Diagnostic::error(Code::DuplicateKey, at(3, 1, 1), "twice")
                .label("again")
                .note(at(1, 1, 1), "first")
                .help("one"),
        );
        all.push(Diagnostic::warning(Code::Include, at(2, 9, 7), "100% odd: x, y").help("two\nlines"));
        (all, sources)
    }

    #[test]
    fn text_shows_the_lines_without_their_secrets() {
        let (all, sources) = example();
        let expected = "\
warning[include]: 100% odd: x, y
 --> a.yaml:2:9
  |
2 | secret: ******* # ü
  |         ^^^^^^^
  |
  = help: two
          lines

error[duplicate-key]: twice
 --> a.yaml:3:1
  |
1 | a: 1
  | - first
2 | secret: ******* # ü
3 | a: 2
  | ^ again
  |
  = help: one

1 error, 1 warning
";
        assert_eq!(text(&all, &sources, Colour::Never), expected);
        assert!(text(&all, &sources, Colour::Always).contains("\u{1b}["));
    }

    #[test]
    fn programs_get_json_and_github_gets_commands() {
        let (all, _) = example();
        let parsed: serde_json::Value = serde_json::from_str(&json(&all)).unwrap();
        assert_eq!(parsed[1]["place"], serde_json::json!({"file": "a.yaml", "line": 3, "column": 1, "length": 1}));
        assert_eq!(parsed[1]["notes"][0]["place"]["line"], 1);
        let expected = "\
::warning file=a.yaml,line=2,col=9,endColumn=15,title=include::100%25 odd: x, y%0Ahelp: two%0Alines
::error file=a.yaml,line=3,col=1,endColumn=1,title=duplicate-key::twice%0Ahelp: one
";
        assert_eq!(github(&all), expected);
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }

    #[test]
    fn a_place_beyond_the_text_is_still_named() {
        let mut all = Diagnostics::default();
        let place = Place { file: "gone.yaml".into(), line: 9, column: 2, length: 1 };
        all.push(Diagnostic::error(Code::YamlSyntax, place, "cut off"));
        assert!(text(&all, &Sources::default(), Colour::Never).contains("gone.yaml:9:2"));
    }
}
