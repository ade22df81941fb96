//! Callers who get in by a password or by the word of an auth service: what upstream, the log and the service itself are told.

use crate::reasons_ways::{basic, start};
use crate::support::{get, request, told, told_all};
use testkit::gateway::Gateway;

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// What the auth service was told last.
fn asked(gateway: &Gateway) -> testkit::upstream::Received {
    gateway.upstream(1).received().pop().unwrap()
}

#[tokio::test]
async fn a_user_is_its_consumer_and_its_password_stays_here() {
    let gateway = start().await;
    for _ in 0..3 {
        let response = gateway.send(&get("/basic", &[&basic("ada:password")])).await;
        assert_eq!(told(&response, "x-consumer-id").as_deref(), Some("acme"));
        assert_eq!(told(&response, "x-plan").as_deref(), Some("gold"));
        assert_eq!(told(&response, "authorization"), None);
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        assert_eq!((&line["consumer"], &line["plan"]), (&"acme".into(), &"gold".into()));
    }
    let verified = gateway.metric("tollgate_password_checks_total", &[("outcome", "match")]).await;
    assert!((verified - 1.0).abs() < 1e-9, "verified {verified} times");
    // On a route that asks for nothing, too; but what is meant for upstream alone is its own.
    let open = gateway.send(&get("/open", &[&basic("ada:password")])).await;
    assert_eq!(told(&open, "authorization"), None);
    let theirs = basic("theirs:password");
    let open = gateway.send(&get("/open", &[&theirs])).await;
    assert_eq!(told(&open, "authorization").as_deref(), theirs.strip_prefix("Authorization: "));
}

/// More than one address may have waiting: they are one question.
#[tokio::test]
async fn many_at_once_with_one_password_are_let_in() {
    let gateway = start().await;
    let address = gateway.address("listen");
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..50 {
        clients.spawn(async move {
            let mut connection = testkit::client::Connection::open(address).await.unwrap();
            connection.send(&get("/basic", &[&basic("ada:password")])).await
        });
    }
    for response in clients.join_all().await {
        assert_eq!(response.status, 200, "{response}");
    }
}

#[tokio::test]
async fn a_changed_password_opens_nothing_after_the_reload() {
    let gateway = start().await;
    let bytes = get("/basic", &[&basic("ada:password")]);
    assert_eq!(gateway.send(&bytes).await.status, 200);
    let changed = crate::reasons_ways::CONFIG.replace("nf65EOgLrQMR", "nf65EOgLrQMS");
    gateway.reload_with(&changed).await;
    assert_eq!(gateway.send(&bytes).await.status, 401);
}

#[tokio::test]
async fn the_service_is_told_what_it_is_asked_about() {
    let gateway = start().await;
    let fields = [
        "Host: Shop.Example:8080",
        &bearer("allow/zoe"),
        "Cookie: session=1",
        "X-Other: 1",
        "X-Forwarded-Uri: /public",
        "X-Forwarded-For: 203.0.113.7",
        "X-Request-Id: 0199c1de-5b0e-7c41-9d54-3b1f6f0c2a11",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ];
    let response = gateway.send(&request("POST", "/a/../login?x=%20", &fields, "a body")).await;
    assert_eq!(response.status, 200, "{response}");
    let seen = asked(&gateway);
    assert_eq!((&*seen.method, &*seen.target, &*seen.body), ("GET", "/verify?by=gateway", &b""[..]));
    for (name, value) in [
        ("authorization", "Bearer allow/zoe"),
        ("cookie", "session=1"),
        ("x-forwarded-method", "POST"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "shop.example:8080"),
        ("x-forwarded-uri", "/login?x=%20"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-request-id", "0199c1de-5b0e-7c41-9d54-3b1f6f0c2a11"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
        assert_eq!(seen.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).count(), 1, "{name}");
    }
    assert!(seen.header("traceparent").is_some_and(|trace| trace.contains("0af7651916cd43dd8448eb211c80319c")));
    assert_eq!(seen.header("x-other"), None);
}

