//! Edits of JSON texts: empty lists, nulls, nested objects, and what is not there.

use super::{JsonEdits, JsonTemplate, Pointer, Step, StepFault, is_json, readable};
use crate::identity::{Identity, VerifiedToken};
use crate::transform::absent::Absent;
use crate::transform::misfit::Misfit;
use crate::transform::side::Side;
use crate::transform::variable::{Facts, Scope};
use http::HeaderMap;
use limits::keyed::Key;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert, prop_oneof, proptest};
use serde_json::{Value, json};
use std::sync::Arc;

const SCOPE: Scope<'_> = Scope { side: Side::Request, body: true, captures: &[] };

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

fn template(text: &str) -> JsonTemplate {
    JsonTemplate::parse(text, &SCOPE).unwrap()
}

fn absent(word: Option<&str>) -> Absent {
    match word {
        None => Absent::Omit,
        Some("refuse") => Absent::Refuse,
        Some(default) => Absent::Default(default.into()),
    }
}

/// `set /a 1`, `remove /a`, `rename /a b`, `move /a /b`; `? refuse` or `? 0` behind it says what is done without.
fn step(text: &str) -> Step {
    let (text, word) = text.split_once(" ? ").map_or((text, None), |(text, word)| (text, Some(word)));
    let mut words = text.splitn(3, ' ');
    let (verb, at, rest) = (words.next().unwrap(), pointer(words.next().unwrap()), words.next().unwrap_or_default());
    let absent = absent(word);
    match verb {
        "set" => Step::Set { at, value: template(rest), absent },
        "remove" => Step::Remove { at, absent },
        "rename" => Step::Rename { at, to: rest.into(), absent },
        "move" => Step::Move { from: at, to: pointer(rest), absent },
        other => panic!("{other}"),
    }
}

