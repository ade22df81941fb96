//! From a template's text, with the parts that it includes, to segments. What surrounds a variable is looked at by `json` and `markup`.

use super::escape::{Encoding, Escape};
use super::fault::{TemplateFault, TemplateProblem};
use super::parts::{PARTS_DEPTH_MAX, Parts};
use super::tag::{self, Tag};
use super::variable::Variable;
use super::{SECTIONS_MAX, TAGS_MAX};

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(Box<str>),
    Variable {
        variable: Variable,
        encoding: Encoding,
        spot: Spot,
    },
    /// All errors as one JSON array.
    List {
        spot: Spot,
    },
    /// Once for each error.
    Section {
        separator: Box<str>,
        segments: Box<[Segment]>,
        spot: Spot,
    },
}

/// Where a tag begins: in bytes from the start of the template's text, or of the part's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    offset: usize,
    part: Option<Box<str>>,
}

impl Spot {
    pub(super) fn fault(&self, problem: TemplateProblem) -> TemplateFault {
        TemplateFault { offset: self.offset, part: self.part.clone(), problem }
    }
}

pub(super) fn segments(text: &str, escape: Escape, parts: &Parts) -> Result<Vec<Segment>, TemplateFault> {
    let mut parser = Parser {
        escape,
        parts,
        open: Vec::new(),
        quotes: Quotes::default(),
        level: Level::default(),
        outer: None,
        bytes_left: escape.text_bytes_max(),
        tags: 0,
        sections: 0,
    };
    parser.text(text)?;
    parser.level.end();
    Ok(parser.level.segments)
}

struct Parser<'p> {
    escape: Escape,
    parts: &'p Parts,
    /// The parts that are being read, outermost first.
    open: Vec<&'p str>,
    quotes: Quotes,
    /// Where segments go.
    level: Level,
    /// What surrounds the section that is open.
    outer: Option<Outer>,
    bytes_left: usize,
    tags: usize,
    sections: usize,
}

#[derive(Default)]
struct Level {
    segments: Vec<Segment>,
    literal: String,
}

struct Outer {
    level: Level,
    separator: Box<str>,
    spot: Spot,
    /// How many parts were open when it began: it ends in the same text.
    depth: usize,
}

impl Level {
    fn end(&mut self) {
        if !self.literal.is_empty() {
            self.segments.push(Segment::Literal(std::mem::take(&mut self.literal).into_boxed_str()));
        }
    }
}

