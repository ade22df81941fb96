//! Transformations of heads: what they do, what they refuse, and that whatever comes in, one well-formed request goes out.

use super::{
    Absent, HeaderEdits, PathEdit, PathTemplate, PrefixEdit, QueryEdits, RequestTransform, Scope, Side, Target, Text,
    Value, variable::Facts,
};
use crate::identity::Identity;
use crate::path::normal_form;
use crate::route::capture::CapturePatterns;
use crate::route::path::PathPattern;
use crate::wire::{HeadLimits, check_head};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

const CAPTURES: [&str; 3] = ["id", "rest", "x"];
const SCOPE: Scope<'_> = Scope { side: Side::Request, body: false, captures: &CAPTURES };

fn value(text: &str) -> Value {
    let (text, absent) = match text.split_once(" ? ") {
        None => (text, Absent::Omit),
        Some((text, "refuse")) => (text, Absent::Refuse),
        Some((text, default)) => (text, Absent::Default(default.into())),
    };
    Value { text: Text::parse(text, &SCOPE).unwrap(), absent }
}

fn pattern(text: &str) -> PathPattern {
    text.strip_prefix('~').map_or_else(|| PathPattern::parse(text), PathPattern::regex).unwrap()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    headers
}

/// What becomes of a GET for `target` with these headers, or why it is refused.
fn applied(rules: &RequestTransform, target: &str, sent: &HeaderMap) -> Result<(Target, HeaderMap), String> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let facts = Facts {
        request_id: "r-1",
        method: "GET",
        host: "a.example",
        path,
        query,
        headers: sent,
        client: [192, 0, 2, 1].into(),
        route_name: "orders",
        identity: &Identity::default(),
        now_unix_s: 0,
        captures: None,
        answer: None,
        body: None,
    };
    let mut made = Target { path: path.to_owned(), query: query.map(str::to_owned) };
    let mut headers = sent.clone();
    match rules.apply(&facts, &mut made, &mut headers) {
        Ok(()) => Ok((made, headers)),
        Err(misfit) => Err(format!("{:?}: {}", misfit.cause, misfit.text)),
    }
}

fn path_rules(patterns: &[&str], edit: PathEdit) -> RequestTransform {
    let patterns: Vec<_> = patterns.iter().map(|text| pattern(text)).collect();
    RequestTransform {
        captures: Some(CapturePatterns::new(&patterns)),
        path: Some(edit),
        ..RequestTransform::default()
    }
}

#[test]
fn prefixes_are_replaced_by_whole_segments() {
    let check = |from: &str, to: &str, path: &str, expected: &str| {
        let rules = path_rules(&["/*"], PathEdit::ReplacePrefix(PrefixEdit::new(from, to).unwrap()));
        assert_eq!(applied(&rules, path, &HeaderMap::new()).unwrap().0.path, expected, "{from} {to} {path}");
    };
    check("/v1", "/", "/v1/orders", "/orders");
    check("/v1", "/", "/v1", "/");
    check("/v1", "/", "/v1/", "/");
    check("/v1/", "/", "/v1/orders", "/orders");
    check("/v1", "/", "/v11/orders", "/v11/orders");
    check("/v1", "/", "/V1/orders", "/V1/orders");
    check("/v1", "/api/v2", "/v1/a%20b;x=1/", "/api/v2/a%20b;x=1/");
    check("/v1", "/api/v2/", "/v1", "/api/v2");
    check("/v1/a", "/b", "/v1;p=1/a;q/c", "/b/c");
    check("/", "/api", "/orders", "/api/orders");
    check("/", "/api", "/", "/api/");
    for (from, to) in [("v1", "/"), ("/v1", "x"), ("/v1//", "/"), ("/a/../b", "/"), ("/v1", "/a%2Fb"), ("/v1?x", "/")] {
        assert!(PrefixEdit::new(from, to).is_err(), "{from} {to}");
    }
}

#[test]
fn templates_take_what_the_path_has() {
    let check = |patterns: &[&str], template: &str, path: &str, expected: &str| {
        let known: Vec<_> = patterns.iter().map(|text| pattern(text)).collect();
        let paths: Vec<_> = known.iter().map(|path| (path.as_str(), path.capture_names())).collect();
        let edit = PathEdit::Template(PathTemplate::parse(template, &paths).unwrap());
        let made = applied(&path_rules(patterns, edit), path, &HeaderMap::new());
        assert_eq!(made.map_or_else(|text| text, |(target, _)| target.path), expected, "{template} {path}");
    };
    check(&["/o/{id}"], "/internal/{id}", "/o/7", "/internal/7");
    check(&["/o/{id}"], "/internal/{id}.json", "/o/a%3Fb%23c", "/internal/a%3Fb%23c.json");
    check(&["/f/*"], "/internal/{rest}", "/f/a/b/", "/internal/a/b/");
    check(&["/f/*"], "/internal/{rest}", "/f/", "/internal/");
    check(&["/f/*"], "/internal/{rest}", "/f", "/internal");
    check(&["/f/*"], "/{rest}", "/f", "/");
    check(&["/f/{id}/*"], "/x/{rest}/{id}", "/f/7", "/x/7");
    check(&["/a/{id}", "/b/{id}/c"], "/{id}", "/b/7/c", "/7");
    let unfit = "Unfit: what the path's parameters stand for makes no path in normal form";
    // Never comes: a path in normal form has no `%2E`.
    check(&["~/v(?<x>.*)"], "/a/{x}", "/v%2E.", unfit);
    check(&["~/v(?<x>.*)w"], "/a/{x}/b", "/v..w", unfit);
    check(&["~/v(?<x>..).*"], "/a/{x}F", "/v%20", unfit);
    check(&["~/v(?<x>.*)"], "/a/{x}/b", "/v/c/", "/a/c/b");
}

