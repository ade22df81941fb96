//! Refusals of callers with a password, and of those about whom an auth service decides.

use crate::support::{Scenario, Steps, get, play};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::reason::Reason;
use testkit::gateway::Gateway;
use testkit::upstream::{echo, gatekeeper};

/// The password of ada is `password`, hashed as cheaply as a test needs it. Nothing listens at `{{listen9}}`.
pub const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
authServices:
  login:
    url: "http://{{upstream2}}/verify?by=gateway"
    timeout: 300ms
    responseHeaders: [X-Auth-Groups]
    consumerHeader: X-Auth-User
    redirects: true
  strict: { url: "http://{{upstream2}}/verify", planHeader: X-Auth-Plan }
  nobody: { url: "http://{{listen9}}/verify" }
  nameless: { url: "http://no-such-host.invalid/verify" }
  crowded: { url: "http://{{upstream2}}/verify", concurrentMax: 1, timeout: 20s }
plans: { gold: { routes: ["*"] } }
identityHeaders: { consumer: X-Consumer-ID, plan: X-Plan }
passwords: { failuresPerMinute: 4 }
trustedProxies: [127.0.0.0/8]
consumers:
  - id: acme
    plan: gold
    passwords:
      - { user: ada, argon2id: "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4" }
  - { id: gone, disabled: true }
defaults: { upstream: echo }
routes:
  - { name: basic, paths: [/basic], auth: { basic: {} } }
  - { name: login, paths: [/login], auth: { forwardAuth: { service: login } } }
  - { name: strict, paths: [/strict], auth: { forwardAuth: { service: strict } } }
  - { name: nobody, paths: [/nobody], auth: { forwardAuth: { service: nobody } } }
  - { name: nameless, paths: [/nameless], auth: { forwardAuth: { service: nameless } } }
  - { name: crowded, paths: [/crowded], auth: { forwardAuth: { service: crowded } } }
  - { name: either, paths: [/either], auth: { any: [{ forwardAuth: { service: login } }, { basic: {} }] } }
  - { name: open, paths: [/open], auth: { none: {} } }
"#;

pub fn builder() -> testkit::gateway::Builder {
    crate::support::gateway(CONFIG).upstream(echo()).upstream(gatekeeper())
}

pub async fn start() -> Gateway {
    builder().start().await
}

pub fn basic(credentials: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(credentials))
}

pub fn scenarios() -> Vec<Scenario> {
    let basically = |reason, what, fields: &[&str]| {
        Scenario::new(reason, what, Steps::Send(get("/basic", fields))).on("basic").by("routes.basic.auth")
    };
    let asked = |reason, what, route: &'static str, policy: &'static str, token: &str| {
        let field = format!("Authorization: Bearer {token}");
        Scenario::new(reason, what, Steps::Send(get(&format!("/{route}"), &[&field]))).on(route).by(policy)
    };
    let login = |reason, what, token: &str| asked(reason, what, "login", "routes.login.auth", token);
    let strict = |reason, what, token: &str| asked(reason, what, "strict", "routes.strict.auth", token);
    let failed = Reason::AuthServiceFailed;
    vec![
        basically(Reason::BasicMissing, "nothing", &[]),
        basically(Reason::BasicMissing, "a token", &["Authorization: Bearer x"]),
        basically(Reason::BasicUnreadable, "no base64", &["Authorization: Basic a:b"]),
        basically(Reason::BasicUnreadable, "no colon", &[&basic("ada")]),
        basically(Reason::BasicUnreadable, "twice", &[&basic("ada:password"), &basic("ada:password")]),
        basically(Reason::PasswordMismatch, "a wrong password", &[&basic("ada:passwort")]),
        basically(Reason::PasswordMismatch, "none", &[&basic("ada:")]),
        basically(Reason::UserUnknown, "nobody", &[&basic("eve:password")]),
        basically(Reason::UserUnknown, "another case", &[&basic("Ada:password")]),
        basically(Reason::PasswordFailuresExceeded, "the fifth", &[&basic("ada:a-fifth")]),
        login(Reason::AuthRequired, "401", "bare/401"),
        login(Reason::AuthDenied, "403", "bare/403"),
        login(Reason::AuthDenied, "a body that is too long", "huge-body"),
        login(Reason::AuthRedirected, "302", "move"),
        login(Reason::ConsumerDisabled, "one who is shut out", "allow/gone").by("consumers.gone"),
        login(failed, "500", "status/500"),
        login(failed, "404", "status/404"),
        login(failed, "200 that names nobody", "status/200"),
        login(failed, "garbage", "garbage"),
        login(failed, "an end instead of an answer", "close"),
        login(failed, "a reset instead of an answer", "reset"),
        login(failed, "an end in the middle", "length-too-long"),
        login(failed, "a reset in the middle", "reset-in-body"),
        login(failed, "a head of 1 MiB", "huge-head"),
        login(failed, "two lengths", "two-lengths"),
        login(failed, "a protocol that nobody asked for", "switch"),
        strict(failed, "a redirect that may not be passed", "move"),
        strict(failed, "a plan that there is not", "plan/silver"),
        asked(failed, "nobody listens", "nobody", "routes.nobody.auth", "x"),
        asked(failed, "a name that there is not", "nameless", "routes.nameless.auth", "x"),
        login(Reason::AuthServiceTimeout, "no answer", "never"),
        login(Reason::AuthServiceTimeout, "byte by byte", "trickle/20"),
        Scenario::new(Reason::AuthServiceBusy, "one is being asked about", Steps::Do(second_of_two))
            .on("crowded")
            .by("routes.crowded.auth"),
    ]
}

/// While the service thinks about one request, another comes.
fn second_of_two(gateway: &Gateway) -> crate::support::Doing<'_> {
    Box::pin(async {
        let before = gateway.upstream(1).count();
        let mut first = testkit::client::Connection::open(gateway.address("listen")).await.unwrap();
        first.write(&get("/crowded", &["Authorization: Bearer never"])).await.unwrap();
        assert!(gateway.upstream(1).wait_for(before + 1).await, "the service was not asked");
        crate::support::Seen::Refusal(gateway.send(&get("/crowded", &["Authorization: Bearer allow/x"])).await)
    })
}

#[tokio::test]
async fn ways() {
    let gateway = start().await;
    play(&gateway, &scenarios()).await;
    assert_eq!(gateway.upstream(0).count(), 0, "nobody has got in");
    let text = std::fs::read_to_string(gateway.directory().join("access.log")).unwrap() + &gateway.said();
    for secret in ["passwort", "a-fifth", "nf65EOgLrQMR", "bare/401"] {
        assert!(!text.contains(secret), "{secret} is in the logs");
    }
}
