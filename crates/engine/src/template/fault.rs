//! What is wrong with a template, in words for the operator who wrote it.

use super::variable::{CLAIMS, ITEMS, VARIABLES};
use std::fmt;

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// Where in the template's text, or in the part's, in bytes from its start.
    pub offset: usize,
    /// The part in whose text it is; none if it is the template's own.
    pub part: Option<Box<str>>,
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
    /// Nothing is iterated by this name, and there are no conditions.
    UnknownSection {
        tag: String,
    },
    /// What only an error has, where no section is at one.
    OutsideOfSection {
        name: String,
    },
    /// `{{#errors}}` without `{{/errors}}` in the same text.
    SectionUnclosed,
    /// `{{/errors}}` without `{{#errors}}` in the same text.
    SectionUnopened,
    SectionNested,
    /// A header has one line.
    SectionInHeader,
    /// More than [`super::SECTIONS_MAX`].
    TooManySections,
    /// One turn of a section, or its separator, does not end in the place of the document in which it began.
    SectionUnbalanced,
    /// `{{errors}}` where the text is not JSON.
    ListOutsideOfJson,
    /// `{{errors}}` within a JSON string.
    ListInString,
    /// No part is known by this name.
    UnknownPart {
        name: String,
        nearest: Option<Box<str>>,
        known: Box<[Box<str>]>,
    },
    /// A part that includes itself, by way of the others.
    PartInItself {
        circle: Box<[Box<str>]>,
    },
    /// Parts in parts deeper than [`super::PARTS_DEPTH_MAX`].
    PartsTooDeep,
    /// The text, with all parts that it includes, is longer than that.
    TextTooLong {
        bytes_max: usize,
    },
    /// More than [`super::TAGS_MAX`] tags.
    TooManyTags,
    /// A header's own text has something else than visible ASCII, spaces and tabs.
    HeaderText,
    /// The variable stands in a JSON document, but not in a string.
    OutsideOfString {
        name: String,
    },
    /// With values put in it is not JSON; `cause` is the parser's, `near` what was rendered there, `errors` how many there were to show.
    NotJson {
        cause: String,
        near: String,
        errors: usize,
    },
    /// The variable stands in markup where no escaping can make a value harmless.
    Misplaced {
        name: String,
        place: MarkupPlace,
    },
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

impl TemplateProblem {
    pub(super) fn unknown(name: &str) -> Self {
        Self::UnknownVariable { name: name.to_owned(), nearest: nearest(name) }
    }
}