#[test]
fn templates_that_are_none() {
    let check = |template: &str, expected: &str| {
        let paths = [("/a/{id}", vec!["id"]), ("/b/{id}/*", vec!["id", "rest"])];
        let fault = PathTemplate::parse(template, &paths).unwrap_err();
        assert!(fault.to_string().contains(expected), "{template}: {fault}");
        assert!(!fault.help().is_empty());
    };
    check("/x/{name}", "`/a/{id}` has nothing to put in place of `{name}`");
    check("/x/{rest}", "`/a/{id}` has nothing");
    check("/x/{}", "between braces");
    check("/x/{id", "between braces");
    check("/x/id}", "between braces");
    check("/x?y={id}", "no part of the path");
    check("x/{id}", "does not begin with `/`");
    check("/x//{id}", "normal form");
    check("/x/../{id}", "normal form");
    check("/x%2F{id}", "encoded slash");
}

#[test]
fn query_parameters() {
    let rules =
        |remove: &[&str], rename: &[(&str, &str)], set: &[(&str, &str)], add: &[(&str, &str)]| RequestTransform {
            captures: Some(CapturePatterns::new(&[pattern("/{id}")])),
            query: QueryEdits {
                remove: remove.iter().map(|name| (*name).into()).collect(),
                rename: rename.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect(),
                set: set.iter().map(|(name, text)| ((*name).into(), value(text))).collect(),
                add: add.iter().map(|(name, text)| ((*name).into(), value(text))).collect(),
            },
            ..RequestTransform::default()
        };
    let check = |rules: &RequestTransform, target: &str, expected: &str| {
        let made = applied(rules, target, &headers(&[("x-a", "ü&=#\t%"), ("x-b", "1")]));
        assert_eq!(made.map_or_else(|text| text, |(target, _)| target.to_string()), expected, "{target}");
    };
    let remove = rules(&["a", "b c"], &[], &[], &[]);
    check(&remove, "/x?z=%7e&a=1&A=2&&a&b+c=3&b%20c=4&aa=5", "/x?z=%7e&A=2&&aa=5");
    check(&remove, "/x?a=1", "/x");
    check(&remove, "/x?", "/x?");
    check(&remove, "/x", "/x");
    let rename = rules(&[], &[("a", "b")], &[], &[]);
    check(&rename, "/x?b=spoof&a=%7e&a&c=1", "/x?b=%7e&b&c=1");
    check(&rename, "/x?b=spoof", "/x");
    let set = rules(&[], &[], &[("a", "{{path.id}}")], &[]);
    check(&set, "/1%262?a=x&b=1&a=y", "/1%262?a=1%262&b=1");
    check(&set, "/7", "/7?a=7");
    check(&set, "/7?b", "/7?b&a=7");
    let absent = rules(&[], &[], &[("a", "{{consumer.id}}"), ("c", "{{request.query.c}}!")], &[]);
    check(&absent, "/7?a=spoof&c=a%20b+c&c=2", "/7?c=a%20b%20c%21");
    let add = rules(&[], &[], &[], &[("a", "{{request.header.x-b}}"), ("a", "{{consumer.id}}")]);
    check(&add, "/7?a=0", "/7?a=0&a=1");
    // A header that is not ASCII is absent.
    check(
        &rules(&[], &[], &[("a", "{{request.header.x-a}} ? refuse")], &[]),
        "/7",
        "Missing: the query parameter a needs request.header.x-a, which is absent",
    );
}

