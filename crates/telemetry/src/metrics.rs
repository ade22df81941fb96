//! Every metric, declared once: name, type, labels and help. The reference page is made from the same list.
//!
//! Labels are names from the config or closed lists, never what a client sent. Hot paths hold resolved handles ([`RouteMetrics`],
//! [`UpstreamMetrics`]); what is rare looks its series up by label.

mod declare;
mod handles;

pub use handles::{PlanMetrics, RouteMetrics, ServiceMetrics, UpstreamMetrics};
pub use prometheus::{Error, IntCounter, IntGauge};

use declare::Declare;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder, Gauge, GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec, Registry, TextEncoder};
use std::sync::{Mutex, PoisonError};

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
            fn register(registry: &Registry) -> Result<Self, Error> {
                let mut declared = DECLARED.iter();
                Ok(Self { $( $field: declare::next(&mut declared, registry)?, )+ })
            }
        }
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { $buckets };
}

metrics! {
    /// Requests that were answered, by the status that the client got; 499 if it left before.
    requests: IntCounterVec "tollgate_requests_total" ["route", "status"];
    /// Refusals by kind, exact reason and the policy that decided ("-" for what HTTP itself forbids).
    denials: IntCounterVec "tollgate_denials_total" ["route", "kind", "reason", "policy"];
    /// What policies in dry run would have refused.
    would_denials: IntCounterVec "tollgate_would_denials_total" ["route", "kind", "reason", "policy"];
    /// From the first byte of the request to the last of the response.
    request_duration: HistogramVec "tollgate_request_duration_seconds" ["route"] in REQUEST_SECONDS;
    /// The part of the request's duration that was the gateway's own, without waiting for client or upstream.
    gateway_duration: HistogramVec "tollgate_gateway_duration_seconds" ["route"] in GATEWAY_SECONDS;
    /// Attempts to have a request answered by an upstream: `success` if a response head came, whatever its status, or else the reason.
    upstream_requests: IntCounterVec "tollgate_upstream_requests_total" ["upstream", "outcome"];
    /// From sending the request to the first byte of the upstream's response.
    upstream_first_byte: HistogramVec "tollgate_upstream_first_byte_seconds" ["upstream"] in REQUEST_SECONDS;
    /// Calls to an auth service: `allowed`, `denied`, `redirected`, `failed`, `timeout` or `busy`. What is remembered is no call.
    auth_service_requests: IntCounterVec "tollgate_auth_service_requests_total" ["service", "outcome"];
    /// From the look-up of an auth service's address to the last byte of its answer.
    auth_service_duration: HistogramVec "tollgate_auth_service_duration_seconds" ["service"] in REQUEST_SECONDS;
    /// Passwords that were verified: `match`, `mismatch`, or `busy` for those that were not. What is remembered is not verified.
    password_checks: IntCounterVec "tollgate_password_checks_total" ["outcome"];
    /// The largest share of its quota that any key of the plan has used in the period of the last request; 1 is all of it.
    quota_used_ratio: GaugeVec "tollgate_quota_used_ratio" ["plan"];
    /// 1 if the last attempt to load the config succeeded, 0 if it was refused and the one before is still in force.
    reload_successful: IntGauge "tollgate_config_last_reload_successful" [];
    /// When loading the config was last attempted, as Unix time to the millisecond.
    reload_timestamp: Gauge "tollgate_config_last_reload_timestamp_seconds" [];
    /// 1 for the revision of the config that is in force.
    config_info: IntGaugeVec "tollgate_config_info" ["revision"];
    /// Client connections that are open now.
    connections_open: IntGauge "tollgate_connections_open" [];
    /// Client connections that were closed before their first request was read, by reason.
    connections_refused: IntCounterVec "tollgate_connections_refused_total" ["reason"];
    /// Lines of the access log that were lost, because the log could not be written or not as fast as they came.
    access_log_dropped: IntCounter "tollgate_access_log_dropped_total" [];
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
    /// The revision that `tollgate_config_info` shows.
    revision: Mutex<Option<String>>,
}

impl Metrics {
    /// `version` is the program's. Fails only if two declarations clash.
    pub fn new(version: &str) -> Result<Self, Error> {
        let registry = Registry::new();
        let families = Families::register(&registry)?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        families.build_info.with_label_values(&[version]).set(1);
        Ok(Self { registry, families, revision: Mutex::new(None) })
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
        let Families { requests, request_duration, gateway_duration, .. } = &self.families;
        RouteMetrics::new(
            route,
            requests.clone(),
            request_duration.with_label_values(&[route]),
            gateway_duration.with_label_values(&[route]),
        )
    }

    /// The handle for requests that matched no route.
    #[must_use]
    pub fn no_route(&self) -> RouteMetrics {
        self.route(NONE)
    }

    #[must_use]
    pub fn upstream(&self, upstream: &str) -> UpstreamMetrics {
        let Families { upstream_requests, upstream_first_byte, .. } = &self.families;
        UpstreamMetrics::new(upstream, upstream_requests.clone(), upstream_first_byte.with_label_values(&[upstream]))
    }

    #[must_use]
    pub fn plan(&self, plan: &str) -> PlanMetrics {
        PlanMetrics::new(self.families.quota_used_ratio.with_label_values(&[plan]))
    }

    #[must_use]
    pub fn auth_service(&self, service: &str) -> ServiceMetrics {
        let Families { auth_service_requests, auth_service_duration, .. } = &self.families;
        let duration = auth_service_duration.with_label_values(&[service]);
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

    /// A refusal that dry run turned into a remark.
    pub fn would_deny(&self, route: &str, kind: &str, reason: &str, policy: &str) {
        self.families.would_denials.with_label_values(&[route, kind, reason, policy]).inc();
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

    /// Counts client connections up and down.
    #[must_use]
    pub fn connections_open(&self) -> IntGauge {
        self.families.connections_open.clone()
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