impl TemplateFault {
    /// In the template as a whole.
    pub(super) const fn whole(problem: TemplateProblem) -> Self {
        Self { offset: 0, part: None, problem }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match &self.problem {
            TemplateProblem::Unclosed => "close it, or write `{{{{` for two literal braces".to_owned(),
            TemplateProblem::UnknownVariable { nearest, .. } => {
                let known = VARIABLES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                let known = format!("{known}; for what was wrong with a body `{{{{errors}}}}` and `{{{{#errors}}}}`");
                match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`? Known are {known}"),
                    None => format!("known are {known}"),
                }
            }
            TemplateProblem::UnknownSection { .. } => {
                "templates have no conditions and no comments; the one section is `{{#errors}} … {{/errors}}`, with \
                 `{{#errors separator=\",\"}}` for what stands between two"
                    .to_owned()
            }
            TemplateProblem::OutsideOfSection { .. } => "put it between `{{#errors}}` and `{{/errors}}`".to_owned(),
            TemplateProblem::SectionUnclosed => "close it by `{{/errors}}` in the same text".to_owned(),
            TemplateProblem::SectionUnopened => "begin it by `{{#errors}}` in the same text".to_owned(),
            TemplateProblem::SectionNested => "close the one before it by `{{/errors}}`".to_owned(),
            TemplateProblem::SectionInHeader => "put it into the body".to_owned(),
            TemplateProblem::TooManySections => "show the errors fewer times".to_owned(),
            TemplateProblem::SectionUnbalanced => {
                "close within the section every string, tag and comment that is opened in it, and none that is not"
                    .to_owned()
            }
            TemplateProblem::ListOutsideOfJson => {
                "write `{{#errors}} … {{/errors}}` with `{{in}}`, `{{pointer}}` and `{{message}}` in it".to_owned()
            }
            TemplateProblem::ListInString => "take the quotes away: it is a whole JSON array".to_owned(),
            TemplateProblem::UnknownPart { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            TemplateProblem::UnknownPart { known, .. } if known.is_empty() => {
                "the config has no parts: add it to `errors.parts`".to_owned()
            }
            TemplateProblem::UnknownPart { known, .. } => format!("`errors.parts` has {}", known.join(", ")),
            TemplateProblem::PartInItself { .. } => "take one of them out of the circle".to_owned(),
            TemplateProblem::PartsTooDeep => "write the innermost parts out".to_owned(),
            TemplateProblem::TextTooLong { .. } => "shorten it: refusals have to be small".to_owned(),
            TemplateProblem::TooManyTags => "name some of them fewer times".to_owned(),
            TemplateProblem::HeaderText => "percent-encode other characters, or put them into the body".to_owned(),
            TemplateProblem::OutsideOfString { name } => format!("put it between double quotes: `\"{{{{{name}}}}}\"`"),
            TemplateProblem::NotJson { errors: 2.., .. } => {
                "with more than one error it is not JSON: say what separates them, as in `{{#errors separator=\",\"}}`"
                    .to_owned()
            }
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
            | TemplateProblem::OutsideOfSection { name }
            | TemplateProblem::UnknownSection { tag: name }
            | TemplateProblem::UnknownPart { name, .. }
            | TemplateProblem::Misplaced { name, .. } => Some(name),
            TemplateProblem::Unclosed
            | TemplateProblem::SectionUnclosed
            | TemplateProblem::SectionUnopened
            | TemplateProblem::SectionNested
            | TemplateProblem::SectionInHeader
            | TemplateProblem::TooManySections
            | TemplateProblem::SectionUnbalanced
            | TemplateProblem::ListOutsideOfJson
            | TemplateProblem::ListInString
            | TemplateProblem::PartInItself { .. }
            | TemplateProblem::PartsTooDeep
            | TemplateProblem::TextTooLong { .. }
            | TemplateProblem::TooManyTags
            | TemplateProblem::HeaderText
            | TemplateProblem::NotJson { .. } => None,
        }
    }
}

/// What a rendered text has around a place that a parser names by line and column, both from 1.
#[must_use]
pub fn around(rendered: &str, line: usize, column: usize) -> String {
    const SHOWN: usize = 30;
    let line = rendered.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
    let start = column.saturating_sub(1).saturating_sub(SHOWN);
    line.chars().skip(start).take(2 * SHOWN).collect()
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
        .chain(ITEMS)
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
            TemplateProblem::UnknownSection { tag } => write!(formatter, "`{{{{{tag}}}}}` is no tag of a template"),
            TemplateProblem::OutsideOfSection { name } => {
                write!(formatter, "`{name}` belongs to one of several errors, and no section is open")
            }
            TemplateProblem::SectionUnclosed => formatter.write_str("the section `{{#errors}}` is not closed"),
            TemplateProblem::SectionUnopened => formatter.write_str("`{{/errors}}` closes no section"),
            TemplateProblem::SectionNested => formatter.write_str("a section stands in a section"),
            TemplateProblem::SectionInHeader => formatter.write_str("a header has no room for a section"),
            TemplateProblem::TooManySections => {
                write!(formatter, "the template has more than {} sections", super::SECTIONS_MAX)
            }
            TemplateProblem::SectionUnbalanced => formatter.write_str(
                "one turn of the section does not end where it began: in or out of a string, tag or comment",
            ),
            TemplateProblem::ListOutsideOfJson => {
                formatter.write_str("`{{errors}}` is a JSON array, and this is not JSON")
            }
            TemplateProblem::ListInString => formatter.write_str("`{{errors}}` stands inside of a JSON string"),
            TemplateProblem::UnknownPart { name, .. } => write!(formatter, "no part is named `{name}`"),
            TemplateProblem::PartInItself { circle } => {
                write!(formatter, "a part includes itself: {}", circle.join(" → "))
            }
            TemplateProblem::PartsTooDeep => {
                write!(formatter, "parts stand in parts deeper than {} levels", super::PARTS_DEPTH_MAX)
            }
            TemplateProblem::TextTooLong { bytes_max } => {
                write!(formatter, "the template, with its parts, is longer than {bytes_max} bytes")
            }
            TemplateProblem::TooManyTags => {
                write!(formatter, "the template has more than {} variables", super::TAGS_MAX)
            }
            TemplateProblem::HeaderText => {
                formatter.write_str("a header value may have visible ASCII characters, spaces and tabs only")
            }
            TemplateProblem::OutsideOfString { name } => {
                write!(formatter, "`{name}` is text and stands outside of a JSON string")
            }
            TemplateProblem::NotJson { cause, near: _, errors: _ } => {
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
