//! A snapshot put together by hand, for the tests and benches of the engine itself: config stands above it.

#![allow(dead_code, reason = "each test and bench takes what it needs")]
#![expect(clippy::expect_used, reason = "a fixture that cannot be made has to stop")]

use engine::counted::CountBy;
use engine::credential::Location;
use engine::identity::{ApiKeyHolder, Consumer, ConsumerPlan, PlanRoutes};
use engine::live::Live;
use engine::names::{Place, PlanId, PolicyId, RouteId, UpstreamId};
use engine::naming::durable;
use engine::policy::api_key::{ApiKeyEntry, ApiKeys};
use engine::policy::basic::{PasswordRules, Users};
use engine::policy::concurrency::Concurrency;
use engine::policy::ip_access::{IpAccess, Networks};
use engine::policy::jwks::KeySet;
use engine::policy::jwt::{Algorithm, ConsumerClaim, Provider, ProviderKeys, ProviderRules};
use engine::policy::parameters::{Parameters, PathParameter, PathTemplate, QueryParameter, QueryStyle, Rule, Shape};
use engine::policy::quota::Quota;
use engine::policy::throttle::{Applies, Throttle};
use engine::reply::{ErrorRules, Errors};
use engine::request::RequestRules;
use engine::route::host::HostPattern;
use engine::route::path::PathPattern;
use engine::route::table::{Conditions, MethodMismatch, Methods, RouteMatch, RouteTable, TrailingSlash};
use engine::rules::{Auth, PlanLimits, Route, Rules};
use engine::schema::{Formats, Schema};
use engine::snapshot::{
    AcceptRequestId, IntakeRules, PolicyInfo, RateLimitField, RequestIdRules, Snapshot, ToldUpstream,
};
use engine::standing::QuotaHeaders;
use engine::target::Target;
use engine::trail::Mode;
use engine::upstream::{Address, Endpoint, Timeouts, Upstream};
use http::{HeaderName, Method};
use ipnet::{IpNet, Ipv4Net};
use limits::bucket::Rate;
use limits::clock::Now;
use limits::shared::Scope;
use limits::window::Period;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use testkit::tokens::Signer;

pub const KEY: &str = "tg_test_key_of_consumer_acme";

/// What the routes of the snapshot ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    Nothing,
    /// API key, throttle on the route, throttle and quota on the plan.
    ApiKey,
    /// The same by token.
    Jwt,
}

fn place() -> Place {
    Place { file: "test.yaml".into(), line: 1, column: 1 }
}

/// Route `i` answers `GET`, `POST` at `/v1/service-i/items/{id}` of `api.example.com`.
pub fn snapshot(routes: usize, asks: Asks, live: &Live, tokens_max: usize) -> Snapshot {
    let plan = plan();
    let consumer = Arc::new(Consumer::new("acme".into(), Some(Arc::clone(&plan)), false, PolicyId(0)));
    let holder = ApiKeyHolder { consumer: Arc::clone(&consumer), label: None, key: durable(&[b"api key 1"]) };
    let entry = ApiKeyEntry {
        sha256: Sha256::digest(KEY).into(),
        holder: Arc::new(holder),
        expires_unix_s: None,
        revoked: false,
    };
    let location = Location::Header(HeaderName::from_static("x-api-key"));
    Snapshot {
        revision: "test".into(),
        table: RouteTable::build((0..routes).map(route_match).collect(), MethodMismatch::MethodNotAllowed),
        routes: (0..routes).map(|index| route(index, asks)).collect(),
        policies: (0..4).map(|_| policy()).collect(),
        api_keys: ApiKeys::new(vec![entry], location, true),
        users: Users::new(Vec::new(), password_rules(), live),
        auth_services: Vec::new(),
        providers: if asks == Asks::Jwt { vec![provider(live, tokens_max)] } else { Vec::new() },
        consumers: [(consumer.id.clone(), consumer)].into_iter().collect(),
        plans: [(plan.name.clone(), plan)].into_iter().collect(),
        plan_limits: vec![plan_limits()],
        upstreams: vec![upstream(live)],
        errors: Errors::new(ErrorRules::default()),
        request: RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 8192 },
        intake: IntakeRules {
            head_bytes_max: 32 * 1024,
            head_lines_max: 100,
            uri_bytes_max: 8192,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            connections_max: 1000,
            connections_per_address_max: 100,
            held_body_bytes_max: 1 << 20,
        },
        active_keys_max: 100_000,
        request_id: RequestIdRules {
            header: HeaderName::from_static("x-request-id"),
            accept: AcceptRequestId::Trusted,
        },
        whoami: None,
        told: ToldUpstream::default(),
    }
}

