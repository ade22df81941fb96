//! Every metric, declared once: name, type, labels and help. The reference page is made from the same list.
//!
//! Labels are names from the config or closed lists, never what a client sent. Hot paths hold resolved handles ([`RouteMetrics`],
//! [`UpstreamMetrics`]); what is rare looks its series up by label.

mod declare;
mod durations;
mod handles;
mod key_sets;
mod lanes;
mod present;
mod routes;
mod store;
mod store_error;

pub use handles::{PlanMetrics, ServiceMetrics, UpstreamMetrics};
pub use key_sets::KeySetMetrics;
pub use store_error::StoreError;

pub use prometheus::{Error, IntCounter, IntGauge};
pub use routes::RouteMetrics;
pub use store::{StoreFailure, StoreMetrics};

use declare::Declare;
use durations::DurationVec;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder, Gauge, GaugeVec, IntCounterVec, IntGaugeVec, Registry, TextEncoder};
use routes::{RouteDurations, RouteGatewayDurations, RouteRequests, Routes};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The label value for "none": no route matched, no policy decided.
pub const NONE: &str = "-";

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// 100 microseconds to 30 seconds: from a cached answer to the longest wait that clients put up with.
const REQUEST_SECONDS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// 10 microseconds to 100 milliseconds: what the gateway itself takes.
const GATEWAY_SECONDS: &[f64] =
    &[0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1];

/// 50 microseconds to 1 second: one answer of a store across a network.
const STORE_SECONDS: &[f64] =
    &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// One row of the reference page.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricDoc {
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    pub labels: &'static [&'static str],
    pub help: &'static str,
    /// The upper bounds of a histogram, without +Inf.
    pub buckets: &'static [f64],
}

