//! Text to tree: one document, every duplicate key found, aliases, nesting and size bounded.
//!
//! Knows nothing of Tollgate's keys, but which of them hold secrets.

use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span as ParserSpan, Tag};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, quoted};
use crate::mask;
use crate::scalar;
use crate::source::{FileId, Sources, Span};
use crate::tree::{Entry, Node, Origin, Style, Value};
use crate::yaml_help;

/// How deep maps and lists may nest, aliases expanded.
pub(crate) const DEPTH_MAX: usize = 64;

/// How many values aliases may add to a file.
pub(crate) const ALIASED_NODES_MAX: usize = 100_000;

/// How many values anchors may hold, those within others counted again: each keeps a copy of its own.
pub(crate) const ANCHORED_NODES_MAX: usize = 400_000;

/// Reads one file's text. None if it is empty or cannot be read to its end; the reason is among the diagnostics.
pub(crate) fn read(file: FileId, sources: &mut Sources, diagnostics: &mut Diagnostics) -> Option<Node> {
    let text = sources.get(file)?.text.clone();
    let mut reader = Reader {
        file,
        sources,
        diagnostics,
        lines: Lines::of(&text),
        aliased: 0,
        anchored: 0,
        anchors: HashMap::new(),
    };
    let mut builder = Builder::default();
    let mut documents = 0_usize;
    for item in Parser::new_from_str(&text) {
        let (event, span) = match item {
            Ok(item) => item,
            Err(error) => {
                reader.syntax(&error);
                return None;
            }
        };
        if matches!(event, Event::DocumentStart(_)) {
            documents = documents.saturating_add(1);
            if documents > 1 {
                let place = reader.place(span.start, 3);
                reader.unsupported(
                    place,
                    "the file holds more than one YAML document",
                    "put the other document into a file of its own and `include` it",
                );
                return None;
            }
        }
        reader.take(event, span, &mut builder)?;
    }
    builder.root
}

/// The parser stops at the file's end; None from here stops it before.
type Go = Option<()>;

struct Reader<'a> {
    file: FileId,
    sources: &'a mut Sources,
    diagnostics: &'a mut Diagnostics,
    lines: Lines,
    aliased: usize,
    anchored: usize,
    /// What an anchor stands for, with its depth and its number of values.
    anchors: HashMap<usize, (Node, usize, usize)>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Frame>,
    root: Option<Node>,
}

/// A map or a list that is not closed yet.
struct Frame {
    value: Open,
    span: Span,
    anchor: usize,
    /// How deep what it holds nests, and how many values that is.
    depth: usize,
    nodes: usize,
    /// Whether it is the value of a secret, or part of it.
    is_secret: bool,
}

impl Frame {
    /// The key whose value comes next; none in a list.
    fn key(&self) -> Option<&str> {
        if let Open::Map { key: Some((key, _)), .. } = &self.value { Some(key) } else { None }
    }
}

impl Builder {
    /// Whether the scalar that comes next is a secret.
    fn hides(&self) -> bool {
        self.next_is(mask::hides)
    }

    /// Whether all of the map or list that comes next is.
    fn hides_all(&self) -> bool {
        self.next_is(mask::hides_all)
    }

    fn next_is(&self, secret: fn(&str, Option<&str>) -> bool) -> bool {
        let mut keys = self.open.iter().rev().filter_map(Frame::key);
        self.open.last().is_some_and(|frame| frame.is_secret) || keys.next().is_some_and(|key| secret(key, keys.next()))
    }
}

