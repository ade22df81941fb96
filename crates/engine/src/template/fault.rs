//! What is wrong with a template, in words for the operator who wrote it.

use super::variable::{CLAIMS, VARIABLES};
use std::fmt;

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// Where in the template's text, in bytes from its start.
    pub offset: usize,
    pub problem: TemplateProblem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateProblem {
    /// `{{` without `}}`.
    Unclosed,
    /// Nothing is known by this name.
    UnknownVariable {
        name: String,
        /// The known name that it is most like, if one is near.
        nearest: Option<&'static str>,
    },
    /// The text is longer than [`super::TEXT_BYTES_MAX`].
    TextTooLong,
    /// More than [`super::VARIABLES_MAX`] variables.
    TooManyVariables,
    /// A header's own text has something else than visible ASCII, spaces and tabs.
    HeaderText,
    /// The variable stands in a JSON document, but not in a string.
    OutsideOfString { name: String },
    /// With values put in it is not JSON; `cause` is the parser's.
    NotJson { cause: String },
    /// The variable stands in markup where no escaping can make a value harmless.
    Misplaced { name: String, place: MarkupPlace },
}

/// Where in XML or HTML no variable may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkupPlace {
    /// In a tag, but not in a quoted attribute value.
    Tag,
    Comment,
    Cdata,
    /// In `<!…>` or `<?…?>`.
    Declaration,
    /// In the name of an entity: `&{{…}};`.
    Entity,
    /// In an element whose text is program or style: `script`, `style` and their like.
    RawText,
    /// In an attribute whose value is program, style or a document: `on…`, `style`, `srcdoc`.
    Handler,
}

impl TemplateFault {
    pub(super) const fn new(offset: usize, problem: TemplateProblem) -> Self {
        Self { offset, problem }
    }

    pub(super) fn unknown(offset: usize, name: &str) -> Self {
        Self::new(offset, TemplateProblem::UnknownVariable { name: name.to_owned(), nearest: nearest(name) })
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match &self.problem {
            TemplateProblem::Unclosed => "close it, or write `{{{{` for two literal braces".to_owned(),
            TemplateProblem::UnknownVariable { nearest, .. } => {
                let known = VARIABLES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`? Known are {known}"),
                    None => format!("known are {known}"),
                }
            }
            TemplateProblem::TextTooLong => "shorten it: refusals have to be small".to_owned(),
            TemplateProblem::TooManyVariables => "name some of them fewer times".to_owned(),
            TemplateProblem::HeaderText => "percent-encode other characters, or put them into the body".to_owned(),
            TemplateProblem::OutsideOfString { name } => format!("put it between double quotes: `\"{{{{{name}}}}}\"`"),
            TemplateProblem::NotJson { .. } => "correct the JSON, or set a `contentType` that the body is".to_owned(),
            TemplateProblem::Misplaced { .. } => {
                "put it into the text of an element or a quoted attribute value".to_owned()
            }
        }
    }

    /// The variable as the template spells it, braces aside, if it is about one.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match &self.problem {
            TemplateProblem::UnknownVariable { name, .. }
            | TemplateProblem::OutsideOfString { name }
            | TemplateProblem::Misplaced { name, .. } => Some(name),
            TemplateProblem::Unclosed
            | TemplateProblem::TextTooLong
            | TemplateProblem::TooManyVariables
            | TemplateProblem::HeaderText
            | TemplateProblem::NotJson { .. } => None,
        }
    }
}

/// The known name with the fewest edits, if they are few: two, or a third of the name.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    if name.starts_with("claim") {
        return Some(CLAIMS);
    }
    let few = (name.len() / 3).max(2);
    VARIABLES
        .iter()
        .map(|(known, _)| (strsim::osa_distance(&name, known), *known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= few)
        .map(|(_, known)| known)
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            TemplateProblem::Unclosed => formatter.write_str("`{{` is not closed by `}}`"),
            TemplateProblem::UnknownVariable { name, nearest: _ } => write!(formatter, "unknown variable `{name}`"),
            TemplateProblem::TextTooLong => {
                write!(formatter, "the template is longer than {} bytes", super::TEXT_BYTES_MAX)
            }
            TemplateProblem::TooManyVariables => {
                write!(formatter, "the template has more than {} variables", super::VARIABLES_MAX)
            }
            TemplateProblem::HeaderText => {
                formatter.write_str("a header value may have visible ASCII characters, spaces and tabs only")
            }
            TemplateProblem::OutsideOfString { name } => {
                write!(formatter, "`{name}` is text and stands outside of a JSON string")
            }
            TemplateProblem::NotJson { cause } => {
                write!(formatter, "the template is not JSON once its variables are filled in: {cause}")
            }
            TemplateProblem::Misplaced { name, place } => {
                write!(formatter, "`{name}` stands {}, where no value is safe", place.words())
            }
        }
    }
}

impl std::error::Error for TemplateFault {}

impl MarkupPlace {
    const fn words(self) -> &'static str {
        match self {
            Self::Tag => "in a tag outside of quotes",
            Self::Comment => "in a comment",
            Self::Cdata => "in a CDATA section",
            Self::Declaration => "in a declaration or processing instruction",
            Self::Entity => "in the name of an entity",
            Self::RawText => "in a script or style sheet",
            Self::Handler => "in an attribute that holds a script, a style or a document",
        }
    }
}
