//! What a running gateway says of requests that did not end well: what `tollgate denials` and `tollgate requests` are answered, and
//! print as JSON. How it is asked for is in [`desk`]. Names are those of the access log.

pub(crate) mod desk;

use engine::calendar::Rfc3339;
use engine::reason::Reason;
use proxy::{Decider, Denied, habit_name};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Record {
    /// When the request began: RFC 3339, UTC, milliseconds.
    pub(crate) time: String,
    pub(crate) request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consumer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<String>,
    pub(crate) status: u16,
    /// None for what upstream itself answered, and for what only would have been refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) denied: Option<Verdict>,
    /// The verdicts of policies in dry run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) would_deny: Vec<Verdict>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) without_store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<Retry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// How often an endpoint was tried.
    pub(crate) attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_status: Option<u16>,
    pub(crate) duration_ms: f64,
    pub(crate) config_revision: String,
}

/// Why a request was refused or failed, or would have been.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Verdict {
    pub(crate) kind: String,
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
    /// Where that policy stood in the config: file, line and column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    /// One sentence for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_seconds: Option<u64>,
}

/// How the caller came back after a refusal of the same request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Retry {
    /// `backingOff` or `looping`.
    pub(crate) habit: String,
    /// How often it has sent the request, the first refused one included.
    pub(crate) tries: u32,
    /// Since that one was refused.
    pub(crate) seconds: u64,
}

impl Record {
    pub(crate) fn of(record: &proxy::Record) -> Self {
        // Without `..`: what is kept is told.
        let proxy::Record {
            unix_ms,
            request_id,
            client,
            method,
            host,
            path,
            route,
            consumer,
            plan,
            status,
            denied,
            would_deny,
            without_store,
            retry,
            upstream,
            endpoint,
            attempts,
            upstream_status,
            duration,
            revision,
        } = record;
        let name = |name: &Option<engine::names::Name>| name.as_deref().map(str::to_owned);
        let sent = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            time: time(*unix_ms),
            request_id: request_id.as_str().to_owned(),
            client: *client,
            method: sent(method),
            host: sent(host),
            path: sent(path),
            route: name(route),
            consumer: name(consumer),
            plan: name(plan),
            status: *status,
            denied: denied.as_ref().map(Verdict::of),
            would_deny: would_deny.iter().map(|(reason, by)| Verdict::new(*reason, by.as_ref())).collect(),
            without_store: *without_store,
            retry: retry.map(|retry| Retry {
                habit: habit_name(retry.habit).to_owned(),
                tries: retry.tries,
                seconds: retry.lasting.as_secs(),
            }),
            upstream: name(upstream),
            endpoint: name(endpoint),
            attempts: *attempts,
            upstream_status: *upstream_status,
            duration_ms: duration.as_secs_f64() * 1_000.0,
            config_revision: revision.to_string(),
        }
    }
}

impl Verdict {
    fn of(denied: &Denied) -> Self {
        let Denied { reason, policy, facts, retry_after } = denied;
        Self {
            detail: facts.as_deref().map(str::to_owned),
            retry_after_seconds: retry_after
                .map(|wait| wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))),
            ..Self::new(*reason, policy.as_ref())
        }
    }

    fn new(reason: Reason, by: Option<&Decider>) -> Self {
        Self {
            kind: reason.kind().code().to_owned(),
            reason: reason.code().to_owned(),
            policy: by.map(|by| by.name.to_string()),
            place: by.map(|by| by.place.to_string()),
            detail: None,
            retry_after_seconds: None,
        }
    }
}

/// RFC 3339 with milliseconds, as in the access log.
fn time(unix_ms: u64) -> String {
    let whole = Rfc3339::from_unix_seconds(unix_ms / 1_000);
    format!("{}.{:03}Z", whole.as_str().trim_end_matches('Z'), unix_ms % 1_000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_have_milliseconds() {
        assert_eq!(super::time(1_700_000_000_042), "2023-11-14T22:13:20.042Z");
    }
}
