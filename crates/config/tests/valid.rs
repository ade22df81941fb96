//! Configs that must be taken, and what becomes of them.

use std::path::Path;

use config::Parsed;
use config::raw::{EndpointEntry, PathEntry, QuotaPeriod, Threads};
use config::render::{self, Colour};
use config::source::Memory;
use config::text::{CountingKey, Endpoint};

const GUIDE: &str = r#"
version: 1
listeners: [{ address: "127.0.0.1:8080" }]
upstreams: { orders: { endpoints: ["127.0.0.1:9001"] } }
defaults: { upstream: orders, auth: { none: {} } }
routes:
  - name: orders-route
    host: api.example.com
    paths:
      - /v1/orders
    methods:
      - GET
      - POST
"#;

/// Every key of this version.
const ALL: &str = include_str!("shared/all.yaml");

fn parse(main: &str) -> Parsed {
    let part = "consumers: [{ id: beta }]\nlimits: { connectionsPerAddress: 5 }\n\
                errors: { parts: { footer: \"{{request.id}}\", page: { file: page.html } } }\n";
    let files =
        Memory::default().with("etc/main.yaml", main).with("etc/conf.d/a.yaml", part).with("etc/secret", "hunter2\n");
    config::parse(Path::new("etc/main.yaml"), &files, &|name| (name == "KEY").then(|| "hunter2".to_owned()))
}

fn taken(main: &str) -> Parsed {
    let parsed = parse(main);
    let said = render::text(&parsed.diagnostics, &parsed.sources, Colour::Never);
    assert!(parsed.raw.is_some() && parsed.diagnostics.is_empty(), "{said}");
    parsed
}

#[test]
fn the_guides_block_is_a_config_once_defaults_complete_it() {
    let raw = taken(GUIDE).raw.unwrap();
    assert_eq!(raw.routes[0].host.as_deref(), Some("api.example.com"));
    assert_eq!(raw.defaults.upstream.as_deref(), Some("orders"));
    assert_eq!(raw.server.threads, Threads::Auto);
    assert_eq!((raw.limits.headers, raw.limits.header_bytes.bytes()), (100, 32 * 1024));
}

#[test]
fn every_key_of_this_version_is_read() {
    let raw = taken(ALL).raw.unwrap();
    assert_eq!(raw.server.threads, Threads::Number(2));
    let endpoints = &raw.upstreams["orders"].endpoints;
    assert!(matches!(&endpoints[0], EndpointEntry::Address(Endpoint::Address(_))));
    assert_eq!((endpoints[0].weight(), endpoints[1].weight()), (1, 2));
    assert_eq!(raw.plans["free"].quota.as_ref().unwrap().per, QuotaPeriod::SixHours);
    assert_eq!(raw.routes[0].quota.as_ref().unwrap().key, Some(CountingKey::Claim("tenant".to_owned())));
    assert!(matches!(&raw.routes[0].paths[2], PathEntry::Regex(regex) if regex.get().is_match("/v1/x")));
    assert_eq!(raw.routes[0].rate_limit.as_ref().unwrap().burst, Some(200));
    assert_eq!(raw.jwt_providers["main"].keys[2].secret.as_deref(), Some("hunter2"));
    assert_eq!(raw.jwt_providers["main"].claims[2].equals.as_ref().unwrap().0, serde_json::Value::Bool(true));
    let ids: Vec<&str> = raw.consumers.iter().map(|consumer| consumer.id.as_str()).collect();
    assert_eq!((ids, raw.limits.connections_per_address), (vec!["acme", "beta"], 5));
    assert!(!format!("{raw:?}").contains("hunter2"));
}

#[test]
fn a_pointer_leads_to_the_line() {
    let parsed = taken(ALL);
    let check = |pointer: &str, expected: &str| assert_eq!(parsed.place(pointer).to_string(), expected, "{pointer}");
    check("/version", "etc/main.yaml:2:10");
    check("/routes/0/upstream", "etc/main.yaml:69:15");
    check("/routes/0/auth/any/1/jwt/provider", "etc/main.yaml:70:54");
    check("/routes/0/rateLimit/burst", "etc/main.yaml:77:16");
    check("/consumers/1/id", "etc/conf.d/a.yaml:1:19");
    check("/consumers/1/apiKeys", "etc/conf.d/a.yaml:1:15");
    check("/limits/connectionsPerAddress", "etc/conf.d/a.yaml:2:34");
    check("/nothing/at/all", "etc/main.yaml:2:1");
    assert_eq!(parsed.beside("/consumers/1/id", "x.pem"), Path::new("etc/conf.d/x.pem"));
    assert_eq!(parsed.beside("/jwtProviders/main/keys/0/pemFile", "a.pem"), Path::new("etc/a.pem"));
}