#[tokio::test]
async fn whom_the_service_lets_in_upstream_knows_by_its_word_alone() {
    let gateway = start().await;
    let forged = ["X-Auth-Groups: root", "x_auth_groups: root", "X-Consumer-ID: root"];
    let fields = [&*bearer("allow/zoe"), forged[0], forged[1], forged[2]];
    let response = gateway.send(&get("/login", &fields)).await;
    assert_eq!(told_all(&response, "x-auth-groups"), ["staff"]);
    assert_eq!(told_all(&response, "x_auth_groups"), [""; 0]);
    assert_eq!(told_all(&response, "x-consumer-id"), ["zoe"]);
    assert_eq!(told_all(&response, "x-internal"), [""; 0]);
    let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
    assert_eq!(line["consumer"], "zoe");
    let listed = gateway.send(&get("/login", &[&bearer("allow/acme")])).await;
    assert_eq!(told(&listed, "x-plan").as_deref(), Some("gold"));
    let by_plan = gateway.send(&get("/strict", &[&bearer("plan/gold")])).await;
    assert_eq!(told(&by_plan, "x-plan").as_deref(), Some("gold"));
    // The names are ours on every route.
    let open = gateway.send(&get("/open", &forged)).await;
    assert_eq!(told_all(&open, "x-auth-groups"), [""; 0]);
}

#[tokio::test]
async fn a_refusal_is_the_services_own() {
    let gateway = start().await;
    let response = gateway.send(&get("/login", &[])).await;
    assert_eq!((response.status, response.text().as_ref()), (401, "<p>Sign in.</p>"), "{response}");
    assert_eq!(response.header("www-authenticate"), Some("Bearer realm=\"sso\""));
    assert_eq!(response.header("set-cookie"), Some("a=1"));
    assert_eq!((response.header("content-type"), response.header("x-internal")), (Some("text/html"), None));
    let moved = gateway.send(&get("/login", &[&bearer("bare/307")])).await;
    assert_eq!((moved.status, moved.header("location")), (307, Some("/sign-in")), "{moved}");
    let worded = crate::reasons_ways::CONFIG.replace(
        "defaults:",
        "errors: { templates: [{ on: auth_required, contentType: text/plain, body: \"sign in, {{request.path}}\" }] }\ndefaults:",
    );
    gateway.reload_with(&worded).await;
    let response = gateway.send(&get("/login", &[])).await;
    assert_eq!((response.status, response.text().as_ref()), (401, "sign in, /login"), "{response}");
    assert_eq!(response.header("www-authenticate"), Some("Bearer realm=\"sso\""));
}

#[tokio::test]
async fn connections_to_the_service_are_kept_and_a_stale_one_is_replaced() {
    let gateway = start().await;
    for _ in 0..5 {
        assert_eq!(gateway.send(&get("/login", &[&bearer("allow/zoe")])).await.status, 200);
    }
    assert_eq!(gateway.upstream(1).connections(), 1);
    // Answers, promises to keep the connection, and closes it.
    assert_eq!(gateway.send(&get("/login", &[&bearer("close-idle")])).await.status, 503, "it names nobody");
    assert_eq!(gateway.send(&get("/login", &[&bearer("allow/zoe")])).await.status, 200);
}

#[tokio::test]
async fn what_is_remembered_is_not_asked_again() {
    let remembering =
        crate::reasons_ways::CONFIG.replace("redirects: true", "redirects: true\n    remember: { for: 10m }");
    let gateway = crate::support::gateway(&remembering)
        .upstream(testkit::upstream::echo())
        .upstream(testkit::upstream::gatekeeper())
        .start()
        .await;
    for _ in 0..3 {
        let response = gateway.send(&get("/login", &[&bearer("allow/zoe")])).await;
        assert_eq!(told(&response, "x-auth-groups").as_deref(), Some("staff"));
    }
    assert_eq!(gateway.upstream(1).count(), 1);
    gateway.send(&get("/login?other", &[&bearer("allow/zoe")])).await;
    assert_eq!(gateway.upstream(1).count(), 2, "another target");
    gateway.reload_with(&remembering.replace("timeout: 300ms", "timeout: 301ms")).await;
    gateway.send(&get("/login", &[&bearer("allow/zoe")])).await;
    assert_eq!(gateway.upstream(1).count(), 2, "a reload with the same rules keeps it");
    gateway.reload_with(&remembering.replace("X-Auth-Groups", "X-Auth-Role")).await;
    gateway.send(&get("/login", &[&bearer("allow/zoe")])).await;
    assert_eq!(gateway.upstream(1).count(), 3, "other rules ask anew");
}

