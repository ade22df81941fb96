//! `tollgate password hash`: a hash that works, and what an offline run makes of an auth service.

use crate::program::{BINARY, Folder, Ran, tollgate};
use limits::clock::now;
use std::fs::File;
use std::process::Command;

fn hashed(input: &[u8]) -> Ran {
    let began = now();
    let folder = Folder::new();
    let path = folder.path.join("input");
    std::fs::write(&path, input).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["password", "hash", "--user", "ada"]).stdin(File::open(&path).unwrap());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        took: now().since(began),
    }
}

#[test]
fn a_hash_is_salted_and_its_lines_make_the_password_work() {
    let ran = hashed(b"p\xc3\xa4ss:word\nsecond line\n").expect(0);
    let hash = ran.stdout.trim_end().to_owned();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !ran.stderr.contains("ss:word"), "{ran}");
    assert_ne!(hash, hashed(b"p\xc3\xa4ss:word").expect(0).stdout.trim_end());
    let consumers = ran.stderr.split_once("consumers:").unwrap().1.replace("CONSUMER", "acme");
    let folder = Folder::new();
    let config = folder.with(
        "tollgate.yaml",
        &format!(
            "version: 1\nlisteners: [{{ address: \"127.0.0.1:8080\" }}]\n\
             upstreams: {{ main: {{ endpoints: [\"127.0.0.1:9\"] }} }}\n\
             routes: [{{ name: basic, paths: [/], upstream: main, auth: {{ basic: {{}} }} }}]\nconsumers:{consumers}"
        ),
    );
    let check = tollgate(&["check", "--strict", &config]).expect(0);
    assert!(check.stderr.is_empty(), "{check}");
    // ada:päss:word, and the same with a capital.
    for (field, code, said) in [
        ("Authorization: Basic YWRhOnDDpHNzOndvcmQ=", 0, "consumer  acme"),
        ("Authorization: Basic YWRhOlDDpHNzOndvcmQ=", 1, "(password_mismatch)"),
    ] {
        let ran = tollgate(&["explain", "--config", &config, "-H", field, "http://a.test/"]).expect(code);
        assert!(ran.stdout.contains(said), "{ran}");
    }
}

#[test]
fn what_is_no_password_is_refused() {
    let long = "x".repeat(513);
    for (input, said) in
        [("", "is empty"), ("\n", "is empty"), ("a\tb\n", "control character"), (&long, "longer than 512 bytes")]
    {
        let ran = hashed(input.as_bytes()).expect(2);
        assert!(ran.stderr.contains(said) && ran.stdout.is_empty(), "{ran}");
    }
}

const ASKING: &str = r#"version: 1
listeners: [{ address: "127.0.0.1:8080" }]
upstreams: { main: { endpoints: ["127.0.0.1:9"] } }
authServices: { login: { url: "http://127.0.0.1:9/verify", consumerHeader: X-User } }
routes: [{ name: asked, paths: [/asked], upstream: main, auth: { forwardAuth: { service: login } } }]
tests:
  - { name: undecided, request: { url: "http://a.test/asked" }, expect: { route: asked } }
  - { name: allowed, request: { url: "http://a.test/asked", authAnswer: { status: 200, headers: { X-User: zoe } } }, expect: { status: 200 } }
"#;

#[test]
fn explain_asks_no_auth_service_and_says_how_to_answer_for_it() {
    let folder = Folder::new();
    let config = folder.with("tollgate.yaml", ASKING);
    let explain = |more: &[&str]| {
        let token =
            ["explain", "--config", &config, "-H", "Authorization: Bearer hunter2", "http://a.test/x/../asked?y"];
        tollgate(&[&token[..], more].concat())
    };
    let ran = explain(&[]).expect(2);
    for said in [
        "undecided: auth service login",
        "GET http://127.0.0.1:9/verify",
        "x-forwarded-uri: /asked?y",
        "--auth-answer 200",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {ran}");
    }
    assert!(!ran.stdout.contains("hunter2"), "{ran}");
    let json = explain(&["--format", "json"]).expect(2);
    assert!(json.stdout.contains("\"verdict\": \"undecided\""), "{json}");
    let allowed = explain(&["--auth-answer", "200", "--auth-header", "X-User: zoe"]).expect(0);
    assert!(allowed.stdout.contains("consumer  zoe"), "{allowed}");
    for (status, said) in [("200", "auth_service_failed"), ("401", "auth_required"), ("500", "auth_service_failed")] {
        let ran = explain(&["--auth-answer", status]).expect(1);
        assert!(ran.stdout.contains(said), "{ran}");
    }
    explain(&["--auth-answer", "100"]).expect(2);
    explain(&["--auth-header", "X-User: zoe"]).expect(2);
}

#[test]
fn a_test_without_an_answer_fails_and_says_what_it_lacks() {
    let folder = Folder::new();
    let ran = tollgate(&["test", &folder.with("tollgate.yaml", ASKING)]).expect(1);
    assert!(ran.stdout.contains("1 passed, 1 failed") && ran.stdout.contains("give the test an `authAnswer`"), "{ran}");
}