pub fn password_rules() -> PasswordRules {
    PasswordRules { remember: Duration::from_secs(60), failures: Rate::new(100, 3).expect("a rate"), hide: true }
}

fn route_match(index: usize) -> RouteMatch {
    RouteMatch {
        route: RouteId(u32::try_from(index).expect("few routes")),
        hosts: vec![HostPattern::parse("api.example.com").expect("a host")],
        paths: vec![PathPattern::parse(&format!("/v1/service-{index}/items/{{id}}")).expect("a path")],
        methods: Methods::of(vec![Method::GET, Method::POST]),
        conditions: Conditions::default(),
        trailing_slash: TrailingSlash::Strict,
    }
}

fn route(index: usize, asks: Asks) -> Route {
    let throttles = match asks {
        Asks::Nothing => Vec::new(),
        Asks::ApiKey | Asks::Jwt => vec![throttle("route.rateLimit", PolicyId(1))],
    };
    let auth = match asks {
        Asks::Nothing => Auth::Open,
        Asks::ApiKey => Auth::ApiKey,
        Asks::Jwt => Auth::Jwt { provider: 0, scopes: Vec::new() },
    };
    Route {
        name: format!("route-{index}").into(),
        place: place(),
        target: Target::Upstream(UpstreamId(0)),
        response: None,
        rules: Rules {
            cors: None,
            ip_access: None,
            deprecation: None,
            throttles_before_identity: Vec::new(),
            auth,
            auth_policy: PolicyId(0),
            concurrency: Vec::new(),
            throttles,
            parameters: None,
            payload: None,
            quota: None,
            reading: None,
        },
        transform: None,
        compression: None,
    }
}

fn throttle(name: &str, policy: PolicyId) -> Throttle {
    Throttle {
        policy,
        name: name.into(),
        rate: Rate::new(1_000_000_000, 1_000_000).expect("a rate"),
        by: CountBy::Consumer,
        mode: Mode::Enforce,
        applies: Applies::default(),
        scope: Scope::Node,
    }
}

/// Asks every route for a slot, and its plan for another.
pub fn with_concurrency(mut snapshot: Snapshot, live: &Live) -> Snapshot {
    let limit = |name: &str| Concurrency {
        policy: PolicyId(1),
        name: name.into(),
        max: 1_000,
        by: CountBy::Consumer,
        mode: Mode::Enforce,
        applies: Applies::default(),
        gauge: live.gauge(name),
    };
    snapshot.routes.iter_mut().for_each(|route| route.rules.concurrency.push(limit("route.concurrency")));
    snapshot.plan_limits.iter_mut().for_each(|limits| limits.concurrency = Some(limit("gold.concurrency")));
    snapshot
}

/// Lets in a thousand networks on every route, the client's among them, and denies a thousand others.
pub fn with_addresses(mut snapshot: Snapshot) -> Snapshot {
    let networks = |first: u32| {
        let network = |number: u32| IpNet::V4(Ipv4Net::new((first + (number << 10)).into(), 24).expect("a network"));
        Networks::new((0..1_000).map(network))
    };
    for route in &mut snapshot.routes {
        let (allow, deny) = (Some(networks(0x7f00_0000)), networks(0x0a00_0000));
        route.rules.ip_access = Some(Box::new(IpAccess { policy: PolicyId(1), mode: Mode::Enforce, allow, deny }));
    }
    snapshot
}