macro_rules! metrics {
    ($(
        $(#[doc = $help:literal])+
        $field:ident: $family:ident $name:literal [$($label:literal),*] $(in $buckets:ident)?;
    )+) => {
        #[expect(dead_code, reason = "the families of routes are written to by [`RouteMetrics`] alone")]
        struct Families { $( $(#[doc = $help])+ $field: $family, )+ }

        const DECLARED: &[MetricDoc] = &[$(
            MetricDoc {
                name: $name,
                kind: <$family as Declare>::KIND,
                labels: &[$($label),*],
                help: concat!($($help,)+).trim_ascii_start(),
                buckets: metrics!(@buckets $($buckets)?),
            },
        )+];

        impl Families {
            fn register(registry: &Registry, routes: &Arc<Routes>) -> Result<Self, Error> {
                let mut declared = DECLARED.iter();
                Ok(Self { $( $field: declare::next(&mut declared, registry, routes)?, )+ })
            }
        }
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { $buckets };
}

metrics! {
    /// Requests that were answered, by the status that the client got; 499 if it left before.
    requests: RouteRequests "tollgate_requests_total" ["route", "status"];
    /// Refusals by kind, exact reason and the policy that decided ("-" for what HTTP itself forbids).
    denials: IntCounterVec "tollgate_denials_total" ["route", "kind", "reason", "policy"];
    /// What policies in dry run would have refused.
    would_denials: IntCounterVec "tollgate_would_denials_total" ["route", "kind", "reason", "policy"];
    /// Requests that were admitted to routes that are on their way out (`deprecation`).
    deprecated: IntCounterVec "tollgate_deprecated_requests_total" ["route"];
    /// From the first byte of the request to the last of the response.
    request_duration: RouteDurations "tollgate_request_duration_seconds" ["route"] in REQUEST_SECONDS;
    /// The part of the request's duration that was the gateway's own, without waiting for client or upstream.
    gateway_duration: RouteGatewayDurations "tollgate_gateway_duration_seconds" ["route"] in GATEWAY_SECONDS;
    /// Retries after a 429 or 5xx, by how the caller comes back: `backingOff` or `looping`.
    retries: IntCounterVec "tollgate_retries_total" ["route", "habit"];
    /// Retry storms that began: a caller sent the same request again and again without waiting.
    retry_storms: IntCounterVec "tollgate_retry_storms_total" ["route"];
    /// Callers that are in a retry storm now.
    retry_storms_active: IntGauge "tollgate_retry_storms_active" [];
    /// Attempts to have a request answered by an upstream: `success` if a response head came, whatever its status, or else the reason.
    upstream_requests: IntCounterVec "tollgate_upstream_requests_total" ["upstream", "outcome"];
    /// From sending the request to the first byte of the upstream's response.
    upstream_first_byte: DurationVec "tollgate_upstream_first_byte_seconds" ["upstream"] in REQUEST_SECONDS;
    /// Calls to an auth service: `allowed`, `denied`, `redirected`, `failed`, `timeout` or `busy`. What is remembered is no call.
    auth_service_requests: IntCounterVec "tollgate_auth_service_requests_total" ["service", "outcome"];
    /// From the look-up of an auth service's address to the last byte of its answer.
    auth_service_duration: DurationVec "tollgate_auth_service_duration_seconds" ["service"] in REQUEST_SECONDS;
    /// Passwords that were verified: `match`, `mismatch`, or `busy` for those that were not. What is remembered is not verified.
    password_checks: IntCounterVec "tollgate_password_checks_total" ["outcome"];
    /// The largest share of its quota that any key of the plan has used in the period of the last request; 1 is all of it.
    quota_used_ratio: GaugeVec "tollgate_quota_used_ratio" ["plan"];
    /// Counters of quotas that are held in memory, of 1000000 that there is room for.
    quota_counters: IntGauge "tollgate_quota_counters" [];
    /// Faults of a store of counts, by what they were: of the `file` of quota counts `write`, `slow`, `damaged` or `gone`; of the `redis`
    /// that nodes share `timeout`, `connection`, or `answer` if it answered something else.
    store_errors: IntCounterVec "tollgate_store_errors_total" ["store", "error"];
    /// Requests in flight under a concurrency limit, of all its keys together.
    concurrency_in_use: IntGaugeVec "tollgate_concurrency_in_use" ["policy"];
    /// Addresses and tokens that throttles count exactly now, those included that have been quiet long enough to make room.
    active_keys: IntGauge "tollgate_active_keys" [];
    /// Requests that throttles counted together with those of others, as `limits.activeKeys` addresses and tokens were active.
    sketched: IntCounter "tollgate_sketched_requests_total" [];
    /// 1 if the last attempt to load the config succeeded, 0 if it was refused and the one before is still in force.
    reload_successful: IntGauge "tollgate_config_last_reload_successful" [];
    /// When loading the config was last attempted, as Unix time to the millisecond.
    reload_timestamp: Gauge "tollgate_config_last_reload_timestamp_seconds" [];
    /// 1 for the revision of the config that is in force.
    config_info: IntGaugeVec "tollgate_config_info" ["revision"];
    /// Fetches of a provider's key set: `changed`, `unchanged`, or why nothing came: `timeout`, `status`, `redirect`, `too_large`, `encoded`, `unreadable`, `no_usable_key`, `metadata`, `not_loopback`, `given_up`, or a reason of the network.
    key_set_fetches: IntCounterVec "tollgate_key_set_fetches_total" ["provider", "outcome"];
    /// When the provider's key set was last fetched, as Unix time to the millisecond; 0 if it never was.
    key_set_fetched: GaugeVec "tollgate_key_set_fetched_timestamp_seconds" ["provider"];
    /// Fetched keys that the provider's tokens are verified with now; 0 before the first fetch and when the set is too old to be trusted.
    key_set_keys: IntGaugeVec "tollgate_key_set_keys" ["provider"];
    /// Tokens that lacked nothing but a key which the provider's set does not have.
    key_set_unknown: IntCounterVec "tollgate_key_set_unknown_keys_total" ["provider"];
    /// Tokens among those for which the set was not fetched again, because it was too soon or the key is known to be unknown.
    key_set_suppressed: IntCounterVec "tollgate_key_set_refetches_suppressed_total" ["provider"];
    /// Client connections that are open now.
    connections_open: IntGauge "tollgate_connections_open" [];
    /// Connections to upstreams that are kept for the next request and serve none now.
    upstream_connections_idle: IntGauge "tollgate_upstream_connections_idle" [];
    /// Bytes of request bodies that are held while they are read; `limits.heldBodyBytes` bounds them.
    held_body_bytes: IntGauge "tollgate_held_body_bytes" [];
    /// Client connections that were closed before their first request was read, by reason.
    connections_refused: IntCounterVec "tollgate_connections_refused_total" ["reason"];
    /// Lines of the access log that were lost, because the log could not be written or not as fast as they came.
    access_log_dropped: IntCounter "tollgate_access_log_dropped_total" [];
    /// 1 while the store that nodes share can be asked, 0 while limits are decided without it.
    store_up: IntGaugeVec "tollgate_store_up" ["store"];
    /// From a call of the store to its answer.
    store_call_duration: DurationVec "tollgate_store_call_duration_seconds" ["store"] in STORE_SECONDS;
    /// Shared limits that were decided without the store, as `onFailure` has it.
    store_bypassed: IntCounterVec "tollgate_store_bypassed_total" ["store"];
    /// Nodes that share their limits through the store, by its last answer.
    store_nodes: IntGaugeVec "tollgate_store_nodes" ["store"];
    /// 1 for the version of the program.
    build_info: IntGaugeVec "tollgate_build_info" ["version"];
}

/// What the `process` collector adds.
const PROCESS: &[MetricDoc] = &[
    process("process_cpu_seconds_total", "counter", "User and system CPU time spent."),
    process("process_open_fds", "gauge", "Open file descriptors."),
    process("process_max_fds", "gauge", "How many file descriptors may be open."),
    process("process_virtual_memory_bytes", "gauge", "Virtual memory."),
    process("process_resident_memory_bytes", "gauge", "Resident memory."),
    process("process_start_time_seconds", "gauge", "When the process began, as Unix time."),
    process("process_threads", "gauge", "Threads of the operating system."),
];

const fn process(name: &'static str, kind: &'static str, help: &'static str) -> MetricDoc {
    MetricDoc { name, kind, labels: &[], help, buckets: &[] }
}

/// Every metric of `/metrics`, in the order of the reference page.
#[must_use]
pub fn reference() -> Vec<MetricDoc> {
    [DECLARED, PROCESS].concat()
}

/// All metrics of one gateway, in a registry of their own. Series live as long as this does: routes that a reload removed keep theirs.
pub struct Metrics {
    registry: Registry,
    families: Families,
    routes: Arc<Routes>,
    /// The revision that `tollgate_config_info` shows.
    revision: Mutex<Option<String>>,
    /// The policies that `tollgate_concurrency_in_use` shows.
    concurrency: Mutex<HashSet<String>>,
}

impl Metrics {
    /// `version` is the program's. Fails only if two declarations clash.
    pub fn new(version: &str) -> Result<Self, Error> {
        let registry = Registry::new();
        let routes = Arc::default();
        let families = Families::register(&registry, &routes)?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        families.build_info.with_label_values(&[version]).set(1);
        // From the start on, so that an alert sees the first one as an increase.
        for error in StoreError::ALL {
            families.store_errors.with_label_values(&[StoreError::STORE, error.code()]);
        }
        Ok(Self { registry, families, routes, revision: Mutex::new(None), concurrency: Mutex::default() })
    }

    /// The text exposition format, of type [`CONTENT_TYPE`]. A family that cannot be written is left out.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for family in self.registry.gather() {
            let written = text.len();
            if TextEncoder::new().encode(&[family], &mut text).is_err() {
                text.truncate(written);
            }
        }
        text
    }

    /// The handle for one route, to be kept in the route. The same name gives the same series.
    #[must_use]
    pub fn route(&self, route: &str) -> RouteMetrics {
        self.routes.of(route)
    }

    /// The handle for requests that matched no route.
    #[must_use]
    pub fn no_route(&self) -> RouteMetrics {
        self.route(NONE)
    }

    #[must_use]
    pub fn upstream(&self, upstream: &str) -> UpstreamMetrics {
        let Families { upstream_requests, upstream_first_byte, .. } = &self.families;
        UpstreamMetrics::new(upstream, upstream_requests.clone(), upstream_first_byte.of(upstream))
    }

    #[must_use]
    pub fn plan(&self, plan: &str) -> PlanMetrics {
        PlanMetrics::new(self.families.quota_used_ratio.with_label_values(&[plan]))
    }

    /// The handle for the store of this kind, which nodes share.
    #[must_use]
    pub fn store(&self, store: &'static str) -> StoreMetrics {
        let Families { store_up, store_errors, store_call_duration, store_bypassed, store_nodes, .. } = &self.families;
        StoreMetrics {
            store,
            up: store_up.with_label_values(&[store]),
            errors: store_errors.clone(),
            call_duration: store_call_duration.of(store),
            bypassed: store_bypassed.with_label_values(&[store]),
            nodes: store_nodes.with_label_values(&[store]),
        }
    }

    /// The handle for the set that a provider fetches.
    #[must_use]
    pub fn key_set(&self, provider: &str) -> KeySetMetrics {
        let of = &[provider];
        let Families { key_set_fetches, key_set_fetched, key_set_keys, key_set_unknown, key_set_suppressed, .. } =
            &self.families;
        KeySetMetrics {
            provider: provider.into(),
            fetches: key_set_fetches.clone(),
            fetched: key_set_fetched.with_label_values(of),
            keys: key_set_keys.with_label_values(of),
            unknown: key_set_unknown.with_label_values(of),
            suppressed: key_set_suppressed.with_label_values(of),
        }
    }

    #[must_use]
    pub fn auth_service(&self, service: &str) -> ServiceMetrics {
        let Families { auth_service_requests, auth_service_duration, .. } = &self.families;
        let duration = auth_service_duration.of(service);
        ServiceMetrics::new(service, auth_service_requests.clone(), duration)
    }

    /// `outcome` is a word from a closed list.
    pub fn password_checked(&self, outcome: &'static str) {
        self.families.password_checks.with_label_values(&[outcome]).inc();
    }

    /// Names and codes of a refusal; [`NONE`] where there is no route or policy.
    pub fn denied(&self, route: &str, kind: &str, reason: &str, policy: &str) {
        self.families.denials.with_label_values(&[route, kind, reason, policy]).inc();
    }

    /// A route that is on its way out has been called.
    pub fn deprecated(&self, route: &str) {
        self.families.deprecated.with_label_values(&[route]).inc();
    }

    /// A refusal that dry run turned into a remark.
    pub fn would_deny(&self, route: &str, kind: &str, reason: &str, policy: &str) {
        self.families.would_denials.with_label_values(&[route, kind, reason, policy]).inc();
    }

    /// A retry by a caller whose habit is known.
    pub fn retried(&self, route: &str, habit: &'static str) {
        self.families.retries.with_label_values(&[route, habit]).inc();
    }

    pub fn retry_storm_began(&self, route: &str) {
        self.families.retry_storms.with_label_values(&[route]).inc();
    }

    /// Set at each scrape.
    #[must_use]
    pub fn retry_storms_active(&self) -> IntGauge {
        self.families.retry_storms_active.clone()
    }

    /// A config is in force from now on, be it the first or a reloaded one.
    pub fn config_loaded(&self, revision: &str, unix_ms: u64) {
        let mut shown = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        // The new one first: a scrape in between sees two rather than none.
        self.families.config_info.with_label_values(&[revision]).set(1);
        if let Some(before) = shown.replace(revision.to_owned())
            && before != revision
        {
            // It fails only for a series that is gone already.
            self.families.config_info.remove_label_values(&[&before]).ok();
        }
        self.reload_attempted(true, unix_ms);
    }

    /// A config was refused; what was in force before still is.
    pub fn config_refused(&self, unix_ms: u64) {
        self.reload_attempted(false, unix_ms);
    }

    fn reload_attempted(&self, successful: bool, unix_ms: u64) {
        self.families.reload_successful.set(i64::from(successful));
        self.families.reload_timestamp.set(declare::seconds(unix_ms));
    }

    /// Something went wrong with the file of quota counts.
    pub fn store_failed(&self, error: StoreError) {
        self.families.store_errors.with_label_values(&[StoreError::STORE, error.code()]).inc();
    }

    /// How many counters of quotas there are.
    pub fn quota_counters(&self, counters: usize) {
        self.families.quota_counters.set(i64::try_from(counters).unwrap_or(i64::MAX));
    }

    /// Counts client connections up and down.
    #[must_use]
    pub fn connections_open(&self) -> IntGauge {
        self.families.connections_open.clone()
    }

    pub fn upstream_connections_idle(&self) -> IntGauge {
        self.families.upstream_connections_idle.clone()
    }

    pub fn held_body_bytes(&self) -> IntGauge {
        self.families.held_body_bytes.clone()
    }

    /// `reason` is a code from a closed list.
    pub fn connection_refused(&self, reason: &'static str) {
        self.families.connections_refused.with_label_values(&[reason]).inc();
    }

    /// For [`crate::access_log::AccessLog::open`].
    #[must_use]
    pub fn access_log_dropped(&self) -> IntCounter {
        self.families.access_log_dropped.clone()
    }
}

#[cfg(test)]
mod tests;
