//! Admission that has to ask: what comes before the question, what after the answer, and who is asked when there are several ways in.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::auth_service::AuthService;
use engine::chain::{Answer, Outcome, Question, admit, look_again, resume};
use engine::counted::CountBy;
use engine::identity::{Consumer, ConsumerPlan, PlanRoutes};
use engine::live::Live;
use engine::names::{PlanId, PolicyId, RouteId};
use engine::policy::basic::{PasswordAnswer, PasswordHash, User, Users};
use engine::policy::forward_auth::{ForwardAuth, ServiceAnswer, ServiceReply, ServiceRules};
use engine::policy::jwks::KeySet;
use engine::policy::jwks::remote::{Begin, Plan, RemoteKeys};
use engine::policy::jwks::source::{KeyPlace, KeySource, ReadyWhen};
use engine::policy::jwks::url::KeyUrl;
use engine::policy::jwt::{Algorithm, FetchedKeys, ProviderKeys};
use engine::policy::throttle::{Applies, Throttle};
use engine::request::{RequestHead, RequestParts};
use engine::rules::Auth;
use engine::snapshot::Snapshot;
use engine::trail::{Mode, Step, Trail};
use engine::upstream::{Address, Endpoint};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use limits::bucket::Rate;
use limits::clock::Now;
use limits::shared::Scope;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use support::{Asks, KEY, password_rules, provider_with, signer, snapshot};
use testkit::tokens;

const START: Now = Now::at_unix_seconds(1_800_000_000);
const HASH: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

fn service(name: &str, live: &Live) -> AuthService {
    let rules = ServiceRules {
        request_headers: Vec::new(),
        response_headers: Vec::new(),
        denial_headers: Vec::new(),
        redirects: false,
        consumer_header: Some(HeaderName::from_static("x-user")),
        plan_header: Some(HeaderName::from_static("x-plan")),
        remember: None,
    };
    let address = Address::Socket(([127, 0, 0, 1], 9).into());
    AuthService {
        policy: ForwardAuth::new(name.into(), rules, name, live),
        endpoint: Endpoint { label: name.into(), address, weight: 1 },
        tls: None,
        authority: HeaderValue::from_static("auth"),
        target: "/".into(),
        timeout: Duration::from_secs(1),
        concurrent_max: 1,
    }
}

/// API key of acme, user bob of consumer builder, services `one` and `two`.
fn with(auth: Auth, live: &Live) -> Snapshot {
    let mut snapshot = snapshot(1, Asks::ApiKey, live, 0);
    let builder = Consumer::new("builder".into(), None, false, PolicyId(0));
    let user = User { name: "bob".into(), hash: PasswordHash::parse(HASH).unwrap(), consumer: Arc::new(builder) };
    snapshot.users = Users::new(vec![user], password_rules(), live);
    snapshot.auth_services = vec![service("one", live), service("two", live)];
    let rules = &mut snapshot.routes.first_mut().unwrap().rules;
    rules.auth = auth;
    rules.throttles.clear();
    rules.throttles_before_identity = vec![Throttle {
        policy: PolicyId(1),
        name: "by address".into(),
        rate: Rate::new(1, 3).unwrap(),
        by: CountBy::Address,
        scope: Scope::Node,
        mode: Mode::Enforce,
        applies: Applies::default(),
    }];
    snapshot
}

fn basic(credentials: &str) -> (&'static str, String) {
    ("authorization", format!("Basic {}", STANDARD.encode(credentials)))
}

fn key(key: &str) -> (&'static str, String) {
    ("x-api-key", key.to_owned())
}

