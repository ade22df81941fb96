//! From a template's text to segments. What surrounds a variable is looked at by `json` and `markup`.

use super::escape::{Encoding, Escape};
use super::fault::{TemplateFault, TemplateProblem};
use super::variable::Variable;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(Box<str>),
    Variable {
        variable: Variable,
        encoding: Encoding,
        /// Of its `{{` in the template's text.
        offset: usize,
    },
}

pub(super) fn segments(text: &str, escape: Escape) -> Result<Vec<Segment>, TemplateFault> {
    let mut segments = Vec::new();
    let mut literal = String::new();
    let mut quotes = Quotes::default();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(OPEN) {
        literal.push_str(before);
        let after_open = text.len().saturating_sub(from.len());
        let offset = after_open.saturating_sub(OPEN.len());
        if let Some(after) = from.strip_prefix(OPEN) {
            literal.push_str(OPEN);
            rest = after;
            continue;
        }
        let Some((inside, after)) = from.split_once(CLOSE) else {
            return Err(TemplateFault::new(offset, TemplateProblem::Unclosed));
        };
        let name = inside.trim();
        let Some(variable) = Variable::named(name) else {
            let blank = inside.len().saturating_sub(inside.trim_start().len());
            return Err(TemplateFault::unknown(after_open.saturating_add(blank), name));
        };
        quotes.read(&literal);
        push_literal(&mut segments, &mut literal);
        segments.push(Segment::Variable { variable, encoding: quotes.encoding(escape), offset });
        rest = after;
    }
    literal.push_str(rest);
    push_literal(&mut segments, &mut literal);
    Ok(segments)
}

fn push_literal(segments: &mut Vec<Segment>, literal: &mut String) {
    if !literal.is_empty() {
        segments.push(Segment::Literal(std::mem::take(literal).into_boxed_str()));
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
