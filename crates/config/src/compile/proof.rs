//! Whether a body is what its content type says, rendered for every reason that there is and with values that would like to break it.
//!
//! The engine has looked at where variables stand; here parsers that know nothing of templates look at what comes out. HTML, which any
//! text is, has to be the same with all values (`html.rs`).

mod html;

use engine::reason::Reason;
use engine::template::{Escape, Template, Values, around};
use engine::violation::{Place, VIOLATIONS_MAX, Violation};
use roxmltree::{Document, ParsingOptions};
use serde_json::{Map, Value};

/// What would end a string, a line, an element, a comment, a section, a script or a text.
const HOSTILE: &str = "\"'\\ \r\nX-Evil: 1\r\n\r\n]]></script><!-- --> &#0; &nbsp; {{request.id}}\0\u{1b}[2J\u{85}\u{2028}\u{202e}\u{ffff}\u{1f600}%0d%0a}],";
/// Longer than any value is shown, and no character of it ends where values are cut.
const LONG: &str = "\u{20ac}\u{1f600}<&\"";
const LONG_TIMES: usize = 400;

/// What came out is no document of its type.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) cause: String,
    /// What was rendered there.
    pub(super) near: String,
}

/// Whether there is a parser that can say so.
pub(super) const fn is_provable(escape: Escape) -> bool {
    match escape {
        Escape::Json | Escape::Xml | Escape::Html => true,
        Escape::Text | Escape::Header => false,
    }
}

pub(super) fn check(template: &Template) -> Result<(), Broken> {
    if !is_provable(template.escape()) {
        return Ok(());
    }
    // Harmless ones first: what is wrong with the template itself is then shown without their noise.
    let claims = Map::new();
    parses(template, &values(Reason::InternalError, "", &claims, &[]))?;
    if template.literal().is_some() {
        return Ok(());
    }
    let long = LONG.repeat(LONG_TIMES);
    for (value, errors) in [("x", 1), ("", 2), (HOSTILE, 3), (&long, VIOLATIONS_MAX)] {
        stands(template, Reason::InternalError, (value, Value::from(value)), errors)?;
    }
    let claim = Value::from(vec![HOSTILE; 2]);
    Reason::ALL.iter().try_for_each(|reason| stands(template, *reason, (HOSTILE, claim.clone()), 2))
}

/// With this value everywhere, `claim` in each claim, and so many errors. HTML has to be what it is with a harmless value.
fn stands(template: &Template, reason: Reason, (value, claim): (&str, Value), errors: usize) -> Result<(), Broken> {
    let filled = |value: &str, claim: &Value, check: &mut dyn FnMut(&Values<'_>) -> Result<(), Broken>| {
        let errors = vec![Violation::new(Place::Body, value, value); errors];
        let claims = template.claims().map(|name| (name.to_owned(), claim.clone())).collect();
        check(&values(reason, value, &claims, &errors))
    };
    if template.escape() != Escape::Html {
        return filled(value, &claim, &mut |values| parses(template, values));
    }
    let (mut harmless, mut hostile) = (String::new(), String::new());
    let into = |text: &mut String, value: &str, claim: &Value| {
        filled(value, claim, &mut |values| {
            *text = rendered(template, values);
            Ok(())
        })
    };
    into(&mut harmless, "x", &Value::from("x"))?;
    into(&mut hostile, value, &claim)?;
    html::compare(&harmless, &hostile)
}

fn rendered(template: &Template, values: &Values<'_>) -> String {
    let mut rendered = Vec::new();
    template.render(values, &mut rendered);
    String::from_utf8_lossy(&rendered).into_owned()
}

/// As the reason would fill them, and `value` wherever a request or a config has a say.
fn values<'a>(reason: Reason, value: &'a str, claims: &'a Map<String, Value>, errors: &'a [Violation]) -> Values<'a> {
    let kind = reason.kind();
    Values {
        request_id: value,
        method: value,
        host: value,
        path: value,
        error_kind: kind.code(),
        error_reason: reason.code(),
        error_title: kind.title(),
        error_detail: reason.detail(),
        error_status: reason.status(),
        error_type: value,
        retry_after_s: Some(u64::MAX),
        allow: value,
        accept: value,
        scopes: value,
        limit_name: value,
        quota_limit: Some(u64::MAX),
        quota_resets_unix_s: Some(u64::MAX),
        route_name: value,
        consumer_id: value,
        plan_name: value,
        policy_name: value,
        now_unix_s: u64::MAX,
        claims: Some(claims),
        errors,
    }
}

