//! Errors for clients of any taste.

use engine::denial::Denial;
use engine::names::RouteId;
use engine::reason::Reason;
use engine::reply::{ErrorRules, ErrorTemplate, Errors, Language, MediaType, Occurrence, Reply, Selector};
use engine::template::{Escape, Template};
use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use limits::clock::Now;
use serde_json::Value;
use std::sync::LazyLock;

/// Ranges beyond this are not read, so their order counts.
const RANGES_MAX: usize = 32;

static PLAIN: LazyLock<Errors> = LazyLock::new(|| Errors::new(ErrorRules::default()));
static WORDED: LazyLock<Errors> = LazyLock::new(|| {
    let template = |on: &str, accept: Option<&str>, content_type: &'static str, body: &str| ErrorTemplate {
        on: Selector::parse(on).expect("a selector"),
        accept: accept.map(|accept| MediaType::parse(accept).expect("a media type")),
        language: None,
        status: None,
        content_type: Some(HeaderValue::from_static(content_type)),
        headers: vec![(
            HeaderName::from_static("x-path"),
            Template::parse("{{request.path}}", Escape::Header).expect("a header"),
        )],
        body: Some(Template::parse(body, Escape::for_content_type(content_type)).expect("a body")),
    };
    let in_language = |tag: &str, template: ErrorTemplate| ErrorTemplate { language: Language::parse(tag), ..template };
    Errors::new(ErrorRules {
        templates: vec![
            in_language("de", template("4xx", None, "application/json", r#"{"l":"de"}"#)),
            in_language("pt-BR", template("4xx", Some("text/csv"), "text/csv", "l\npt-BR\n")),
            in_language("pt", template("*", None, "application/json", r#"{"l":"pt"}"#)),
            template("*", Some("text/html"), "text/html", "<p title=\"{{request.host}}\">{{request.path}}</p>"),
            template(
                "4xx",
                Some("application/vnd.a+json;v=1"),
                "application/vnd.a+json",
                r#"{"p":"{{request.path}}"}"#,
            ),
            template("key_unknown", Some("text/csv"), "text/csv", "path\n{{request.path}}\n"),
            template("key_unknown", Some("application/xml"), "application/xml", "<p>{{request.path}}</p>"),
        ],
        routes: vec![(
            vec![RouteId(1)],
            vec![template("*", None, "application/json", r#"{"m":"{{request.method}}"}"#)],
        )],
        ..ErrorRules::default()
    })
});

/// The first byte chooses the denial, the next line is the path, the third the Accept-Language field, the rest the Accept field. Every
/// client gets an error in a format that is whole; the order of Accept does not matter; what depends on a field says so in Vary, and a
/// language is one that was asked for.
pub fn accept(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let mut lines = rest.splitn(3, |byte| *byte == b'\n');
    let path = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let language = HeaderValue::from_bytes(lines.next().unwrap_or_default()).ok();
    let Ok(field) = HeaderValue::from_bytes(lines.next().unwrap_or_default()) else { return };
    let reason = Reason::ALL[usize::from(*which >> 1) % Reason::ALL.len()];
    let route = RouteId(u32::from(which & 1));
    for errors in [&*PLAIN, &*WORDED] {
        let render = |accept, language| render(errors, reason, route, &path, accept, language);
        let reply = render(Some(&field), language.as_ref());
        is_whole(&reply, &path);
        let anything = render(None, language.as_ref());
        is_whole(&anything, &path);
        if content_type(&reply) != content_type(&anything) {
            assert!(varies(&reply, "Accept") && varies(&anything, "Accept"), "a cache would mix {field:?} with others");
        }
        let no_language = render(Some(&field), None);
        if no_language.body != reply.body {
            assert!(varies(&reply, "Accept-Language") && varies(&no_language, "Accept-Language"), "{language:?}");
        }
        assert_eq!(value(&no_language, &CONTENT_LANGUAGE), None);
        if let Some(told) = value(&reply, &CONTENT_LANGUAGE) {
            let asked = language.as_ref().and_then(|field| field.to_str().ok()).unwrap_or_default();
            assert!(asked.to_ascii_lowercase().contains(&told.to_ascii_lowercase()), "{told} for {asked}");
        }
        let text = field.to_str().unwrap_or_default();
        if !text.contains('"') && text.split(',').count() <= RANGES_MAX {
            let backwards = text.rsplit(',').collect::<Vec<_>>().join(",");
            let backwards = HeaderValue::from_str(&backwards).expect("a value");
            assert_eq!(render(Some(&backwards), language.as_ref()), reply, "the order of {text:?} counts");
        }
    }
}

fn render(
    errors: &Errors,
    reason: Reason,
    route: RouteId,
    path: &str,
    accept: Option<&HeaderValue>,
    language: Option<&HeaderValue>,
) -> Reply {
    let field = |name, value: Option<&HeaderValue>| value.map(|value| (name, value.clone()));
    let fields: HeaderMap = [field(ACCEPT, accept), field(ACCEPT_LANGUAGE, language)].into_iter().flatten().collect();
    errors.render(&Occurrence {
        denial: &Denial::new(reason),
        request_id: "01890c5e-0000-7000-8000-000000000000",
        method: "GET",
        host: "a.example",
        path,
        fields: Some(&fields),
        route: Some((&route, "orders")),
        consumer: None,
        plan: None,
        now: Now::at_unix_seconds(1_800_000_000),
        policy_name: None,
        claims: None,
    })
}

fn is_whole(reply: &Reply, path: &str) {
    // An auth service may send the client elsewhere.
    assert!(reply.status == 302 || (400..600).contains(&reply.status), "{}", reply.status);
    let body = std::str::from_utf8(&reply.body).expect("text");
    match content_type(reply) {
        Some("application/problem+json" | "application/json" | "application/vnd.a+json") => {
            let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
            if let Some(shown) = body.get("p").and_then(Value::as_str) {
                assert!(path.starts_with(shown), "{shown}");
            }
        }
        Some("text/html") => assert_eq!(body.matches(['<', '>', '"']).count(), 6, "{body}"),
        Some("application/xml") => assert_eq!(body.matches(['<', '>']).count(), 4, "{body}"),
        Some("application/problem+xml") => assert!(body.ends_with("</problem>\n"), "{body}"),
        Some("text/csv") => assert_eq!(body.lines().count(), 2, "{body:?}"),
        Some("text/plain; charset=utf-8") => assert!(body.starts_with(&reply.status.to_string()), "{body}"),
        other => panic!("{other:?}"),
    }
}

fn content_type(reply: &Reply) -> Option<&str> {
    value(reply, &CONTENT_TYPE)
}

fn value<'r>(reply: &'r Reply, name: &HeaderName) -> Option<&'r str> {
    reply.headers.iter().find(|(known, _)| known == name)?.1.to_str().ok()
}

fn varies(reply: &Reply, name: &str) -> bool {
    value(reply, &VARY).is_some_and(|value| value.split(", ").any(|known| known == name))
}