#[test]
fn header_fields() {
    let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
    let rules =
        |remove: &[&str], rename: &[(&str, &str)], set: &[(&str, &str)], add: &[(&str, &str)]| RequestTransform {
            headers: HeaderEdits {
                remove: remove.iter().map(|one| name(one)).collect(),
                rename: rename.iter().map(|(from, to)| (name(from), name(to))).collect(),
                set: set.iter().map(|(one, text)| (name(one), value(text))).collect(),
                add: add.iter().map(|(one, text)| (name(one), value(text))).collect(),
            },
            ..RequestTransform::default()
        };
    let check = |rules: &RequestTransform, sent: &[(&str, &str)], expected: &str| {
        let made = applied(rules, "/?q=a%0d%0aX-Evil:%201&l=%20x%20", &headers(sent));
        let shown = made.map_or_else(
            |text| text,
            |(_, headers)| {
                let mut lines: Vec<_> =
                    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
                lines.sort();
                lines.join(", ")
            },
        );
        assert_eq!(shown, expected, "{sent:?}");
    };
    check(&rules(&["a"], &[], &[], &[]), &[("a", "1"), ("A", "2"), ("b", "3")], "b: 3");
    check(&rules(&[], &[("a", "b")], &[], &[]), &[("a", "1"), ("a", "2"), ("b", "spoof")], "b: 1, b: 2");
    check(&rules(&[], &[("a", "b")], &[], &[]), &[("b", "spoof")], "");
    check(
        &rules(&[], &[], &[("b", "x {{request.header.a}}")], &[]),
        &[("a", "1"), ("a", "2"), ("b", "spoof")],
        "a: 1, a: 2, b: x 1, 2",
    );
    check(&rules(&[], &[], &[("b", "{{request.header.a}}")], &[]), &[("b", "spoof")], "");
    check(&rules(&[], &[], &[("b", "{{request.header.a}} ? none")], &[]), &[("b", "spoof")], "b: none");
    check(
        &rules(&[], &[], &[("b", "{{request.header.a}} ? refuse")], &[]),
        &[],
        "Missing: the header b needs request.header.a, which is absent",
    );
    check(&rules(&[], &[], &[], &[("b", "{{request.method}}")]), &[("b", "1")], "b: 1, b: GET");
    check(&rules(&[], &[], &[("b", "{{request.query.l}}")], &[]), &[], "b: x");
    // What could end a line never gets into one.
    check(&rules(&[], &[], &[("b", "{{request.query.q}}")], &[]), &[("b", "spoof")], "");
    check(
        &rules(&[], &[], &[("b", "{{request.query.q}} ? refuse")], &[]),
        &[],
        "Unfit: the value for the header b cannot stand there",
    );
    check(
        &rules(&[], &[], &[("b", "{{request.header.a}}")], &[]),
        &[("a", &"x".repeat(5_000))],
        &format!("a: {}", "x".repeat(5_000)),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The wire's own check reads back what would be sent: one request, its target in normal form, no line that nobody put there.
    #[test]
    fn any_transformation_of_any_request_is_one_request(
        path in "/([a-c./;]|%2[0-9A-F]|%[0-4][0-9a-f]|\\.\\.|%c3%a9){0,10}",
        query in proptest::option::of("([a-c=&+]|%0[aAdD]|%2[0-9]|%[zZ]){0,12}"),
        sent in "[ -~\\r\\n\\t\u{0}é]{0,12}",
        template in "(/([a-c]|\\{id\\}|\\{rest\\}|\\{x\\}|\\.)){1,4}",
        prefix: bool,
    ) {
        let Ok(path) = normal_form(&path) else { return Ok(()) };
        let names = ["id", "rest", "x"].to_vec();
        let edit = if prefix {
            PathEdit::ReplacePrefix(PrefixEdit::new("/a", "/b/c").unwrap())
        } else {
            let Ok(template) = PathTemplate::parse(&template, &[("", names)]) else { return Ok(()) };
            PathEdit::Template(template)
        };
        let hostile = "{{request.query.a}}{{request.header.x}}";
        let mut rules = path_rules(&["~/(?<id>.?)(?<x>.{0,3})(?<rest>.*)"], edit);
        rules.query.set = [("n\r\n &".into(), value("{{request.query.a}}"))].into();
        rules.query.rename = [("b".into(), "c d".into())].into();
        rules.headers.set = [
            (HeaderName::from_static("x-one"), value("{{request.query.a}}")),
            (HeaderName::from_static("x-two"), value(hostile)),
            (HeaderName::from_static("x-three"), value("{{path.rest}}{{path.id}}")),
        ].into();
        let target = Target { path: path.into_owned(), query }.to_string();
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&sent) {
            headers.insert("x", value);
        }
        let Ok((made, headers)) = applied(&rules, &target, &headers) else { return Ok(()) };
        let normal = normal_form(&made.path);
        prop_assert_eq!(normal.as_deref(), Ok(&*made.path));
        let mut head = format!("GET {made} HTTP/1.1\r\nHost: a.example\r\n").into_bytes();
        for (name, value) in &headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        let limits = HeadLimits { head_bytes_max: 65_536, lines_max: 100, uri_bytes_max: 8_192 };
        prop_assert!(check_head(&head, &limits).is_ok(), "{}", head.escape_ascii());
        let lines = head.split(|byte| *byte == b'\n').count();
        prop_assert_eq!(lines, headers.len() + 4);
    }
}
