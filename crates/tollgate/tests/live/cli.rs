//! The command line: exit codes (0 yes, 1 no, 2 could not), results to stdout, everything else to stderr.

mod check;
mod key;
mod keys;
mod password;
mod run;
mod smoke;

use crate::program::{BINARY, Folder, Ran, tollgate};
use std::process::Command;

/// Loads without a remark.
const GOOD: &str = r#"version: 1
listeners: [{ address: "127.0.0.1:8080" }]
upstreams: { main: { endpoints: ["127.0.0.1:9"] } }
consumers: [{ id: acme, apiKeys: [{ sha256: ded8e255c8b35f40c182d38cd977d2b28a91c113196934e02d5544736d42b174 }] }]
routes:
  - { name: open, paths: [/open], upstream: main, auth: { none: {} } }
  - { name: keyed, paths: [/keyed], upstream: main, auth: { apiKey: {} } }
tests:
  - { name: open is open, request: { url: "http://a.test/open" }, expect: { status: 200, route: open } }
"#;
/// Loads with a warning.
const WARNED: &str = r#"version: 1
listeners: [{ address: "127.0.0.1:8080" }]
upstreams: { main: { endpoints: ["127.0.0.1:9"] } }
consumers: [{ id: acme, apiKeys: [{ value: a-literal-secret }] }]
routes:
  - { name: keyed, paths: [/keyed], upstream: main, auth: { apiKey: {} } }
"#;
/// Does not load: two mistakes.
const BAD: &str = r#"version: 1
listeners: [{ address: "127.0.0.1:8080" }]
upstreams: { main: { endpoints: ["127.0.0.1:9"] } }
routes:
  - { name: open, paths: [/open], upstream: nobody, auth: { none: {} } }
  - { name: more, paths: [/more], upstream: nowhere, auth: { none: {} } }
  - { name: rest, paths: [/rest], upstream: main, auth: { none: {} } }
"#;

/// Where a command says something.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    Nothing,
    Something,
    /// This, among other things.
    This(&'static str),
}

