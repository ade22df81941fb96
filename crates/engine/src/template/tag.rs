//! What stands between `{{` and `}}`: a variable, a list, the ends of a section, or a part's name. Knows nothing of what is around it.

use super::fault::TemplateProblem;
use super::variable::{Item, Variable};

/// The one list that there is.
pub(super) const ERRORS: &str = "errors";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tag<'t> {
    Variable(Variable),
    /// `{{errors}}`
    List,
    /// `{{#errors}}`, or `{{#errors separator=", "}}`
    Open {
        separator: &'t str,
    },
    /// `{{/errors}}`
    Close,
    /// `{{> footer}}`
    Part(&'t str),
}

/// Takes the inside of a tag apart; `in_section` is whether a section is open around it.
pub(super) fn read(inside: &str, in_section: bool) -> Result<Tag<'_>, TemplateProblem> {
    let name = inside.trim();
    if let Some(part) = name.strip_prefix('>') {
        return Ok(Tag::Part(part.trim()));
    }
    if let Some(section) = name.strip_prefix('#') {
        return open(section.trim(), name);
    }
    if let Some(section) = name.strip_prefix('/') {
        let tag = (section.trim() == ERRORS).then_some(Tag::Close);
        return tag.ok_or_else(|| TemplateProblem::UnknownSection { tag: name.into() });
    }
    if name.starts_with(['^', '!', '&']) {
        return Err(TemplateProblem::UnknownSection { tag: name.into() });
    }
    if name == ERRORS {
        return Ok(Tag::List);
    }
    match Item::named(name) {
        Some(item) if in_section => Ok(Tag::Variable(Variable::Item(item))),
        Some(_) => Err(TemplateProblem::OutsideOfSection { name: name.into() }),
        None => Variable::named(name).map(Tag::Variable).ok_or_else(|| TemplateProblem::unknown(name)),
    }
}

fn open<'t>(section: &'t str, tag: &str) -> Result<Tag<'t>, TemplateProblem> {
    let unknown = || TemplateProblem::UnknownSection { tag: tag.into() };
    let rest = section.strip_prefix(ERRORS).ok_or_else(unknown)?;
    if rest.is_empty() {
        return Ok(Tag::Open { separator: "" });
    }
    let quoted = rest.trim_start().strip_prefix("separator").filter(|_| rest.starts_with(char::is_whitespace));
    let quoted = quoted.and_then(|rest| rest.trim_start().strip_prefix('=')).map(str::trim).ok_or_else(unknown)?;
    let between = |quote: char| quoted.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote));
    let separator = between('"').or_else(|| between('\'')).ok_or_else(unknown)?;
    Ok(Tag::Open { separator })
}

#[cfg(test)]
mod tests {
    use super::{Tag, read};
    use crate::template::fault::TemplateProblem;

    fn check(inside: &str, expected: &Tag) {
        assert_eq!(read(inside, false).as_ref(), Ok(expected), "{inside}");
    }

    #[test]
    fn tags_by_their_sign() {
        check("> footer", &Tag::Part("footer"));
        check(">footer ", &Tag::Part("footer"));
        check("errors", &Tag::List);
        check(" #errors ", &Tag::Open { separator: "" });
        check("# errors separator=\", \"", &Tag::Open { separator: ", " });
        check("#errors separator = ','", &Tag::Open { separator: "," });
        check("#errors\tseparator='\"'", &Tag::Open { separator: "\"" });
        check("/ errors", &Tag::Close);
    }

    #[test]
    fn what_is_no_tag() {
        for inside in [
            "#",
            "#if x",
            "#error",
            "#errorsx",
            "#errors x",
            "#errors separator",
            "#errors separator=,",
            "#errorsseparator=''",
        ] {
            assert!(matches!(read(inside, false), Err(TemplateProblem::UnknownSection { .. })), "{inside}");
        }
        for inside in ["/", "/if", "^errors", "!a comment", "& request.id", "#errors separator='a'b'"] {
            assert!(matches!(read(inside, true), Err(TemplateProblem::UnknownSection { .. })), "{inside}");
        }
        assert!(matches!(read("pointer", false), Err(TemplateProblem::OutsideOfSection { .. })));
        assert!(matches!(read("pointer", true), Ok(Tag::Variable(_))));
        assert!(matches!(read("request.id", true), Ok(Tag::Variable(_))));
        assert!(matches!(read("detail", true), Err(TemplateProblem::UnknownVariable { .. })));
    }
}