impl Parser<'_> {
    fn spot(&self, offset: usize) -> Spot {
        Spot { offset, part: self.open.last().map(|part| (*part).into()) }
    }

    fn text(&mut self, text: &str) -> Result<(), TemplateFault> {
        let Some(left) = self.bytes_left.checked_sub(text.len()) else {
            let offset = if self.open.is_empty() { self.bytes_left } else { 0 };
            return Err(self
                .spot(offset)
                .fault(TemplateProblem::TextTooLong { bytes_max: self.escape.text_bytes_max() }));
        };
        self.bytes_left = left;
        self.check_header(text)?;
        let depth = self.open.len();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once(OPEN) {
            self.level.literal.push_str(before);
            let after_open = text.len().saturating_sub(from.len());
            let spot = self.spot(after_open.saturating_sub(OPEN.len()));
            if let Some(after) = from.strip_prefix(OPEN) {
                self.level.literal.push_str(OPEN);
                rest = after;
                continue;
            }
            let Some((inside, after)) = from.split_once(CLOSE) else {
                return Err(spot.fault(TemplateProblem::Unclosed));
            };
            let tag = tag::read(inside, self.outer.is_some()).map_err(|problem| {
                let blank = inside.len().saturating_sub(inside.trim_start().len());
                self.spot(after_open.saturating_add(blank)).fault(problem)
            })?;
            self.tag(tag, spot)?;
            rest = after;
        }
        self.level.literal.push_str(rest);
        match &self.outer {
            Some(outer) if outer.depth == depth => Err(outer.spot.fault(TemplateProblem::SectionUnclosed)),
            Some(_) | None => Ok(()),
        }
    }

    /// A header's text is on one line.
    fn check_header(&self, text: &str) -> Result<(), TemplateFault> {
        let foreign = || text.bytes().position(|byte| !matches!(byte, b'\t' | b' '..=b'~'));
        match self.escape {
            Escape::Header => foreign().map_or(Ok(()), |at| Err(self.spot(at).fault(TemplateProblem::HeaderText))),
            Escape::Json | Escape::Xml | Escape::Html | Escape::Text => Ok(()),
        }
    }

    fn tag(&mut self, tag: Tag<'_>, spot: Spot) -> Result<(), TemplateFault> {
        self.tags = self.tags.saturating_add(1);
        if self.tags > TAGS_MAX {
            return Err(spot.fault(TemplateProblem::TooManyTags));
        }
        match tag {
            Tag::Variable(variable) => {
                self.quotes.read(&self.level.literal);
                self.level.end();
                let encoding = self.quotes.encoding(self.escape);
                self.level.segments.push(Segment::Variable { variable, encoding, spot });
                Ok(())
            }
            Tag::List if self.escape == Escape::Json => {
                self.level.end();
                self.level.segments.push(Segment::List { spot });
                Ok(())
            }
            Tag::List => Err(spot.fault(TemplateProblem::ListOutsideOfJson)),
            Tag::Open { separator } => self.open_section(separator, spot),
            Tag::Close => self.close_section(&spot),
            Tag::Part(name) => self.include(name, &spot),
        }
    }

    fn open_section(&mut self, separator: &str, spot: Spot) -> Result<(), TemplateFault> {
        if self.escape == Escape::Header {
            return Err(spot.fault(TemplateProblem::SectionInHeader));
        }
        if self.outer.is_some() {
            return Err(spot.fault(TemplateProblem::SectionNested));
        }
        self.sections = self.sections.saturating_add(1);
        if self.sections > SECTIONS_MAX {
            return Err(spot.fault(TemplateProblem::TooManySections));
        }
        self.level.end();
        let level = std::mem::take(&mut self.level);
        self.outer = Some(Outer { level, separator: separator.into(), spot, depth: self.open.len() });
        Ok(())
    }

    fn close_section(&mut self, spot: &Spot) -> Result<(), TemplateFault> {
        let depth = self.open.len();
        let Some(outer) = self.outer.take_if(|outer| outer.depth == depth) else {
            return Err(spot.fault(TemplateProblem::SectionUnopened));
        };
        self.level.end();
        let Outer { level, separator, spot, depth: _ } = outer;
        let segments = std::mem::replace(&mut self.level, level).segments.into();
        self.level.segments.push(Segment::Section { separator, segments, spot });
        Ok(())
    }

    fn include(&mut self, name: &str, spot: &Spot) -> Result<(), TemplateFault> {
        let Some((name, text)) = self.parts.entry(name) else {
            return Err(spot.fault(self.parts.unknown(name)));
        };
        if self.open.contains(&name) {
            let circle = self.open.iter().chain([&name]).map(|name| Box::from(*name)).collect();
            return Err(spot.fault(TemplateProblem::PartInItself { circle }));
        }
        if self.open.len() >= PARTS_DEPTH_MAX {
            return Err(spot.fault(TemplateProblem::PartsTooDeep));
        }
        self.open.push(name);
        self.text(text)?;
        self.open.pop();
        Ok(())
    }
}

/// Whether a header's text is inside of a quoted-string (RFC 9110, 5.6.4).
#[derive(Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn read(&mut self, literal: &str) {
        for byte in literal.bytes() {
            if std::mem::take(&mut self.escaped) {
                continue;
            }
            match byte {
                b'"' => self.open = !self.open,
                b'\\' => self.escaped = self.open,
                _ => {}
            }
        }
    }

    fn encoding(&self, escape: Escape) -> Encoding {
        match (Encoding::from(escape), self.open) {
            (Encoding::Header, true) => Encoding::HeaderQuoted,
            (encoding, _) => encoding,
        }
    }
}
