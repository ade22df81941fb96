//! Which of several languages an error is in, and what the reply says of that.

use super::{Errors, body, header, occurrence, template, with};
use crate::denial::Denial;
use crate::reason::Reason;
use http::header::{ACCEPT, ACCEPT_LANGUAGE};
use http::{HeaderMap, HeaderValue};

fn fields(accept: &str, language: &str) -> HeaderMap {
    let line = |name, value: &str| (!value.is_empty()).then(|| (name, HeaderValue::from_str(value).unwrap()));
    [line(ACCEPT, accept), line(ACCEPT_LANGUAGE, language)].into_iter().flatten().collect()
}

/// `(on, accept, language)`: a template whose body is its own description.
fn errors(templates: &[(&str, &str, &str)]) -> Errors {
    let one = |(on, accept, language): &(&str, &str, &str)| {
        let template = if accept.is_empty() { template(on) } else { template(on).accept(accept) };
        let template = if language.is_empty() { template } else { template.language(language) };
        template.body(&format!("\"{on} {accept} {language}\""))
    };
    with(templates.iter().map(one).collect())
}

/// `expected` is body, `Content-Language` and `Vary`.
fn check(errors: &Errors, accept: &str, language: &str, expected: (&str, Option<&str>, Option<&str>)) {
    let denial = Denial::new(Reason::KeyExpired);
    let fields = fields(accept, language);
    let reply = errors.render(&occurrence(&denial, Some(&fields)));
    let text = body(&reply).trim_matches('"').trim();
    let text = if text.contains("about:blank") { "default" } else { text };
    let got = (text, header(&reply, "content-language"), header(&reply, "vary"));
    assert_eq!(got, expected, "{accept:?} {language:?}");
}

#[test]
fn the_client_gets_the_language_that_it_likes_best() {
    let errors = errors(&[("4xx", "", ""), ("4xx", "", "de"), ("4xx", "", "fr"), ("4xx", "", "pt-BR")]);
    let vary = Some("Accept-Language, Accept");
    let language_only = Some("Accept-Language");
    let check = |language, text, content| check(&errors, "", language, (text, content, language_only));
    assert_ne!(vary, language_only);
    check("", "4xx", None);
    check("*", "4xx", None);
    check("en", "4xx", None);
    check("de", "4xx  de", Some("de"));
    check("de-AT", "4xx  de", Some("de"));
    check("fr;q=0.8, de;q=0.9", "4xx  de", Some("de"));
    check("fr, de", "4xx  fr", Some("fr"));
    check("en, fr;q=0.5", "4xx  fr", Some("fr"));
    check("pt", "4xx", None);
    check("PT-br", "4xx  pt-BR", Some("pt-BR"));
    check("de;q=0", "4xx", None);
    check("not_one", "4xx", None);
}

#[test]
fn a_type_goes_before_a_language() {
    let errors = errors(&[("4xx", "text/html", ""), ("4xx", "text/html", "de"), ("4xx", "", "")]);
    let vary = Some("Accept, Accept-Language");
    check(&errors, "text/html", "de", ("4xx text/html de", Some("de"), vary));
    check(&errors, "text/html", "fr", ("4xx text/html", None, vary));
    check(&errors, "application/json", "de", ("4xx", None, vary));
    // Both are as good, and the one without `accept` is there for whoever has no preference.
    check(&errors, "*/*", "de", ("4xx", None, vary));
    check(&errors, "application/json;q=0.5, text/html;q=0.6", "de", ("4xx text/html de", Some("de"), vary));
}

#[test]
fn whoever_finds_no_language_gets_the_next_best_template() {
    let exact = errors(&[("key_expired", "", "de"), ("4xx", "", "")]);
    check(&exact, "", "de", ("key_expired  de", Some("de"), Some("Accept-Language")));
    check(&exact, "", "fr", ("4xx", None, Some("Accept-Language")));
    let alone = errors(&[("4xx", "", "de")]);
    check(&alone, "", "de", ("4xx  de", Some("de"), Some("Accept-Language")));
    check(&alone, "", "fr", ("default", None, Some("Accept, Accept-Language")));
}

#[test]
fn what_does_not_depend_on_a_language_does_not_say_so() {
    check(&errors(&[("4xx", "", "")]), "", "de", ("4xx", None, None));
    // What is behind a template for everybody has no say.
    check(&errors(&[("key_expired", "", ""), ("4xx", "", "de")]), "", "de", ("key_expired", None, None));
    check(&errors(&[("5xx", "", "de")]), "", "de", ("default", None, Some("Accept")));
}

#[test]
fn the_operators_own_vary_is_added_to() {
    let own =
        with(vec![template("*").language("de").header("vary", "Origin, accept").body("1"), template("*").body("2")]);
    check(&own, "", "de", ("1", Some("de"), Some("Origin, accept, Accept-Language")));
    check(&own, "", "", ("2", None, Some("Accept-Language")));
    let star = with(vec![template("*").header("vary", "*")]);
    assert_eq!(header(&super::render(&star, &Denial::new(Reason::KeyExpired), "*/*"), "vary"), Some("*"));
    let content_language = with(vec![template("*").language("de").header("content-language", "gsw").body("1")]);
    check(&content_language, "", "de", ("1", Some("gsw"), Some("Accept-Language")));
}

#[test]
fn without_a_body_nothing_is_in_a_language() {
    let errors =
        with(vec![template("*").language("de").status(400), template("4xx").language("de").status(204).body("1")]);
    check(&errors, "", "de", ("", None, Some("Accept-Language")));
    let denial = Denial::new(Reason::InternalError);
    let reply = errors.render(&occurrence(&denial, Some(&fields("", "de"))));
    assert_eq!((reply.status, header(&reply, "content-language")), (400, None));
}