/// Holds a part of the path and a parameter of the query against schemas, on every route.
pub fn with_parameters(mut snapshot: Snapshot) -> Snapshot {
    let schema = serde_json::json!({"type": "integer", "minimum": 1, "maximum": 100});
    let rule = || Rule {
        shape: Shape::of(&schema).expect("a shape"),
        schema: Schema::compile(&schema, Formats::Checked).expect("a schema"),
    };
    for (index, route) in snapshot.routes.iter_mut().enumerate() {
        let pattern = PathPattern::parse(&format!("/v1/service-{index}/items/{{id}}")).expect("a path");
        let (required, style) = (true, QueryStyle::Repeated);
        route.rules.parameters = Some(Box::new(Parameters {
            policy: PolicyId(1),
            mode: Mode::Enforce,
            path: vec![PathParameter { name: "id".into(), rule: rule() }],
            templates: PathTemplate::of(&pattern).into_iter().collect(),
            query: vec![QueryParameter { name: "page".into(), required, style, rule: rule() }],
            header: Vec::new(),
            closed_query: None,
        }));
    }
    snapshot
}

/// Throttles every route by address.
pub fn with_address_throttle(mut snapshot: Snapshot) -> Snapshot {
    for route in &mut snapshot.routes {
        let throttle = Throttle { by: CountBy::Address, ..throttle("route.perAddress", PolicyId(1)) };
        route.rules.throttles_before_identity.push(throttle);
    }
    snapshot
}

/// Takes all room for callers without number: whoever comes now is sketched.
pub fn fill_crowd(live: &Live, now: Now) {
    let slow = Rate::new(1, 1_000).expect("a rate");
    for stranger in 0..250_000_u32 {
        live.crowd.take(live.keyer.key(&[&stranger.to_ne_bytes()]), slow, now);
    }
}

fn plan() -> Arc<ConsumerPlan> {
    Arc::new(ConsumerPlan { id: PlanId(0), name: "gold".into(), routes: PlanRoutes::All, policy: PolicyId(0) })
}

fn plan_limits() -> PlanLimits {
    PlanLimits {
        concurrency: None,
        throttles: vec![throttle("gold.rateLimit", PolicyId(2))],
        quota: Some(Quota {
            policy: PolicyId(3),
            name: "gold.quota".into(),
            counter: "gold.quota/day".into(),
            limit: 1_000_000_000,
            period: Period::Day,
            by: CountBy::Consumer,
            mode: Mode::Enforce,
            headers: QuotaHeaders::default(),
            scope: Scope::Node,
        }),
    }
}

fn policy() -> PolicyInfo {
    PolicyInfo {
        name: "policy".into(),
        place: place(),
        mode: Mode::Enforce,
        rate_limit: Some(RateLimitField::new("policy", 1, 1, QuotaHeaders::default())),
    }
}

fn upstream(live: &Live) -> Upstream {
    let endpoint =
        Endpoint { label: "127.0.0.1:9".into(), address: Address::Socket(([127, 0, 0, 1], 9).into()), weight: 1 };
    let second = Duration::from_secs(1);
    Upstream::new(
        "orders".into(),
        vec![endpoint],
        Timeouts { connect: second, first_byte: second, idle: second, total: None },
        None,
        second,
        live.cursors.named("orders"),
    )
}

/// Who signs the tokens of the snapshot's provider.
pub fn signer() -> Signer {
    Signer::fixed(testkit::tokens::Algorithm::RS256, Some("a"))
}

fn provider(live: &Live, tokens_max: usize) -> Provider {
    let keys = KeySet::from_jwks(testkit::tokens::jwks(&[&signer()]).as_bytes()).expect("keys");
    provider_with(keys, live, tokens_max)
}

/// A provider of tokens that name consumers in `sub`.
pub fn provider_with(keys: impl Into<ProviderKeys>, live: &Live, tokens_max: usize) -> Provider {
    let rules = ProviderRules {
        issuer: Some("https://idp.example.com/".into()),
        audiences: Vec::new(),
        algorithms: vec![Algorithm::RS256],
        clock_skew_s: 0,
        require_expiry: true,
        claims: Vec::new(),
        consumer_claim: ConsumerClaim::Required("sub".into()),
        plan_claim: None,
        location: Location::Header(http::header::AUTHORIZATION),
    };
    let cache = live.token_cache("main", tokens_max);
    Provider::new("main".into(), rules, keys, cache, &live.keyer).expect("a provider")
}