enum Open {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<String, Span>, key: Option<(String, Span)> },
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: ParserSpan, builder: &mut Builder) -> Go {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Some(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(Frame { value: Open::Map { key: key @ None, .. }, .. }) = builder.open.last_mut() {
                    *key = Some((text.into_owned(), self.span(span)));
                    return Some(());
                }
                let node = self.scalar(&text, style, tag.as_deref(), span, builder);
                self.close(builder, node, anchor, 0, 1)
            }
            Event::Alias(anchor) => {
                self.no_key_expected(builder, span)?;
                let (node, depth, nodes) = self.expand(anchor, span)?;
                self.close(builder, node, 0, depth, nodes)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(builder, Open::List(Vec::new()), anchor, tag.as_deref(), span)
            }
            Event::MappingStart(anchor, tag) => {
                let map = Open::Map { entries: Vec::new(), seen: HashMap::new(), key: None };
                self.open(builder, map, anchor, tag.as_deref(), span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let frame = builder.open.pop()?;
                let value = match frame.value {
                    Open::List(items) => Value::List(items),
                    Open::Map { entries, .. } => Value::Map(entries),
                };
                let node = Node { value, span: frame.span, style: Style::Plain, origin: Origin::Written };
                self.close(builder, node, frame.anchor, frame.depth.saturating_add(1), frame.nodes)
            }
        }
    }

    fn open(&mut self, builder: &mut Builder, value: Open, anchor: usize, tag: Option<&Tag>, span: ParserSpan) -> Go {
        self.no_key_expected(builder, span)?;
        self.refuse_tag(tag, span);
        if builder.open.len() >= DEPTH_MAX {
            return self.too_deep(span);
        }
        let span = Span { length: 1, ..self.span(span) };
        let is_secret = builder.hides_all();
        builder.open.push(Frame { value, span, anchor, depth: 0, nodes: 1, is_secret });
        Some(())
    }

    /// Hands a finished value to the map or list that is open, or makes it the root.
    fn close(&mut self, builder: &mut Builder, node: Node, anchor: usize, depth: usize, nodes: usize) -> Go {
        if anchor != 0 {
            self.anchored = self.anchored.saturating_add(nodes);
            if self.anchored > ANCHORED_NODES_MAX {
                let place = self.sources.place(node.span);
                let message = format!("anchors hold more than {ANCHORED_NODES_MAX} values");
                self.unsupported(place, &message, "remove the anchors that no alias refers to, or those within others");
                return None;
            }
            self.anchors.insert(anchor, (node.clone(), depth, nodes));
        }
        let levels = builder.open.len();
        let Some(frame) = builder.open.last_mut() else {
            builder.root = Some(node);
            return Some(());
        };
        if levels.saturating_add(depth) > DEPTH_MAX {
            let place = self.sources.place(node.span);
            return self.stop_at_depth(place);
        }
        frame.depth = frame.depth.max(depth);
        frame.nodes = frame.nodes.saturating_add(nodes);
        match &mut frame.value {
            Open::List(items) => items.push(node),
            Open::Map { entries, seen, key } => {
                let (key, key_span) = key.take()?;
                match seen.entry(key.clone()) {
                    Slot::Vacant(free) => {
                        free.insert(key_span);
                        entries.push(Entry { key, key_span, node });
                    }
                    Slot::Occupied(first) => {
                        let first = *first.get();
                        self.duplicate(&key, key_span, first);
                    }
                }
            }
        }
        Some(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: ParserSpan,
        builder: &Builder,
    ) -> Node {
        let is_text_by_tag = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        if !is_text_by_tag {
            self.refuse_tag(tag, span);
        }
        let style = if style == ScalarStyle::Plain && !is_text_by_tag { Style::Plain } else { Style::Quoted };
        let value = if style == Style::Plain { scalar::typed(text) } else { Value::Text(text.to_owned()) };
        // A lone `$` is the begin of a placeholder that a brace cut off.
        if builder.hides() && !mask::is_placeholder(text) && text != "$" {
            self.sources.hide(self.file, self.lines.bytes(span));
        }
        if let Some(Frame { value: Open::Map { key: Some((_, key_span)), .. }, .. }) = builder.open.last() {
            // An empty value has no width of its own: its key is what one can point at.
            if span.start == span.end {
                return Node { value, span: *key_span, style, origin: Origin::Written };
            }
        }
        Node { value, span: self.span(span), style, origin: Origin::Written }
    }

    fn expand(&mut self, anchor: usize, span: ParserSpan) -> Option<(Node, usize, usize)> {
        let place = self.place(span.start, 1);
        let Some((node, depth, nodes)) = self.anchors.get(&anchor) else {
            self.unsupported(place, "an alias stands inside the value that it refers to", "write the value out");
            return None;
        };
        self.aliased = self.aliased.saturating_add(*nodes);
        if self.aliased > ALIASED_NODES_MAX {
            let message = format!("aliases expand to more than {ALIASED_NODES_MAX} values");
            self.unsupported(place, &message, "write the values out, or move what repeats into `defaults`");
            return None;
        }
        Some((node.clone(), *depth, *nodes))
    }

    /// Keys are text: a map, list or alias where a key should be cannot be one.
    fn no_key_expected(&mut self, builder: &Builder, span: ParserSpan) -> Go {
        let Some(Frame { value: Open::Map { key: None, .. }, .. }) = builder.open.last() else { return Some(()) };
        let place = self.place(span.start, 1);
        let help = "a key is plain text; quote text that begins with `{`, `[` or `*`";
        self.unsupported(place, "a map, a list or an alias stands where a key should", help);
        None
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: ParserSpan) {
        if let Some(tag) = tag {
            let place = self.place(span.start, 1);
            let message = format!("YAML tags such as {} are not supported", quoted(&tag.to_string()));
            self.unsupported(place, &message, "remove the tag; to make text of a number, quote it");
        }
    }

    fn duplicate(&mut self, key: &str, span: Span, first: Span) {
        let first = self.sources.place(first);
        let message = format!("the key {} stands twice in one map", quoted(key));
        let diagnostic = Diagnostic::error(Code::DuplicateKey, self.sources.place(span), message).label("again here");
        let help = "keep one of the two; a list of values goes under one key";
        self.diagnostics.push(diagnostic.help(help).note(first, "first here"));
    }

    fn too_deep(&mut self, span: ParserSpan) -> Go {
        let place = self.place(span.start, 1);
        self.stop_at_depth(place)
    }

    fn stop_at_depth(&mut self, place: Place) -> Go {
        let message = format!("maps and lists nest deeper than {DEPTH_MAX} levels");
        self.unsupported(place, &message, "no key of a config lies that deep; look for brackets that are not closed");
        None
    }

    fn unsupported(&mut self, place: Place, message: &str, help: &str) {
        self.diagnostics.push(Diagnostic::error(Code::YamlUnsupported, place, message).help(help));
    }

    fn syntax(&mut self, error: &ScanError) {
        let place = self.place(*error.marker(), 1);
        let line = self.lines.get(place.line);
        let message = format!("this is not YAML: {}", quoted(error.info()).trim_matches('`'));
        let diagnostic = Diagnostic::error(Code::YamlSyntax, place, message);
        self.diagnostics.push(diagnostic.help(yaml_help::for_line(line, error.info())));
    }

    fn place(&self, at: Marker, length: u32) -> Place {
        let column = u32::try_from(at.col()).unwrap_or(u32::MAX).saturating_add(1);
        self.sources.place(Span { file: self.file, line: u32::try_from(at.line()).unwrap_or(u32::MAX), column, length })
    }

    /// From the start to the end of the text or of its first line.
    fn span(&self, span: ParserSpan) -> Span {
        let line = u32::try_from(span.start.line()).unwrap_or(u32::MAX);
        let end = if span.end.line() == span.start.line() {
            span.end.col()
        } else {
            self.lines.get(line).trim_end().chars().count()
        };
        let length = u32::try_from(end.saturating_sub(span.start.col())).unwrap_or(u32::MAX).max(1);
        let column = u32::try_from(span.start.col()).unwrap_or(u32::MAX).saturating_add(1);
        Span { file: self.file, line, column, length }
    }
}