/// What came of a request: `KEY?` for each question that was asked, and who it is or why not.
fn played(snapshot: &Snapshot, live: &Live, lines: &[(&'static str, String)], says: fn(&str) -> (u16, &str)) -> String {
    played_with(snapshot, live, lines, says, || panic!("nobody fetches keys here"))
}

fn answered(question: &Question, says: fn(&str) -> (u16, &str), said: &mut String) -> Answer {
    match question {
        Question::Password(question) => {
            said.push_str("password? ");
            let fits = question.hash.verifies(question.password.bytes());
            Answer::Password(if fits { PasswordAnswer::Match } else { PasswordAnswer::Mismatch })
        }
        Question::Service(question) => {
            let name = ["one", "two"].get(question.service).copied().unwrap();
            said.push_str(name);
            said.push_str("? ");
            let (status, user) = says(name);
            let mut headers = HeaderMap::new();
            let (user, plan) = user.split_once(" of ").map_or((user, None), |(user, plan)| (user, Some(plan)));
            headers.insert("x-user", user.parse().unwrap());
            headers.extend(plan.map(|plan| (HeaderName::from_static("x-plan"), plan.parse().unwrap())));
            Answer::Service(ServiceAnswer::Answered(ServiceReply { status, headers, body: Vec::new() }))
        }
    }
}

/// The same, with `keys?` where it waits for keys, which `fetch` brings or not.
fn played_with(
    snapshot: &Snapshot,
    live: &Live,
    lines: &[(&'static str, String)],
    says: fn(&str) -> (u16, &str),
    fetch: impl Fn(),
) -> String {
    let (said, outcome) = outcome_of(snapshot, live, lines, says, fetch);
    match outcome {
        Outcome::Pending(pending) => said + pending.identity().consumer_id().map_or("-", |id| id),
        Outcome::Denied { denial, .. } => said + denial.reason.code(),
        Outcome::Redirect { .. }
        | Outcome::Preflight { .. }
        | Outcome::Ask(_)
        | Outcome::Waiting(_)
        | Outcome::Whoami(_) => panic!("{outcome:?}"),
    }
}

fn outcome_of(
    snapshot: &Snapshot,
    live: &Live,
    lines: &[(&'static str, String)],
    says: fn(&str) -> (u16, &str),
    fetch: impl Fn(),
) -> (String, Outcome) {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("api.example.com"));
    for (name, value) in lines {
        headers.insert(*name, value.parse().unwrap());
    }
    let parts = RequestParts {
        method: &Method::GET,
        target: "/v1/service-0/items/1",
        headers: &headers,
        peer: [127, 0, 0, 1].into(),
        tls: false,
    };
    let head = RequestHead::parse(parts, &snapshot.request).unwrap();
    let mut trail = Trail::default();
    let mut said = String::new();
    let mut outcome = admit(snapshot, live, &head, START, &mut trail);
    loop {
        let asking = match outcome {
            Outcome::Ask(asking) => asking,
            Outcome::Waiting(waiting) => {
                said.push_str("keys? ");
                assert_eq!((waiting.providers(), waiting.route()), (&[0][..], RouteId(0)));
                fetch();
                outcome = look_again(*waiting, snapshot, live, &head, START, &mut trail);
                continue;
            }
            Outcome::Pending(_)
            | Outcome::Denied { .. }
            | Outcome::Redirect { .. }
            | Outcome::Preflight { .. }
            | Outcome::Whoami(_) => break,
        };
        let answer = answered(asking.question(), says, &mut said);
        outcome = resume(*asking, answer, snapshot, live, &head, START, &mut trail);
    }
    let steps = |step: Step| trail.entries().filter(|entry| entry.step == step).count();
    assert_eq!(steps(Step::AddressThrottle), 1, "taken once");
    if matches!(outcome, Outcome::Pending(_)) {
        assert_eq!(steps(Step::Identity), 1);
    }
    (said, outcome)
}

#[track_caller]
fn check(auth: Auth, lines: &[(&'static str, String)], says: fn(&str) -> (u16, &str), expected: &str) {
    let live = Live::new();
    assert_eq!(played(&with(auth, &live), &live, lines, says), expected);
}

fn yes(_: &str) -> (u16, &str) {
    (200, "zed")
}

fn no(_: &str) -> (u16, &str) {
    (403, "zed")
}

fn broken(_: &str) -> (u16, &str) {
    (500, "zed")
}

fn only_two(name: &str) -> (u16, &str) {
    (if name == "two" { 200 } else { 401 }, "zed")
}

#[test]
fn one_way() {
    check(Auth::Basic, &[], yes, "basic_missing");
    check(Auth::Basic, &[basic("bob:password")], yes, "password? builder");
    check(Auth::Basic, &[basic("bob:Password")], yes, "password? password_mismatch");
    check(Auth::Basic, &[basic("eve:password")], yes, "password? user_unknown");
    check(Auth::Basic, &[basic("eve")], yes, "basic_unreadable");
    check(Auth::Forward(0), &[], yes, "one? zed");
    check(Auth::Forward(0), &[], no, "one? auth_denied");
    check(Auth::Forward(0), &[], broken, "one? auth_service_failed");
    check(Auth::Forward(7), &[], yes, "internal_error");
}

#[test]
fn any_asks_last_and_stops_at_the_first_that_opens() {
    let any = || Auth::Any(vec![Auth::Forward(0), Auth::Basic, Auth::ApiKey, Auth::Forward(1)]);
    check(any(), &[key(KEY)], yes, "acme");
    check(any(), &[key("bad")], yes, "one? zed");
    check(any(), &[basic("bob:password")], no, "one? password? builder");
    check(any(), &[basic("bob:no")], only_two, "one? password? two? zed");
    check(any(), &[basic("bob:no")], no, "one? password? two? auth_denied");
    // What could not be checked might have opened: that is what is told.
    check(any(), &[key("bad")], broken, "one? two? auth_service_failed");
    check(Auth::Any(vec![Auth::ApiKey, Auth::Basic]), &[], yes, "api_key_missing");
    check(Auth::Any(vec![Auth::Basic, Auth::ApiKey]), &[], yes, "basic_missing");
    check(Auth::Any(vec![Auth::Basic, Auth::ApiKey]), &[key("bad")], yes, "key_unknown");
}

#[test]
fn all_asks_nobody_for_who_fails_a_check_of_ours() {
    let all = || Auth::All(vec![Auth::Forward(0), Auth::ApiKey, Auth::Forward(1)]);
    check(all(), &[], yes, "api_key_missing");
    check(all(), &[key("bad")], yes, "key_unknown");
    check(all(), &[key(KEY)], yes, "one? two? acme");
    check(all(), &[key(KEY)], only_two, "one? auth_required");
    check(Auth::All(vec![Auth::Basic, Auth::ApiKey]), &[key(KEY), basic("bob:password")], yes, "password? builder");
}

/// A disabled consumer's credential opens nothing, wherever it stands.
#[test]
fn all_looks_at_every_consumer() {
    for ways in [vec![Auth::ApiKey, Auth::Basic], vec![Auth::Basic, Auth::ApiKey]] {
        let live = Live::new();
        let mut snapshot = with(Auth::All(ways), &live);
        let disabled = Arc::new(Consumer::new("builder".into(), None, true, PolicyId(0)));
        let user = User { name: "bob".into(), hash: PasswordHash::parse(HASH).unwrap(), consumer: disabled };
        snapshot.users = Users::new(vec![user], password_rules(), &live);
        let came = played(&snapshot, &live, &[key(KEY), basic("bob:password")], yes);
        assert_eq!(came, "password? consumer_disabled");
    }
}

/// Who vouches for a caller knows its plan better than the config does.
#[test]
fn all_takes_the_plan_that_is_named_before_a_consumers_own() {
    fn plan(name: &str) -> Arc<ConsumerPlan> {
        Arc::new(ConsumerPlan { id: PlanId(0), name: name.into(), routes: PlanRoutes::All, policy: PolicyId(0) })
    }
    fn of_gold(_: &str) -> (u16, &str) {
        (200, "zed of gold")
    }
    fn check(ways: [Auth; 2], says: fn(&str) -> (u16, &str), expected: &str) {
        let live = Live::new();
        let mut snapshot = with(Auth::All(ways.into()), &live);
        snapshot.plans = ["own", "gold"].map(|name| (name.into(), plan(name))).into_iter().collect();
        let bob = Arc::new(Consumer::new("builder".into(), Some(plan("own")), false, PolicyId(0)));
        let user = User { name: "bob".into(), hash: PasswordHash::parse(HASH).unwrap(), consumer: bob };
        snapshot.users = Users::new(vec![user], password_rules(), &live);
        let lines = [basic("bob:password")];
        let (_, outcome) = outcome_of(&snapshot, &live, &lines, says, || panic!("nobody fetches keys here"));
        let Outcome::Pending(pending) = outcome else { panic!("{outcome:?}") };
        assert_eq!(pending.identity().plan.as_ref().map(|plan| &*plan.name), Some(expected));
        assert_eq!(pending.identity().consumer_id().map(|id| &**id), Some("builder"));
    }
    check([Auth::Basic, Auth::Forward(0)], of_gold, "gold");
    check([Auth::Basic, Auth::Forward(0)], yes, "own");
}

#[test]
fn ways_within_ways() {
    let both = || Auth::All(vec![Auth::ApiKey, Auth::Forward(0)]);
    check(Auth::Any(vec![both(), Auth::Basic]), &[basic("bob:password")], yes, "password? builder");
    check(Auth::Any(vec![both(), Auth::Basic]), &[key(KEY), basic("bob:password")], no, "one? password? builder");
    check(Auth::Any(vec![both(), Auth::Forward(0)]), &[key(KEY)], no, "one? auth_denied");
}

#[test]
fn a_throttle_before_identity_takes_once_however_much_is_asked() {
    let live = Live::new();
    let snapshot = with(Auth::Any(vec![Auth::Forward(0), Auth::Forward(1)]), &live);
    for _ in 0..3 {
        assert_eq!(played(&snapshot, &live, &[], only_two), "one? two? zed");
    }
    assert_eq!(played(&snapshot, &live, &[], only_two), "throttling_limit_reached");
}

/// Keys of the provider, which come with the wait or do not.
#[track_caller]
fn check_fetched(auth: Auth, lines: &[(&'static str, String)], comes: bool, expected: &str) {
    let live = Live::new();
    let mut snapshot = with(auth, &live);
    let remote = Arc::new(RemoteKeys::default());
    let fetched = Some(FetchedKeys { source: source(), remote: Arc::clone(&remote) });
    snapshot.providers = vec![provider_with(ProviderKeys { fixed: None, fetched }, &live, 0)];
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let fetch = || {
        assert_eq!(remote.begin(START), Begin::Now);
        if comes {
            let set = KeySet::from_fetched(tokens::jwks(&[&signer()]).as_bytes()).unwrap();
            let plan = Plan { due_in: minutes(10), next_in: minutes(9), unknown_for: minutes(2) };
            remote.succeeded(set, plan, START);
        } else {
            remote.failed("down".into(), |_| minutes(1), START);
        }
    };
    assert_eq!(played_with(&snapshot, &live, lines, yes, fetch), expected);
}

fn source() -> KeySource {
    let seconds = Duration::from_secs;
    KeySource {
        place: KeyPlace::Url(KeyUrl::parse("https://idp.example.com/jwks.json").unwrap()),
        refresh: seconds(600),
        stale_for: seconds(100),
        refetch_interval: seconds(30),
        timeout: seconds(5),
        authorities: Vec::new(),
        ready: ReadyWhen::Fetched,
        algorithms: vec![Algorithm::RS256],
    }
}

fn bearer() -> (&'static str, String) {
    let claims = json!({ "iss": "https://idp.example.com/", "sub": "dora", "exp": START.unix_seconds() + 600 });
    ("authorization", format!("Bearer {}", signer().token(&claims)))
}

#[test]
fn keys_are_waited_for_once_and_before_anybody_is_asked() {
    let jwt = || Auth::Jwt { provider: 0, scopes: Vec::new() };
    let any = || Auth::Any(vec![Auth::Forward(0), jwt()]);
    check_fetched(any(), &[bearer()], true, "keys? dora");
    check_fetched(any(), &[bearer()], false, "keys? one? zed");
    check_fetched(any(), &[], true, "one? zed");
    let all = || Auth::All(vec![Auth::Forward(0), jwt()]);
    check_fetched(all(), &[bearer()], true, "keys? one? dora");
    check_fetched(all(), &[bearer()], false, "keys? jwks_unavailable");
}

#[test]
fn what_was_answered_before_a_wait_is_not_asked_again() {
    let jwt = || Auth::Jwt { provider: 0, scopes: Vec::new() };
    // Both ways may ask, so they stand in the config's order: the token of the second is looked at after the first answer.
    let auth = || Auth::All(vec![Auth::Forward(0), Auth::Any(vec![jwt(), Auth::Forward(1)])]);
    check_fetched(auth(), &[bearer()], true, "one? keys? dora");
    check_fetched(auth(), &[bearer()], false, "one? keys? two? zed");
    check_fetched(auth(), &[], true, "one? two? zed");
}

#[test]
fn who_only_an_auth_service_names_has_a_counter_of_its_own() {
    let live = Live::new();
    let mut snapshot = with(Auth::Forward(0), &live);
    let rules = &mut snapshot.routes.first_mut().unwrap().rules;
    let throttle = rules.throttles_before_identity.pop().unwrap();
    rules.throttles = vec![Throttle { by: CountBy::Consumer, ..throttle }];
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("api.example.com"));
    let target = "/v1/service-0/items/1";
    let peer = [127, 0, 0, 1].into();
    let parts = RequestParts { method: &Method::GET, target, headers: &headers, peer, tls: false };
    let head = RequestHead::parse(parts, &snapshot.request).unwrap();
    let pass = |user: &'static str| {
        let mut trail = Trail::default();
        let Outcome::Ask(asking) = admit(&snapshot, &live, &head, START, &mut trail) else { panic!("not asked") };
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-user"), HeaderValue::from_static(user))]);
        let answer = Answer::Service(ServiceAnswer::Answered(ServiceReply { status: 200, headers, body: Vec::new() }));
        matches!(resume(*asking, answer, &snapshot, &live, &head, START, &mut trail), Outcome::Pending(_))
    };
    assert_eq!(["zed", "zed", "zed", "zed"].map(pass), [true, true, true, false]);
    assert!(pass("ann"));
}
