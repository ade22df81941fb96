//! A config from any text: always a verdict, and one that holds.

use config::diagnostic::{Code, Severity};
use config::source::Memory;
use config::{Config, Format, Loaded};
use engine::chain::{Outcome, Pending, admit, look_again, own_answer, settle};
use engine::denial::Denial;
use engine::identity::Identity;
use engine::live::Live;
use engine::names::RouteId;
use engine::reply::Occurrence;
use engine::request::{RequestHead, RequestParts};
use engine::snapshot::Snapshot;
use engine::trail::Trail;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use limits::clock::Now;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::task::{Context, Poll, Waker};
use store::{Counters, SharedLimits};

/// Begins a line that names the next file.
const FILE: &str = "%%%";

/// The main file; a line `%%%NAME` begins another one beside it. There are also `secret`, the keys of the examples, and the
/// variables `KEY` and `PORT`. What is not refused answers some fixed requests.
pub fn config_parse(data: &[u8]) {
    let digest = digest(data);
    let files = files(data, &digest);
    let variable = |name: &str| match name {
        "KEY" => Some("a secret that is long enough for anybody".to_owned()),
        "PORT" => Some("8080".to_owned()),
        _ => None,
    };
    let live = Live::new();
    let loaded = config::load(Path::new("main.yaml"), &files, &variable, &live);
    has_verdict(&loaded);
    // A file that is included is no secret. With a backslash the word has more spellings than one.
    if !data.windows(7).any(|part| part == b"include") && !data.contains(&b'\\') {
        assert!(!loaded.render(Format::Text { colour: false }).contains(&digest));
    }
    if let Some(config) = &loaded.config {
        for request in REQUESTS {
            answers(config, &live, request);
        }
    }
    // Loading is slow under a fuzzer: one input in eight has to show that the verdict is no accident.
    if data.len().is_multiple_of(8) {
        let again = config::load(Path::new("main.yaml"), &files, &variable, &live);
        assert_eq!(again.render(Format::Json), loaded.render(Format::Json), "two loads, two verdicts");
    }
}

/// Of the input, in which it is not written: what has it read the secret.
fn digest(data: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn files(data: &[u8], digest: &str) -> Memory {
    let mut files = Memory::default()
        .with("secret", format!("{digest} is a secret of a file, as long as it takes"))
        .with("keys/idp.jwks.json", include_str!("../../../conf/keys/idp.jwks.json"))
        .with("keys/idp-2026.pem", include_str!("../../../conf/keys/idp-2026.pem"))
        .with("keys/quickstart.pem", include_str!("../../../conf/keys/quickstart.pem"))
        .with("keys/example-ca.pem", include_str!("../../../conf/keys/example-ca.pem"));
    let (mut name, mut content) = ("main.yaml".to_owned(), Vec::new());
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        if let Some(next) = line.strip_prefix(FILE.as_bytes()) {
            files = files.with(&name, std::mem::take(&mut content));
            name = String::from_utf8_lossy(next).trim().into();
        } else {
            content.extend_from_slice(line);
        }
    }
    files.with(&name, content)
}

fn has_verdict(loaded: &Loaded) {
    assert_eq!(loaded.config.is_some(), !loaded.diagnostics.has_errors());
    let said = loaded.diagnostics.sorted();
    for diagnostic in &said {
        assert!(diagnostic.code != Code::Internal, "{diagnostic:?}");
        assert!(diagnostic.help.is_some(), "{diagnostic:?}");
        assert!(diagnostic.place.is_some() || diagnostic.code == Code::FileUnreadable, "{diagnostic:?}");
    }
    let errors = said.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    assert_eq!(errors, loaded.diagnostics.has_errors());
    let plain = loaded.render(Format::Text { colour: false });
    assert_eq!(plain.is_empty(), loaded.diagnostics.is_empty());
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    drop(loaded.render(Format::Text { colour: true }));
    let json = loaded.render(Format::Json);
    assert!(json.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()) || whole(&json), "{json}");
    drop(loaded.render(Format::Github));
}

fn whole(json: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(json).is_ok()
}