/// Where lines and characters begin, so that a marker's position in characters becomes one in bytes.
struct Lines {
    text: String,
    /// The byte offset of each line, from line 1.
    starts: Vec<usize>,
    /// The place that was asked for last: line, column, byte. What is asked for next is mostly behind it, on a line that may be long.
    last: Cell<(usize, usize, usize)>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at.saturating_add(1))).collect();
        Self { text: text.to_owned(), starts, last: Cell::default() }
    }

    fn get(&self, line: u32) -> &str {
        let start = (line as usize).checked_sub(1).and_then(|index| self.starts.get(index));
        let rest = start.and_then(|start| self.text.get(*start..)).unwrap_or_default();
        rest.split('\n').next().unwrap_or_default()
    }

    fn bytes(&self, span: ParserSpan) -> Range<usize> {
        self.byte(span.start)..self.byte(span.end)
    }

    fn byte(&self, at: Marker) -> usize {
        let (line, column, byte) = self.last.get();
        let (passed, start) = if line == at.line() && column <= at.col() {
            (column, byte)
        } else {
            (0, at.line().checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or(self.text.len()))
        };
        let rest = self.text.get(start..).unwrap_or_default();
        let skipped = rest.char_indices().nth(at.col().saturating_sub(passed));
        let found = start.saturating_add(skipped.map_or(rest.len(), |(offset, _)| offset));
        self.last.set((at.line(), at.col(), found));
        found
    }
}
