//! Whether every variable of an XML or HTML template stands where its escaped value is harmless: in character data or in a quoted
//! attribute value. Reads tags, comments and sections; does not check that they match.

use super::escape::Escape;
use super::fault::{MarkupPlace, TemplateFault, TemplateProblem};
use super::parse::Segment;

/// Elements whose content HTML does not decode as text.
const RAW_TEXT: &[&str] = &["script", "style", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext"];

pub(super) fn check(segments: &[Segment], escape: Escape) -> Result<(), TemplateFault> {
    Reader { html: escape == Escape::Html, state: State::Text, entity: false }.walk(segments)
}

#[derive(Clone, PartialEq)]
struct Reader {
    html: bool,
    state: State,
    /// Behind `&` and what can be in a reference.
    entity: bool,
}

#[derive(Clone, PartialEq)]
enum State {
    Text,
    /// Behind `<`, with all since then.
    Tag(String),
    /// In a quoted attribute value of this tag.
    Quoted {
        quote: char,
        tag: String,
    },
    Comment(Ending),
    Cdata(Ending),
    Declaration,
    /// In the element of this name, with the last bytes read.
    RawText {
        element: &'static str,
        ending: Ending,
    },
}

/// The last few characters, in lower case: enough to see `-->`, `]]>` or the longest `</plaintext`.
#[derive(Clone, Default)]
struct Ending(String);

/// Two places in one comment are one place.
impl PartialEq for Ending {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Ending {
    const CHARACTERS_MAX: usize = 12;

    fn push(&mut self, character: char) -> &str {
        if self.0.chars().count() >= Self::CHARACTERS_MAX {
            self.0.remove(0);
        }
        self.0.push(character.to_ascii_lowercase());
        &self.0
    }
}

impl Reader {
    fn walk(&mut self, segments: &[Segment]) -> Result<(), TemplateFault> {
        for segment in segments {
            match segment {
                Segment::Literal(literal) => self.read(literal),
                Segment::Variable { variable, spot, .. } => {
                    if let Some(place) = self.forbidden() {
                        let name = variable.name().into_owned();
                        return Err(spot.fault(TemplateProblem::Misplaced { name, place }));
                    }
                }
                Segment::List { spot } => return Err(spot.fault(TemplateProblem::ListOutsideOfJson)),
                Segment::Section { separator, segments, spot } => {
                    let before = self.clone();
                    self.walk(segments)?;
                    let after_turn = self.clone();
                    self.read(separator);
                    if after_turn != before || *self != before {
                        return Err(spot.fault(TemplateProblem::SectionUnbalanced));
                    }
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, literal: &str) {
        for character in literal.chars() {
            self.entity = character == '&' || (self.entity && (character.is_alphanumeric() || character == '#'));
            let state = std::mem::replace(&mut self.state, State::Text);
            self.state = next(state, character);
        }
    }

    fn forbidden(&self) -> Option<MarkupPlace> {
        match &self.state {
            State::Tag(tag) if tag.starts_with('!') => Some(MarkupPlace::Declaration),
            State::Tag(_) => Some(MarkupPlace::Tag),
            State::Quoted { tag, .. } if self.html && holds_program(tag) => Some(MarkupPlace::Handler),
            State::Text | State::Quoted { .. } => self.entity.then_some(MarkupPlace::Entity),
            State::Comment(_) => Some(MarkupPlace::Comment),
            State::Cdata(_) => Some(MarkupPlace::Cdata),
            State::Declaration => Some(MarkupPlace::Declaration),
            State::RawText { .. } => Some(MarkupPlace::RawText),
        }
    }
}

fn next(state: State, character: char) -> State {
    match (state, character) {
        (State::Text, '<') => State::Tag(String::new()),
        (State::Text, _) | (State::Declaration, '>') => State::Text,
        (State::Tag(tag), '>') => after_tag(&tag),
        (State::Tag(tag), quote @ ('"' | '\'')) => State::Quoted { quote, tag },
        (State::Tag(mut tag), _) => {
            tag.push(character.to_ascii_lowercase());
            match tag.as_str() {
                "!--" => State::Comment(Ending::default()),
                "![cdata[" => State::Cdata(Ending::default()),
                "?" => State::Declaration,
                _ => State::Tag(tag),
            }
        }
        (State::Quoted { quote, tag }, _) if character == quote => State::Tag(closed_quote(tag)),
        (State::Quoted { quote, tag }, _) => State::Quoted { quote, tag },
        (State::Comment(mut ending), _) => {
            if ending.push(character).ends_with("-->") {
                State::Text
            } else {
                State::Comment(ending)
            }
        }
        (State::Cdata(mut ending), _) => {
            if ending.push(character).ends_with("]]>") {
                State::Text
            } else {
                State::Cdata(ending)
            }
        }
        (State::Declaration, _) => State::Declaration,
        (State::RawText { element, mut ending }, _) => {
            let closed = ending.push(character).rsplit_once("</").is_some_and(|(_, name)| name == element);
            if closed { State::Tag(format!("/{element}")) } else { State::RawText { element, ending } }
        }
    }
}

/// The values of attributes do not matter; a space keeps the next name apart.
fn closed_quote(mut tag: String) -> String {
    tag.push(' ');
    tag
}

fn after_tag(tag: &str) -> State {
    let name = tag.split(|character: char| character.is_whitespace() || character == '/').next().unwrap_or_default();
    match RAW_TEXT.iter().find(|element| **element == name && !tag.ends_with('/')) {
        Some(element) => State::RawText { element, ending: Ending::default() },
        None => State::Text,
    }
}

/// `tag` ends with the attribute's name and `=`.
fn holds_program(tag: &str) -> bool {
    let name = tag.trim_end().trim_end_matches('=').trim_end();
    let name = name.rsplit(|character: char| character.is_whitespace() || character == '/').next().unwrap_or_default();
    name.starts_with("on") || matches!(name, "style" | "srcdoc")
}