fn parses(template: &Template, values: &Values<'_>) -> Result<(), Broken> {
    let text = rendered(template, values);
    match template.escape() {
        Escape::Json => match serde_json::from_str::<Value>(&text) {
            Ok(_) => Ok(()),
            Err(error) => Err(Broken { cause: error.to_string(), near: around(&text, error.line(), error.column()) }),
        },
        Escape::Xml => {
            // An operator may declare a document type; nothing in it is fetched.
            let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
            match Document::parse_with_options(&text, options) {
                Ok(_) => Ok(()),
                Err(error) => {
                    let at = error.pos();
                    let number = |position: u32| usize::try_from(position).unwrap_or(usize::MAX);
                    Err(Broken { cause: error.to_string(), near: around(&text, number(at.row), number(at.col)) })
                }
            }
        }
        Escape::Html | Escape::Text | Escape::Header => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{check, is_provable};
    use engine::template::{Escape, Template};

    fn proof(text: &str, escape: Escape) -> Result<(), String> {
        let template = Template::parse(text, escape).unwrap();
        check(&template).map_err(|broken| format!("{} | {}", broken.cause, broken.near))
    }

    #[test]
    fn documents_that_stay_documents() {
        let xml = "<?xml version=\"1.0\"?>\n<a b=\"{{request.path}}\">{{claims.sub}}{{#errors}}<e>{{message}}</e>{{/errors}}</a>\n";
        assert_eq!(proof(xml, Escape::Xml), Ok(()));
        assert_eq!(proof("<!DOCTYPE a><a>&lt;<![CDATA[x]]></a>", Escape::Xml), Ok(()));
        assert_eq!(proof(r#"{"a":"{{request.path}}","e":{{errors}},"s":{{error.status}}}"#, Escape::Json), Ok(()));
        assert!(!is_provable(Escape::Text) && is_provable(Escape::Xml));
    }

    #[test]
    fn documents_that_are_none_from_the_start() {
        for text in [
            "",
            "x",
            "<a>{{request.id}}",
            "<a>{{request.id}}</b>",
            "<a/><b>{{request.id}}</b>",
            "<a>{{request.id}}</a>{{request.id}}",
            "<a>&nbsp;</a>",
            "<a b='1' b='2'/>",
            "<a b={{{{x}}/>",
        ] {
            assert!(proof(text, Escape::Xml).is_err(), "{text}");
        }
    }

    #[test]
    fn pages_that_stay_what_they_are() {
        for text in [
            "<p>{{request.path}}",
            "no tags at all: {{request.path}}",
            "<!doctype html><title>{{error.title}}</title><a href=\"{{error.type}}\" title='{{claims.sub}}'>{{request.id}}</a>",
            "<ul>{{#errors}}<li>{{pointer}}: {{message}}</li>{{/errors}}</ul><textarea>{{request.path}}</textarea>",
            "<script>let a = '<p>';</script><style>p { color: red }</style><!-- a --><p>{{request.path}}</p>",
            "<br/><svg viewBox='0 0 1 1'><title>{{request.path}}</title></svg>",
            "<b><p>unclosed and {{request.path}} </i>",
        ] {
            assert_eq!(proof(text, Escape::Html), Ok(()), "{text}");
        }
    }

    #[test]
    fn pages_that_values_change() {
        for (text, cause) in [
            // A quote within a name is part of the name, and what follows the `=` has no quotes.
            ("<p a\"b={{request.path}}\">", "a value can swallow `<p a\"b>`"),
            // No element of HTML is its own end.
            ("<script/>{{request.path}}</script>", "a value can make `</script>` of `x`"),
        ] {
            let broken = proof(text, Escape::Html).unwrap_err();
            assert!(broken.starts_with(cause), "{text}: {broken}");
        }
    }

    #[test]
    fn documents_that_only_some_values_break() {
        // Two elements of one root each are well-formed alone, and not together.
        let broken = proof("{{#errors}}<e>{{message}}</e>{{/errors}}", Escape::Xml).unwrap_err();
        assert!(broken.contains("root") || broken.contains("end of stream"), "{broken}");
        // A comment holds no variable, but a section may not break one either.
        assert!(proof("<a><!-- {{{{request.id}} -- --></a>", Escape::Xml).is_err());
    }
}