#[test]
fn our_tree_is_the_one_that_serde_yaml_reads() {
    for text in
        [GUIDE, ALL, "a: &x [1, -2, 0.5, ~, true, \"1\", 'q', 2.5e-3]\nb: *x\nc: |\n  l1\n  l2\nd: >-\n  f1\n  f2\n"]
    {
        let text = text.replace("include: [conf.d/*.yaml]", "").replace("${", "$${");
        let ours = parse(&text).spans.root().to_yaml();
        let theirs: serde_yaml::Value = serde_yaml::from_str(&text.replace("$${", "${")).unwrap();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn the_schema_is_draft_7_and_takes_what_is_taken() {
    let schema = config::schema();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&taken(ALL).spans.root().to_json()).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn a_warning_does_not_keep_a_config_from_serving() {
    let parsed = parse(&format!("{GUIDE}consumers: [{{ id: acme, apiKeys: [{{ value: hunter2 }}] }}]\n"));
    assert!(parsed.raw.is_some());
    assert_eq!((parsed.diagnostics.errors(), parsed.diagnostics.warnings()), (0, 1));
}

/// Anchors within anchors would each keep a copy.
#[test]
fn anchors_hold_no_more_than_is_read() {
    let items = vec!["0"; 20_000].join(",");
    let begin: Vec<String> = (0..50).map(|level| format!("&a{level} [")).collect();
    let begin = begin.concat();
    let text = format!("version: 1\nrelay: {begin}{items}{}\n", "]".repeat(50));
    let parsed = parse(&text);
    let said = render::text(&parsed.diagnostics, &parsed.sources, Colour::Never);
    assert!(said.contains("anchors hold more than 400000 values"), "{said}");
}

/// A map of keys that do not exist is told about in no time, and one line of secrets is hidden in none.
#[test]
fn much_that_is_wrong_takes_no_longer_than_much_that_is_right() {
    let keys = (0..60_000).map(|number| format!("k{number}: 1")).collect::<Vec<_>>().join("\n");
    let parsed = parse(&format!("version: 1\n{keys}"));
    assert!(parsed.diagnostics.errors() >= 60_000);
    let items: Vec<String> = (0..40_000).map(|number| format!("{{\"value\": \"v{number}\"}}")).collect();
    let parsed = parse(&format!("{{\"version\": 1, \"list\": [{}]}}", items.join(", ")));
    assert!(parsed.diagnostics.has_errors());
}

#[test]
fn a_secret_of_several_lines_is_hidden_too() {
    let text = "version: 1\njwtProviders:\n  a:\n    keys:\n      - kid: é\n        secret: |-\n          hunter2\n          hunter2\n        timeout: 5s\n";
    let parsed = parse(text);
    let masked: Vec<String> = parsed.sources.iter().map(config::source::Source::masked).collect();
    assert!(
        !masked[0].contains("hunter2") && masked[0].contains("kid: é") && masked[0].contains("timeout: 5s"),
        "{}",
        masked[0]
    );
}

#[test]
fn a_config_that_cannot_be_read_says_so_and_nothing_else() {
    let parsed = config::parse(Path::new("gone.yaml"), &Memory::default(), &|_| None);
    let said = render::text(&parsed.diagnostics, &parsed.sources, Colour::Never);
    assert!(parsed.raw.is_none() && parsed.diagnostics.errors() == 1, "{said}");
    assert!(said.contains("cannot read the file `gone.yaml`"), "{said}");
}

#[test]
fn a_consumer_claim_is_required_once_it_is_written() {
    let check = |line: &str, expected: &str| {
        let text = format!(
            "version: 1\nlisteners: [{{ address: 127.0.0.1:8080 }}]\nroutes: []\njwtProviders:\n  main:\n    issuer: a\n    \
             algorithms: [HS256]\n    keys: [{{ secret: \"${{SECRET}}\" }}]\n{line}"
        );
        let files = Memory::default().with("main.yaml", text);
        let env = |_: &str| Some("a secret of at least 32 bytes, as HS256 asks for".to_owned());
        let loaded = config::load(Path::new("main.yaml"), &files, &env, &engine::live::Live::new());
        let config = loaded.config.unwrap_or_else(|| panic!("{line}"));
        let rules = format!("{:?}", config.snapshot.providers);
        assert!(rules.contains(expected), "{line}: {rules}");
    };
    check("", "consumer_claim: IfPresent(\"sub\")");
    check("    consumerClaim: sub\n", "consumer_claim: Required(\"sub\")");
    check("    consumerClaim: client_id\n", "consumer_claim: Required(\"client_id\")");
}