/// Method, target and header lines.
type Asked = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const REQUESTS: &[Asked] = &[
    ("GET", "/", &[("host", "api.example.com")]),
    ("POST", "/v1/orders/7?preview=true", &[("host", "localhost:8080"), ("content-length", "12"), ("x-api-key", "k")]),
    ("GET", "/v1/orders/", &[("host", "a.b"), ("authorization", "Bearer a.b.c"), ("accept", "text/html")]),
    ("OPTIONS", "*", &[("host", "a")]),
    (
        "OPTIONS",
        "/v1/orders/7?preview=true",
        &[
            ("host", "api.example.com"),
            ("origin", "https://app.example.com"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "x-version"),
        ],
    ),
];

type Refused = (Option<RouteId>, Identity, Denial);

fn answers(config: &Config, live: &Live, (method, target, fields): &Asked) {
    let snapshot = &config.snapshot;
    let now = Now::at_unix_seconds(1_800_000_000);
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let field =
        |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let headers: HeaderMap = fields.iter().map(field).collect();
    let parts =
        RequestParts { method: &method, target, headers: &headers, peer: IpAddr::V4(Ipv4Addr::LOCALHOST), tls: false };
    let Ok(head) = RequestHead::parse(parts, &snapshot.request) else { return };
    let mut trail = Trail::default();
    let mut outcome = admit(snapshot, live, &head, now, &mut trail);
    if let Outcome::Waiting(waiting) = outcome {
        outcome = look_again(*waiting, snapshot, live, &head, now, &mut trail);
    }
    let refused = match outcome {
        Outcome::Waiting(_) => panic!("waits twice"),
        Outcome::Denied { route, identity, denial } => Some((route, identity, denial)),
        // Nobody is asked here.
        Outcome::Ask(asking) => {
            assert!(snapshot.route(asking.route()).is_some());
            return;
        }
        Outcome::Redirect { route, path } => {
            assert!(snapshot.route(route).is_some() && path.starts_with('/'));
            None
        }
        Outcome::Preflight { route, reply } => {
            assert!(snapshot.route(route).is_some() && reply.status == 204 && reply.body.is_empty());
            None
        }
        Outcome::Whoami(introduction) => {
            assert_eq!(introduction.reply(|charge| charge.limit).status, 200);
            None
        }
        Outcome::Pending(pending) => counts(pending, snapshot, &head, now, &mut trail),
    };
    assert!(trail.entries().count() > 0);
    if let Some(refused) = refused {
        is_told(refused, snapshot, &head, &headers, now);
    }
    assert!(snapshot.table.near_misses(&head, 3).len() <= 3);
}

/// What is left is a matter of counters: it is forwarded or answered, or refused.
fn counts(
    mut pending: Pending,
    snapshot: &Snapshot,
    head: &RequestHead<'_>,
    now: Now,
    trail: &mut Trail,
) -> Option<Refused> {
    let route = pending.route();
    let counters = Counters::embedded(16);
    let shared = SharedLimits::alone(16);
    let counted = at_once(store::quotas::charge(&counters, &shared, &mut pending, snapshot, head, now));
    match settle(pending, snapshot, &counted, now, trail) {
        Ok(admission) => {
            let reply = own_answer(&admission, snapshot, head, "id", now);
            let upstream = admission.upstream().and_then(|upstream| snapshot.upstream(upstream));
            assert!(upstream.is_some() != reply.is_some());
            None
        }
        Err((denial, identity)) => Some((Some(route), identity, denial)),
    }
}

/// A refusal becomes a reply in words.
fn is_told(
    (route, identity, denial): Refused,
    snapshot: &Snapshot,
    head: &RequestHead<'_>,
    fields: &HeaderMap,
    now: Now,
) {
    let reply = snapshot.errors.render(&Occurrence {
        denial: &denial,
        request_id: "01890c5e-0000-7000-8000-000000000000",
        method: head.method.as_str(),
        host: &head.host,
        path: &head.path,
        fields: Some(fields),
        route: route.as_ref().and_then(|id| Some((id, &*snapshot.route(*id)?.name))),
        consumer: identity.consumer_id().map(|id| &**id),
        plan: identity.plan.as_ref().map(|plan| &*plan.name),
        policy_name: denial.policy.and_then(|id| snapshot.policy(id)).map(|policy| &*policy.name),
        claims: identity.token.as_ref().map(|token| &token.claims),
        now,
    });
    assert!((200..600).contains(&reply.status), "{}", reply.status);
    assert!(std::str::from_utf8(&reply.body).is_ok());
}

/// The embedded store does not wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the embedded store waits"),
    }
}