impl Says {
    #[track_caller]
    fn check(self, stream: &str, text: &str, ran: &Ran) {
        match self {
            Self::Nothing => assert!(text.is_empty(), "{stream} should be empty: {ran}"),
            Self::Something => assert!(!text.is_empty(), "{stream} should not be empty: {ran}"),
            Self::This(part) => assert!(text.contains(part), "{stream} should say {part}: {ran}"),
        }
        assert!(!text.contains('\u{1b}'), "{stream} is no terminal, and yet has colours: {ran}");
        assert!(!text.contains("panicked"), "{ran}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_command_ends_with_its_code_and_speaks_on_the_right_stream() {
    use Says::{Nothing, Something, This};
    let folder = Folder::new();
    let good = &*folder.with("good.yaml", GOOD);
    let warned = &*folder.with("warned.yaml", WARNED);
    let bad = &*folder.with("bad.yaml", BAD);
    let failing = &*folder.with("failing.yaml", &GOOD.replace("status: 200", "status: 404"));
    let check = |arguments: &[&str], code: i32, stdout: Says, stderr: Says| {
        let ran = tollgate(arguments);
        assert_eq!(ran.code, code, "tollgate {arguments:?}: {ran}");
        stdout.check("stdout", &ran.stdout, &ran);
        stderr.check("stderr", &ran.stderr, &ran);
    };
    check(&[], 2, Nothing, Something);
    check(&["nonsense"], 2, Nothing, This("nonsense"));
    check(&["--help"], 0, This("reload"), Nothing);
    check(&["--version"], 0, This("tollgate"), Nothing);
    check(&["version"], 0, This("commit"), Nothing);
    check(&["version", "more"], 2, Nothing, Something);
    check(&["schema"], 0, This("\"$schema\""), Nothing);
    check(&["completions", "bash"], 0, This("_tollgate"), Nothing);
    check(&["completions", "zsh"], 0, This("tollgate"), Nothing);
    check(&["completions", "nonsense"], 2, Nothing, This("nonsense"));
    check(&["reasons"], 0, This("api_key_invalid"), Nothing);
    check(&["reasons", "--format", "json"], 0, This("\"api_key_invalid\""), Nothing);
    check(&["reasons", "key_unknown"], 0, This("api_key_invalid"), Nothing);
    check(&["reasons", "quota_exceeded"], 0, This("quota_exceeded"), Nothing);
    check(&["reasons", "quota_exceded"], 2, Nothing, This("did you mean quota_exceeded?"));
    check(&["check"], 2, Nothing, Something);
    check(&["check", good], 0, This("good.yaml: ok"), Nothing);
    check(&["check", warned], 0, This("warned.yaml: ok, 1 warning"), This("literal-secret"));
    check(&["check", "--strict", warned], 1, This("1 warning"), This("literal-secret"));
    check(&["check", "--strict", good], 0, This("ok"), Nothing);
    check(&["check", bad], 1, This("bad.yaml: 2 errors"), This("nowhere"));
    check(&["check", good, bad], 1, This("good.yaml: ok"), This("nobody"));
    check(&["check", "nowhere.yaml"], 2, Nothing, This("cannot read nowhere.yaml"));
    check(&["check", "."], 2, Nothing, This("cannot read"));
    check(&["explain", "--config", good, "http://a.test/open"], 0, This("forwarded to main"), Nothing);
    check(&["explain", "--config", good, "http://a.test/keyed"], 1, This("api_key_missing"), Nothing);
    check(&["explain", "--config", good, "http://a.test/opn"], 1, This("near miss"), Nothing);
    check(&["explain", "--config", good], 2, Nothing, This("URL"));
    check(&["explain", "--config", bad, "http://a.test/open"], 2, Nothing, This("the config has mistakes"));
    check(&["explain", "--config", "nowhere.yaml", "http://a.test/open"], 2, Nothing, This("cannot read nowhere.yaml"));
    check(&["explain", "--config", good, "--at", "yesterday", "http://a.test/open"], 2, Nothing, This("yesterday"));
    check(&["explain", "--config", good, "-H", "nonsense", "http://a.test/open"], 2, Nothing, This("nonsense"));
    check(
        &["explain", "--config", good, "-d", "@nowhere", "http://a.test/open"],
        2,
        Nothing,
        This("cannot read nowhere"),
    );
    check(&["test", good], 0, This("1 passed, 0 failed"), Nothing);
    check(&["test", failing], 1, This("expected 404, found 200"), Nothing);
    check(&["test", warned], 2, Nothing, This("no tests"));
    check(&["test", bad], 2, Nothing, This("the config has mistakes"));
    check(&["test", "nowhere.yaml"], 2, Nothing, This("cannot read nowhere.yaml"));
    check(&["test", good, "--against", "https://127.0.0.1:1"], 2, Nothing, This("http://HOST:PORT"));
    check(&["reload", "--config", good], 2, Nothing, This("no gateway answers"));
    check(&["reload", "--config", good, "--wait"], 2, Nothing, This("no gateway answers"));
    check(&["reload"], 2, Nothing, This("--config"));
    check(&["run"], 2, Nothing, This("--config"));
    check(&["run", "--config", "nowhere.yaml"], 2, Nothing, This("cannot read nowhere.yaml"));
    check(&["run", "--config", bad], 2, Nothing, This("nobody"));
    let token = &*folder.with("token", "hello");
    check(&["token"], 2, Nothing, Something);
    check(&["token", token], 1, This("jws_unreadable"), Nothing);
    check(&["token", token, "--format", "json"], 1, This("\"refused\""), Nothing);
    check(&["token", "nowhere"], 2, Nothing, This("cannot read nowhere"));
    check(&["token", token, "--provider", "main"], 2, Nothing, This("--config"));
    check(&["token", token, "--at", "yesterday"], 2, Nothing, This("yesterday"));
    check(&["token", token, "--config", good], 2, Nothing, This("no jwtProviders"));
    check(&["token", token, "--config", good, "--route", "opne"], 2, Nothing, This("did you mean open?"));
    check(&["token", token, "--config", good, "--route", "open"], 2, Nothing, This("asks for no token"));
    check(&["token", token, "--config", bad], 2, Nothing, This("the config has mistakes"));
    check(&["key"], 2, Nothing, Something);
    check(&["key", "new"], 0, This("tg_"), This("sha256"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for arguments in ["completions bash", "schema", "reasons", "reasons --format json", "--help", "version", "key new"]
    {
        let script = format!("'{BINARY}' {arguments} | true; exit ${{PIPESTATUS[0]}}");
        for _ in 0..5 {
            let ran = crate::program::run(Command::new("bash").args(["-c", &script])).expect(0);
            assert!(!ran.stderr.contains("panicked"), "{arguments}: {ran}");
        }
    }
}
