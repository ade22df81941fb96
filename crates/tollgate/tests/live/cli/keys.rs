//! `tollgate keys` on a running gateway, and sets from files where nothing is fetched.

use crate::program::{BINARY, Folder, eventually, tollgate};
use serde_json::{Value, json};
use testkit::gateway::{Gateway, gateway};
use testkit::idp::IdentityProvider;
use testkit::tokens::{Algorithm, Signer, jwks};
use testkit::upstream;

fn config(jwks_url: &str) -> String {
    format!(
        r#"
upstreams: {{ main: {{ endpoints: ["{{{{upstream}}}}"] }} }}
jwtProviders:
  main:
    issuer: https://idp.example.com/
    algorithms: [ES256]
    keys: [{{ pemFile: own.pem, kid: own }}, {{ jwksUrl: "{jwks_url}", gatesReadiness: false }}]
routes: [{{ name: profile, paths: [/profile], upstream: main, auth: {{ jwt: {{ provider: main }} }} }}]
tests:
  - name: a token of the provider
    request: {{ url: "http://a.example/profile", headers: {{ Authorization: "Bearer ${{TOKEN:-none}}" }} }}
    expect: {{ status: 503, reason: jwks_unavailable }}
"#
    )
}

fn signer(kid: &str) -> Signer {
    Signer::fixed(Algorithm::ES256, Some(kid))
}

fn token(signer: &Signer) -> String {
    signer.token(&json!({"iss": "https://idp.example.com/", "sub": "ada", "exp": 4_102_444_800_u64}))
}

async fn start(jwks_url: &str) -> Gateway {
    let own = Signer::generated(Algorithm::ES256, None).public_pem();
    gateway(BINARY, &config(jwks_url)).upstream(upstream::echo()).file("own.pem", own).start().await
}

fn keys(gateway: &Gateway, code: i32) -> Value {
    let config = gateway.directory().join("tollgate.yaml").display().to_string();
    let ran = tollgate(&["keys", "--config", &config, "--format", "json"]).expect(code);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[tokio::test]
async fn each_key_is_shown_with_its_thumbprint_and_times() {
    let provider = IdentityProvider::start(&[&signer("a")]);
    let gateway = start(&format!("{}/jwks.json", provider.issuer())).await;
    // A token that is there before the first set would be the one that may ask for another.
    eventually("the first set", async || gateway.said().contains("signing key appeared").then_some(())).await;
    gateway.get("/profile").header("Authorization", &format!("Bearer {}", token(&signer("a")))).expect(200).await;
    provider.publish(&[&signer("b")]);
    gateway.get("/profile").header("Authorization", &format!("Bearer {}", token(&signer("b")))).expect(200).await;
    let shown = keys(&gateway, 0);
    let main = &shown["providers"][0];
    assert_eq!((&main["name"], &main["fetched"]["serves"]), (&json!("main"), &json!(true)), "{shown}");
    let of = |kid: &str| main["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap().clone();
    assert_eq!((of("own")["state"].clone(), of("own")["firstSeen"].clone()), (json!("config"), Value::Null));
    assert_eq!((of("a")["state"].clone(), of("b")["state"].clone()), (json!("vanished"), json!("fetched")));
    // One key under two names.
    assert_eq!(of("a")["thumbprint"], of("b")["thumbprint"]);
    assert!(of("b")["firstSeen"].is_string() && of("b")["algorithm"] == "ES256", "{shown}");
    let config = gateway.directory().join("tollgate.yaml").display().to_string();
    let text = tollgate(&["keys", "--config", &config]).expect(0).stdout;
    let thumbprint = of("b")["thumbprint"].as_str().unwrap().to_owned();
    assert!(
        text.contains("vanished   a  ES256") && text.contains(&format!("fetched    b  ES256  {thumbprint}")),
        "{text}"
    );
}

#[tokio::test]
async fn a_set_that_never_came_says_why() {
    let gateway = start("http://127.0.0.1:1/jwks.json").await;
    gateway.get("/profile").header("Authorization", &format!("Bearer {}", token(&signer("a")))).expect(503).await;
    let shown = keys(&gateway, 0);
    let fetched = &shown["providers"][0]["fetched"];
    assert_eq!((&fetched["serves"], &fetched["last"]), (&json!(false), &Value::Null), "{shown}");
    assert!(fetched["failure"]["times"].as_u64().unwrap() > 0, "{shown}");
    assert!(fetched["failure"]["why"].as_str().unwrap().contains("refused"), "{shown}");
}

#[test]
fn where_nothing_is_fetched_a_set_comes_from_a_file() {
    let folder = Folder::new();
    folder.with("own.pem", &Signer::generated(Algorithm::ES256, None).public_pem());
    let text = config("https://idp.example.com/jwks.json").replace("{{upstream}}", "127.0.0.1:1");
    let text = text.replace("${TOKEN:-none}", &token(&signer("a")));
    let path = folder.with("gate.yaml", &format!("version: 1\nlisteners: [{{ address: \"127.0.0.1:1\" }}]\n{text}"));
    let set = folder.with("keys.json", &jwks(&[&signer("a")]));
    let explain = |token: &str, more: &[&str]| {
        let header = format!("Authorization: Bearer {token}");
        let arguments = [&["explain", "--config", &path, "-H", &header, "http://a.example/profile"], more].concat();
        tollgate(&arguments)
    };
    let ran = explain(&token(&signer("a")), &[]).expect(1);
    assert!(ran.stdout.contains("jwks_unavailable") && ran.stdout.contains("--jwks main=FILE"), "{ran}");
    let handed_in = format!("main={set}");
    explain(&token(&signer("a")), &["--jwks", &handed_in]).expect(0);
    let ran = explain(&token(&signer("b")), &["--jwks", &handed_in]).expect(1);
    assert!(ran.stdout.contains("signing_key_unknown"), "{ran}");
    let ran = explain("x", &["--jwks", &format!("other={set}")]).expect(2);
    assert!(ran.stderr.contains("no provider other that fetches its keys"), "{ran}");
    tollgate(&["test", &path]).expect(0);
    let ran = tollgate(&["test", &path, "--jwks", &handed_in]).expect(1);
    assert!(ran.stdout.contains("expected 503, found 200"), "{ran}");
}
