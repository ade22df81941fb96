//! What is settled at load about lists of templates, held against the same rules read slowly, one template after the other.

use super::super::accept::Accept;
use super::super::language::Languages;
use super::super::{Hidden, hidden};
use super::{Reply, body, header, occurrence, template, with};
use crate::denial::Denial;
use crate::reason::Reason;
use crate::reply::{ErrorTemplate, Errors, MediaType};
use http::header::{ACCEPT, ACCEPT_LANGUAGE};
use http::{HeaderMap, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use std::cmp::Reverse;

const ONS: &[&str] = &["key_expired", "api_key_invalid", "4xx", "5xx", "*"];
const TYPES: &[&str] = &["", "", "text/html", "application/xml", "text/csv"];
const LANGUAGES: &[&str] = &["", "", "de", "pt", "pt-BR"];
const ACCEPTS: &[&str] = &[
    "",
    "*/*",
    "text/html",
    "text/*;q=0.5, application/xml;q=0.6",
    "application/json",
    "text/html;q=0, */*;q=0.1",
    "image/png",
];
const ASKED: &[&str] = &["", "de", "pt-BR, de;q=0.5", "pt-PT", "de;q=0, pt;q=0.1", "*"];
const REASONS: &[Reason] = &[Reason::KeyExpired, Reason::KeyUnknown, Reason::PathUnknown, Reason::InternalError];

type Sketch = (&'static str, &'static str, &'static str);

/// A template whose body is its place in the list.
fn templates(sketches: &[Sketch]) -> Vec<ErrorTemplate> {
    let one = |(index, (on, accept, language)): (usize, &Sketch)| {
        let template = if accept.is_empty() { template(on) } else { template(on).accept(accept) };
        let template = if language.is_empty() { template } else { template.language(language) };
        template.body(&index.to_string())
    };
    sketches.iter().enumerate().map(one).collect()
}

fn render(errors: &Errors, reason: Reason, accept: &str, language: &str) -> Reply {
    let lines = [(ACCEPT, accept), (ACCEPT_LANGUAGE, language)].into_iter().filter(|(_, value)| !value.is_empty());
    let fields: HeaderMap = lines.map(|(name, value)| (name, HeaderValue::from_str(value).unwrap())).collect();
    errors.render(&occurrence(&Denial::new(reason), Some(&fields)))
}

/// The rules as the documentation has them; none is the default body.
fn reference(list: &[ErrorTemplate], reason: Reason, accept: &str, language: &str) -> Option<usize> {
    let lines = |text: &str| (!text.is_empty()).then(|| HeaderValue::from_str(text).unwrap());
    let (accept, language) = (lines(accept), lines(language));
    let (accept, asked) = (Accept::read(&accept), Languages::read(&language));
    let candidates = list.iter().enumerate().filter_map(|(index, template)| {
        let rank = template.on.rank(reason)?;
        let quality = match &template.accept {
            Some(media_type) => Some(accept.quality(media_type)).filter(|quality| *quality > 0)?,
            None => ["application/problem+json", "application/json"]
                .map(|json| accept.quality(&MediaType::parse(json).unwrap()))
                .into_iter()
                .max()?,
        };
        let liking = match &template.language {
            Some(language) => Some(asked.liking(language)?),
            None => None,
        };
        Some(((rank, quality, template.accept.is_none(), liking, Reverse(index)), index))
    });
    candidates.max().map(|(_, index)| index)
}

fn check_hidden(sketches: &[Sketch], expected: &[(usize, usize)]) {
    let found = hidden(&templates(sketches), &HeaderValue::from_static("application/problem+json"));
    let expected: Vec<_> = expected.iter().map(|(template, by)| Hidden { template: *template, by: *by }).collect();
    assert_eq!(found, expected, "{sketches:?}");
}

#[test]
fn a_template_that_nobody_can_get_is_found_with_the_one_that_hides_it() {
    check_hidden(&[("4xx", "", ""), ("4xx", "text/html", ""), ("4xx", "", "de"), ("*", "", "")], &[]);
    check_hidden(&[("4xx", "", ""), ("4xx", "", "")], &[(1, 0)]);
    check_hidden(&[("4xx", "text/html", "de"), ("4xx", "text/html", "DE")], &[(1, 0)]);
    check_hidden(&[("4xx", "text/html", ""), ("4xx", "text/html", "de"), ("4xx", "text/csv", "")], &[]);
    check_hidden(&[("*", "", ""), ("4xx", "", "de"), ("4xx", "", ""), ("5xx", "", "")], &[]);
    // Every reason of the kind has its own.
    let all = [
        ("api_key_invalid", "text/html", ""),
        ("key_unknown", "", ""),
        ("key_revoked", "", ""),
        ("key_expired", "", ""),
    ];
    check_hidden(&all, &[(0, 1)]);
    check_hidden(&all[..3], &[]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_choice_is_the_one_that_the_rules_make(
        sketches in vec((select(ONS), select(TYPES), select(LANGUAGES)), 0..8),
    ) {
        let list = templates(&sketches);
        let hidden = hidden(&list, &HeaderValue::from_static("application/problem+json"));
        let errors = with(list.clone());
        for (reason, accept) in REASONS.iter().flat_map(|reason| ACCEPTS.iter().map(move |accept| (*reason, *accept))) {
            let replies: Vec<_> = ASKED.iter().map(|language| render(&errors, reason, accept, language)).collect();
            for (language, reply) in ASKED.iter().zip(&replies) {
                let chosen = reference(&list, reason, accept, language);
                let expected = chosen.map(|index| index.to_string());
                prop_assert_eq!(body(reply).parse::<usize>().ok().map(|index| index.to_string()), expected, "{:?} {} {}", reason, accept, language);
                prop_assert!(!hidden.iter().any(|hidden| Some(hidden.template) == chosen));
                // What another field would have changed is said, and said to both.
                let names = |reply: &Reply| header(reply, "vary").unwrap_or_default().to_owned();
                for other in &replies {
                    prop_assert!(other.body == reply.body || (names(other).contains("Accept-Language") && names(reply).contains("Accept-Language")));
                }
                let other = render(&errors, reason, "*/*", language);
                let has = |reply: &Reply| names(reply).split(", ").any(|name| name == "Accept");
                prop_assert!(other.body == reply.body || (has(&other) && has(reply)), "{} {}", names(&other), names(reply));
            }
        }
    }
}
