//! What one request carries from hook to hook. It holds its snapshot from beginning to end, so a reload never changes the rules in
//! the middle of a request.

use crate::bodies::{Content, Reshaping};
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::fault::Progress;
use crate::hold::{Hold, Instead};
use crate::installed::Installed;
use engine::chain::Admission;
use engine::denial::Denial;
use engine::identity::Identity;
use engine::names::RouteId;
use engine::response::ResponseRules;
use engine::trail::Trail;
use http::HeaderValue;
use limits::clock::Now;
use pingora::protocols::raw_connect::ProxyDigest;
use std::net::IpAddr;
use std::sync::Arc;
use telemetry::request_id::RequestId;
use telemetry::trace_context::TraceContext;

/// One request on its way.
pub(crate) struct RequestContext {
    pub(crate) installed: Arc<Installed>,
    pub(crate) received: Now,
    /// None where the connection is not one of ours (unit tests).
    pub(crate) connection: Option<Arc<Connection>>,
    pub(crate) request_id: RequestId,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) trail: Trail,
    pub(crate) client: Option<IpAddr>,
    pub(crate) peer_trusted: bool,
    pub(crate) host: Box<str>,
    /// The path in its normal form, where it is not the one that was sent.
    pub(crate) path: Option<Box<str>>,
    pub(crate) route: Option<RouteId>,
    pub(crate) stage: Stage,
    pub(crate) attempt: Attempt,
    /// The connection to upstream, for what it has to be told.
    pub(crate) upstream_connection: Option<Arc<ProxyDigest>>,
    /// Of a body that has to be read; none for every other request.
    pub(crate) content: Option<Box<Content>>,
    /// Set by the first refusal or failure; what the client was told or would have been.
    pub(crate) denial: Option<Denial>,
    /// Who called, for the record of a request that the gateway answered itself.
    pub(crate) refused_identity: Identity,
    /// Only where a route changes bodies: what has to be done to them.
    pub(crate) reshaping: Option<Box<Reshaping>>,
    /// What the client was told in place of an answer that was kept from it.
    pub(crate) instead: Option<Box<Instead>>,
}

/// How far a request has come. A hook that runs out of order finds the wrong stage and answers 500.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "boxing the admission would be an allocation on every request")]
pub(crate) enum Stage {
    Received,
    Admitted(Admission),
    /// Answered by the gateway: a refusal, a preflight, a redirect to the other spelling of the path.
    Answered,
}

/// What is known of the exchange with the upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) count: u32,
    pub(crate) endpoint: Option<usize>,
    pub(crate) progress: Progress,
    /// When the upstream was first turned to.
    pub(crate) began: Option<Now>,
    pub(crate) connected: Option<Now>,
    /// The connection has served an earlier request.
    pub(crate) reused: bool,
    pub(crate) first_byte: Option<Now>,
    /// The upstream's own status.
    pub(crate) status: Option<u16>,
    /// Interim answers so far.
    pub(crate) interim: u32,
    /// The end of the whole exchange, on the monotonic clock.
    pub(crate) total_ends_ns: Option<u64>,
}

impl Default for Attempt {
    fn default() -> Self {
        Self {
            count: 0,
            endpoint: None,
            progress: Progress::Unconnected,
            began: None,
            connected: None,
            reused: false,
            first_byte: None,
            status: None,
            interim: 0,
            total_ends_ns: None,
        }
    }
}

impl Attempt {
    pub(crate) fn total_is_over(&self, now: Now) -> bool {
        self.total_ends_ns.is_some_and(|end| now.monotonic_ns >= end)
    }
}

impl RequestContext {
    pub(crate) fn new(installed: Arc<Installed>, received: Now, connection: Option<Arc<Connection>>) -> Self {
        Self {
            installed,
            received,
            connection,
            request_id: RequestId::new(received.unix_ms, telemetry::random::bits128()),
            trace: None,
            trail: Trail::default(),
            client: None,
            peer_trusted: false,
            host: Box::default(),
            path: None,
            route: None,
            stage: Stage::Received,
            attempt: Attempt::default(),
            upstream_connection: None,
            content: None,
            denial: None,
            refused_identity: Identity::default(),
            reshaping: None,
            instead: None,
        }
    }

    /// The ID as a field's value. Made anew for upstream and for the client: two that share their bytes have to count who holds them.
    pub(crate) fn request_id_value(&self) -> HeaderValue {
        // An ID consists of what may stand in a field.
        HeaderValue::from_str(self.request_id.as_str()).unwrap_or(HeaderValue::from_static(""))
    }

    pub(crate) fn identity(&self) -> &Identity {
        match &self.stage {
            Stage::Admitted(admission) => admission.identity(),
            Stage::Received | Stage::Answered => &self.refused_identity,
        }
    }

    pub(crate) fn admission(&self) -> Option<&Admission> {
        match &self.stage {
            Stage::Admitted(admission) => Some(admission),
            Stage::Received | Stage::Answered => None,
        }
    }

    pub(crate) fn admission_mut(&mut self) -> Option<&mut Admission> {
        match &mut self.stage {
            Stage::Admitted(admission) => Some(admission),
            Stage::Received | Stage::Answered => None,
        }
    }

    /// What the route puts on its answers; none for most routes, and where no route is known.
    pub(crate) fn response_rules(&self) -> Option<&ResponseRules> {
        self.installed.snapshot.route(self.route?)?.response.as_deref()
    }

    pub(crate) fn deadline(&self) -> Option<&Deadline> {
        self.connection.as_ref().map(|connection| &connection.deadline)
    }

    pub(crate) fn hold(&self) -> Option<&Hold> {
        self.connection.as_ref().map(|connection| &connection.hold)
    }

    /// Whether the whole exchange has had its time.
    pub(crate) fn total_is_over(&self, now: Now) -> bool {
        self.attempt.total_is_over(now)
    }

    /// Moves the connection's deadline to `within` from now, but never past the end of the whole exchange.
    pub(crate) fn wait_until(&self, now: Now, within: std::time::Duration) {
        if let Some(deadline) = self.deadline() {
            let at = now.plus(within).monotonic_ns;
            deadline.set(self.attempt.total_ends_ns.map_or(at, |end| at.min(end)));
        }
    }
}