fn with_facts<T>(body: &str, work: impl FnOnce(&Facts<'_>) -> T) -> T {
    let claims = json!({ "sub": "u\"1", "roles": ["a", "b"], "level": 3, "none": null, "deep": { "x": 1 } });
    let Value::Object(claims) = claims else { panic!("an object") };
    let token = VerifiedToken {
        claims,
        expires_unix_s: None,
        not_before_unix_s: None,
        consumer: Some("acme".into()),
        consumer_key: None,
        plan: None,
        scopes: Vec::new(),
        key: Key::from_u128(1),
    };
    let identity = Identity { token: Some(Arc::new(token)), ..Identity::default() };
    work(&Facts {
        request_id: "r-1",
        method: "POST",
        host: "a.example",
        path: "/a",
        query: Some("q=1"),
        headers: &HeaderMap::new(),
        client: [192, 0, 2, 1].into(),
        route_name: "orders",
        identity: &identity,
        now_unix_s: 0,
        captures: None,
        answer: None,
        body: Some(body),
    })
}

fn edited(body: &str, steps: &[&str]) -> Result<String, Misfit> {
    let edits = JsonEdits::new(steps.iter().map(|text| step(text)).collect()).unwrap();
    let text = readable(body.as_bytes())?;
    with_facts(text, |facts| edits.apply(text, facts))
}

#[test]
fn steps_do_what_they_say() {
    let check = |body: &str, steps: &[&str], expected: &str| {
        let found = edited(body, steps).unwrap_or_else(|misfit| format!("{:?}: {}", misfit.cause, misfit.text));
        assert_eq!(found, expected, "{body} {steps:?}");
    };
    check(" {} ", &["remove /a"], "{}");
    check("{}", &["set /a 1"], r#"{"a":1}"#);
    check(
        r#"{"a": {"b" : 1.10}, "c":12345678901234567890123}"#,
        &["set /d null"],
        r#"{"a":{"b" : 1.10},"c":12345678901234567890123,"d":null}"#,
    );
    check(r#"{"z":1,"a":2}"#, &["set /z 3"], r#"{"z":3,"a":2}"#);
    check("{}", &["set /a/b/c 1"], r#"{"a":{"b":{"c":1}}}"#);
    check(r#"{"a":null}"#, &["set /a/b 1"], r#"{"a":{"b":1}}"#);
    check(r#"{"a":1}"#, &["set /a/b 1"], r#"{"a":1}"#);
    check(r#"{"a":1}"#, &["set /a/b 1 ? refuse"], "Missing: the body has no place for /a/b");
    check(r#"{"a":[]}"#, &["set /a/- 1"], r#"{"a":[1]}"#);
    check("{}", &["set /a/- 1"], r#"{"a":[1]}"#);
    check(r#"{"a":null}"#, &["set /a/- 1"], r#"{"a":[1]}"#);
    check(r#"{"a":[1,2]}"#, &["set /a/0 9", "set /a/2 3"], r#"{"a":[9,2,3]}"#);
    check(r#"{"a":[1,2]}"#, &["set /a/3 9", "set /a/01 9", "set /a/x 9"], r#"{"a":[1,2]}"#);
    check(r#"{"a":[]}"#, &["set /a/0/b 1"], r#"{"a":[]}"#);
    check(r#"{"a":[{}]}"#, &["set /a/0/b 1"], r#"{"a":[{"b":1}]}"#);
    check(r#"{"a":{"-":1}}"#, &["set /a/- 2"], r#"{"a":{"-":2}}"#);
    check("[]", &["set /- {}", "set /0/a []"], r#"[{"a":[]}]"#);
    check("null", &["set /a 1"], r#"{"a":1}"#);
    check("7", &["set /a 1"], "7");
    check(r#"{"a":[],"b":{},"c":null}"#, &["remove /a", "remove /b/x", "remove /c/x"], r#"{"b":{},"c":null}"#);
    check(r#"{"a":[1,[2,3]]}"#, &["remove /a/1/0"], r#"{"a":[1,[3]]}"#);
    check(r#"{"a":1}"#, &["remove /b ? refuse"], "Missing: the body has nothing at /b");
    check(r#"{"a":1,"c":2}"#, &["rename /a b"], r#"{"b":1,"c":2}"#);
    check(r#"{"b":0,"a":1}"#, &["rename /a b"], r#"{"b":1}"#);
    check(r#"{"x":{"a":null}}"#, &["rename /x/a b"], r#"{"x":{"b":null}}"#);
    check("{}", &["rename /a b"], "{}");
    check("{}", &["rename /a b ? 7"], r#"{"b":7}"#);
    check("[1]", &["rename /0 b"], "[1]");
    check("[1]", &["rename /0 b ? refuse"], "Missing: the body has nothing at /0");
    check(r#"{"a":{"b":[1]}}"#, &["move /a/b /c/d"], r#"{"a":{},"c":{"d":[1]}}"#);
    check(r#"{"a":{"b":1}}"#, &["move /a/b /a"], r#"{"a":1}"#);
    check(r#"{"a":1,"b":"x"}"#, &["move /a /b/c"], r#"{"a":1,"b":"x"}"#);
    check(r#"{"a":[1,2,3]}"#, &["move /a/0 /a/-"], r#"{"a":[2,3,1]}"#);
    check("{}", &["move /a /b"], "{}");
    check("{}", &["move /a /b ? []"], r#"{"b":[]}"#);
    check("{}", &["move /a /b ? refuse"], "Missing: the body has nothing at /a");
    check(r#"{"a/b":1,"c~d":2,"":3}"#, &["remove /a~1b", "remove /c~0d", "remove /"], "{}");
    check(r#"{"\u0061":1,"\"":2}"#, &["remove /a", "set /\" 3"], r#"{"\"":3}"#);
    check(r#"{"a":"}]\\\"{","b":1}"#, &["remove /b"], r#"{"a":"}]\\\"{"}"#);
}

#[test]
fn values_keep_their_type_and_stay_values() {
    let check = |value: &str, expected: &str| {
        let found = edited(r#"{"in":{"n":1e400,"t":"x\ny","z":null}}"#, &[&format!("set /v {value}"), "remove /in"]);
        assert_eq!(found.unwrap(), expected, "{value}");
    };
    check("\"{{claims.roles}}\"", r#"{"v":["a","b"]}"#);
    check("{{claims.roles}}", r#"{"v":["a","b"]}"#);
    check("\"{{claims.level}}\"", r#"{"v":3}"#);
    check("\"level {{claims.level}}\"", r#"{"v":"level 3"}"#);
    check("\"{{claims.sub}}\"", r#"{"v":"u\"1"}"#);
    check("\"<{{claims.sub}}>\"", r#"{"v":"<u\"1>"}"#);
    check("\"{{consumer.id}}\"", r#"{"v":"acme"}"#);
    check("\"{{body/in/n}}\"", r#"{"v":1e400}"#);
    check("\"{{body/in/t}}!\"", r#"{"v":"x\ny!"}"#);
    check("\"{{body/in}}\"", r#"{"v":{"n":1e400,"t":"x\ny","z":null}}"#);
    check("\"{{{{x}}\"", r#"{"v":"{{x}}"}"#);
    check("{\"a\":{\"b\":[{{claims.deep}}]}}", r#"{"v":{"a":{"b":[{"x":1}]}}}"#);
    // What is absent leaves no trace.
    check("\"{{claims.nobody}}\"", "{}");
    check("\"{{claims.none}}\"", "{}");
    check("\"{{body/in/z}}\"", "{}");
    check("\"{{plan.name}}-x\"", "{}");
    check(r#"{"a":"{{plan.name}}","b":1,"c":["{{plan.name}}",2]}"#, r#"{"v":{"b":1,"c":[2]}}"#);
}

#[test]
fn a_template_makes_a_whole_body() {
    let check = |text: &str, word: Option<&str>, expected: &str| {
        let template = template(text);
        let made = with_facts(r#"{"id":7}"#, |facts| template.body(facts, &absent(word)));
        assert_eq!(made.unwrap_or_else(|misfit| misfit.text.into()), expected, "{text}");
    };
    check(r#"{"id":{{body/id}},"by":"{{consumer.id}}"}"#, None, r#"{"id":7,"by":"acme"}"#);
    check(r#"{"id":{{body/x}},"by":"{{plan.name}}"}"#, None, "{}");
    check(r#"{"id":{{body/x}}}"#, Some("null"), r#"{"id":null}"#);
    check(r#"{"id":{{body/x}}}"#, Some("refuse"), "the body needs body/x, which is absent");
    check("{{claims.roles}}", None, r#"["a","b"]"#);
    check("{{plan.name}}", None, "null");
    check(r#"{ "fixed": [1, 2.50] }"#, None, r#"{ "fixed": [1, 2.50] }"#);
}

#[test]
fn templates_that_are_none() {
    let check = |text: &str, expected: &str| {
        let fault = JsonTemplate::parse(text, &SCOPE).unwrap_err();
        assert!(fault.to_string().contains(expected), "{text}: {fault}");
        assert!(!fault.help().is_empty());
    };
    check("{", "it is not JSON");
    check("", "it is not JSON");
    check("{\"a\": x{{consumer.id}}}", "it is not JSON");
    check("\"{{consumer.id\"", "not closed");
    check("{\"{{consumer.id}}\": 1}", "has a variable in it");
    check("{\"a\": 1, \"a\": \"{{consumer.id}}\"}", "the name `a` twice");
    check("\"{{consumer.name}}\"", "unknown variable `consumer.name`");
    check("\"{{response.status}}\"", "not known before upstream has answered");
    check("\"{{path.id}}\"", "no path of the route");
    check("\"{{body/a~2}}\"", "before 0 or 1");
    check(&"[".repeat(70).chars().chain("]".repeat(70).chars()).collect::<String>(), "deeper than 64");
}

#[test]
fn steps_that_cannot_be_are_found_at_once() {
    let check = |steps: &[&str], expected: Option<(usize, &str)>| {
        let found = JsonEdits::new(steps.iter().map(|text| step(text)).collect()).err();
        let found = found.map(|(place, fault)| (place, fault.to_string()));
        match (&found, expected) {
            (None, None) => {}
            (Some((place, text)), Some((at, part))) if *place == at && text.contains(part) => {}
            _ => panic!("{steps:?}: {found:?}"),
        }
    };
    check(&["set /a 1", "set /a/b 2"], Some((1, "step 1 has put a value without parts at `/a`")));
    check(&["set /a \"{{consumer.id}}-x\"", "remove /a/b"], Some((1, "without parts")));
    check(&["set /a 1", "remove /a", "set /a/b 2"], None);
    check(&["set /a {}", "set /a/b 2"], None);
    check(&["set /a {{claims.deep}}", "set /a/b 2"], None);
    check(&["set /a 1", "move /x /a", "set /a/b 2"], None);
    check(&["move /a /a"], Some((0, "into itself")));
    check(&["move /a /a/b"], Some((0, "into itself")));
    check(&["move /a/b /a"], None);
    check(&["rename /a a"], Some((0, "already")));
    check(&["remove /a/-"], Some((0, "behind the last item")));
    check(&["move /a/- /b"], Some((0, "behind the last item")));
    check(&["set /a/-/b 1"], Some((0, "behind the last item")));
    let root = Step::Remove { at: pointer(""), absent: Absent::Omit };
    assert_eq!(JsonEdits::new(vec![root]), Err((0, StepFault::Root)));
}

#[test]
fn pointers() {
    let check = |text: &str, is_one: bool| assert_eq!(Pointer::parse(text).is_ok(), is_one, "{text}");
    check("", true);
    check("/", true);
    check("/a~0~1b", true);
    check("a", false);
    check("/a~", false);
    check("/a~2", false);
    check(&"/a".repeat(32), true);
    check(&"/a".repeat(33), false);
    check(&format!("/{}", "a".repeat(1_100)), false);
}

#[test]
fn bodies_that_cannot_be_read() {
    let check = |body: &[u8], expected: &str| {
        let found = std::str::from_utf8(body)
            .map_or_else(|_| readable(body).map(str::to_owned), |text| edited(text, &["remove /x"]));
        assert!(found.as_ref().is_err_and(|misfit| misfit.text.contains(expected)), "{body:?}: {found:?}");
    };
    check(b"", "it is not JSON");
    check(b"{", "it is not JSON");
    check(b"{} {}", "it is not JSON");
    check(b"{\"a\":01}", "it is not JSON");
    check(b"\xef\xbb\xbf{}", "it is not JSON");
    check(b"\"\xff\"", "it is not UTF-8");
    check(b"{\"x\":1,\"\\u0078\":2}", "one name twice");
    check(b"{\"\\ud800\":2}", "no Unicode");
}

#[test]
fn types_of_json() {
    for (text, expected) in [
        ("application/json", true),
        ("Application/JSON; charset=utf-8", true),
        ("application/problem+json", true),
        ("text/json", true),
        ("application/jsonl", false),
        ("application/json-seq", false),
        ("text/plain", false),
        ("", false),
    ] {
        assert_eq!(is_json(text), expected, "{text}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        proptest::arbitrary::any::<i64>().prop_map(Value::from),
        "[a-c\"\\\\}\\]\u{2028}é]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-c]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_step() -> impl Strategy<Value = String> {
    let at = "(/([a-c]|-|0|1)){1,3}";
    prop_oneof![
        (at, value()).prop_map(|(at, value)| format!("set {at} {value}")),
        at.prop_map(|at| format!("remove {at}")),
        (at, "[a-c]").prop_map(|(at, to)| format!("rename {at} {to}")),
        (at, at).prop_map(|(from, to)| format!("move {from} {to}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn whatever_steps_do_it_stays_json(body in value(), pretty: bool, steps in proptest::collection::vec(any_step(), 1..6)) {
        let text = if pretty { serde_json::to_string_pretty(&body).unwrap() } else { body.to_string() };
        let steps: Vec<Step> = steps.iter().map(|text| step(text)).collect();
        if let Ok(edits) = JsonEdits::new(steps) {
            let made = with_facts(&text, |facts| edits.apply(&text, facts));
            // Only a value that lost its place can fail here: nothing is set to refuse.
            if let Ok(made) = made {
                prop_assert!(serde_json::from_str::<Value>(&made).is_ok(), "{made}");
            }
        }
    }

    #[test]
    fn what_no_step_touches_stays(body in value(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&body).unwrap() } else { body.to_string() };
        let made = edited(&text, &["remove /never", "remove /a/never", "remove /b/0/never"]).unwrap();
        prop_assert!(serde_json::from_str::<Value>(&made).unwrap() == body, "{made}");
    }
}