#[tokio::test]
async fn either_way_opens() {
    let gateway = start().await;
    let response = gateway.send(&get("/either", &[&bearer("allow/zoe")])).await;
    assert_eq!(told(&response, "x-consumer-id").as_deref(), Some("zoe"));
    let response = gateway.send(&get("/either", &[&basic("ada:password")])).await;
    assert_eq!(told(&response, "x-consumer-id").as_deref(), Some("acme"));
    let response = gateway.send(&get("/either", &[&bearer("status/500")])).await;
    assert_eq!(response.status, 503, "{response}");
}

/// A service that is gone shuts everybody out, and one that is back lets in again, without anybody doing anything.
#[tokio::test]
async fn a_service_that_dies_refuses_until_it_is_back() {
    use testkit::upstream::{Behaviour, Upstream, gatekeeper};
    let service = gatekeeper();
    let address = service.address();
    let config = crate::reasons_ways::CONFIG.replace("{{upstream2}}", &address.to_string());
    let gateway = crate::support::gateway(&config).upstream(testkit::upstream::echo()).start().await;
    let bytes = get("/login", &[&bearer("allow/zoe")]);
    assert_eq!(gateway.send(&bytes).await.status, 200);
    drop(service);
    for _ in 0..3 {
        assert_eq!(gateway.send(&bytes).await.status, 503);
    }
    assert_eq!(gateway.upstream(0).count(), 1);
    let said = gateway.said();
    assert_eq!(said.matches("auth service gave no answer").count(), 1, "one line, however often: {said}");
    let back = Upstream::start_at(address, Behaviour::Gatekeeper).unwrap();
    assert_eq!(gateway.send(&bytes).await.status, 200);
    assert_eq!(back.count(), 1);
}

/// Over TLS a service is only asked if its certificate is what the config says.
#[tokio::test]
async fn a_service_with_a_wrong_certificate_is_told_nothing() {
    use testkit::tls_upstream::{Authority, TlsUpstream, Validity};
    let (authority, another) = (Authority::new("ours"), Authority::new("not ours"));
    let tls = |authority: &Authority, name| {
        let certificate = authority.certify(name, Validity::Good);
        TlsUpstream::start(certificate, testkit::upstream::gatekeeper()).unwrap()
    };
    let services = [
        ("good", tls(&authority, "auth.internal")),
        ("stranger", tls(&another, "auth.internal")),
        ("misnamed", tls(&authority, "billing.internal")),
    ];
    let [list, routes] = [
        services.each_ref().map(|(name, service)| {
            let tls = "tls: { serverName: auth.internal, caFile: ca.pem }";
            format!("  {name}: {{ url: \"https://{}/verify\", {tls} }}\n", service.address())
        }),
        services.each_ref().map(|(name, _)| {
            format!("  - {{ name: {name}, paths: [/{name}], auth: {{ forwardAuth: {{ service: {name} }} }} }}\n")
        }),
    ]
    .map(|lines| lines.concat());
    let config = format!(
        "upstreams: {{ echo: {{ endpoints: [\"{{{{upstream}}}}\"] }} }}\nauthServices:\n{list}\
         defaults: {{ upstream: echo }}\nroutes:\n{routes}"
    );
    let gateway = crate::support::gateway(&config).file("ca.pem", authority.pem());
    let gateway = gateway.upstream(testkit::upstream::echo()).start().await;
    for (name, service) in &services {
        let response = gateway.send(&get(&format!("/{name}"), &[&bearer("allow/zoe")])).await;
        let (status, asked) = if *name == "good" { (200, 1) } else { (503, 0) };
        assert_eq!((response.status, service.inner().count()), (status, asked), "{name}: {response}");
    }
}
