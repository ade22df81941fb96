//! Asks an auth service over HTTP/1.1: one GET, one deadline for all of it, an answer that is whole or none.
//!
//! Pingora's connector keeps the connections, as it does for upstreams; see docs/decisions/0017. Does not know what the answer means.

use crate::endpoint::PreparedEndpoint;
use crate::fault;
use engine::auth_service::AuthService;
use engine::policy::forward_auth::{BODY_BYTES_MAX, ServiceAnswer, ServiceReply};
use http::{HeaderName, HeaderValue, header};
use limits::clock::Now;
use pingora::connectors::TransportConnector;
use pingora::http::RequestHeader;
use pingora::protocols::http::v1::client::HttpSession;
use pingora::upstreams::peer::{HttpPeer, Peer as _};
use pingora::{Error, ErrorType, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tracing::warn;

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Interim (1xx) answers that are waited out.
const INTERIM_MAX: u32 = 8;
/// Between two lines about one service.
const COMPLAINT_INTERVAL_NS: u64 = 10_000_000_000;
/// How long an unused connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The connections to all auth services.
pub(crate) struct Callouts {
    connector: TransportConnector,
}

/// A service with everything built that a call would otherwise build.
pub(crate) struct PreparedService {
    pub(crate) endpoint: PreparedEndpoint,
    pub(crate) metrics: telemetry::metrics::ServiceMetrics,
    /// A reload begins with a new one: for as long as older calls take, both count.
    under_way: Arc<Semaphore>,
    /// When somebody was last told that it gives no answer, on the monotonic clock; 0 is never.
    complained_ns: AtomicU64,
}

impl PreparedService {
    pub(crate) fn new(
        service: &AuthService,
        endpoint: PreparedEndpoint,
        metrics: telemetry::metrics::ServiceMetrics,
    ) -> Self {
        let under_way = Arc::new(Semaphore::new(service.concurrent_max));
        Self { endpoint, metrics, under_way, complained_ns: AtomicU64::new(0) }
    }

    /// One line in ten seconds, however many requests it costs.
    pub(crate) fn complain(&self, service: &AuthService, why: &str, now: Now) {
        let last = self.complained_ns.load(Ordering::Relaxed);
        if last != 0 && now.monotonic_ns.saturating_sub(last) < COMPLAINT_INTERVAL_NS {
            return;
        }
        let ours =
            self.complained_ns.compare_exchange(last, now.monotonic_ns.max(1), Ordering::Relaxed, Ordering::Relaxed);
        if ours.is_ok() {
            warn!(service = %service.policy.name(), endpoint = %service.endpoint.label, why, "auth service gave no answer that decides");
        }
    }
}

impl Default for Callouts {
    fn default() -> Self {
        Self { connector: TransportConnector::new(None) }
    }
}

impl Callouts {
    /// `fields` are the engine's and what names the request; those of the connection are added here.
    pub(crate) async fn ask(
        &self,
        service: &AuthService,
        prepared: &PreparedService,
        fields: Vec<(HeaderName, HeaderValue)>,
    ) -> ServiceAnswer {
        let Ok(_under_way) = prepared.under_way.try_acquire() else { return ServiceAnswer::Busy };
        match tokio::time::timeout(service.timeout, self.exchange(service, prepared, fields)).await {
            Ok(Ok(reply)) => ServiceAnswer::Answered(reply),
            Ok(Err(error)) => ServiceAnswer::Failed(fault::shown(&error).into()),
            Err(_elapsed) => ServiceAnswer::TimedOut(format!("no complete answer within {:?}", service.timeout).into()),
        }
    }

    async fn exchange(
        &self,
        service: &AuthService,
        prepared: &PreparedService,
        fields: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<ServiceReply> {
        let peer = prepared.endpoint.peer(service.timeout).await;
        let peer = &*peer.ok_or_else(|| Error::explain(ErrorType::ConnectNoRoute, "its name has no address"))?;
        let request = request(service, fields)?;
        if let Some(kept) = self.connector.reused_stream(peer).await {
            let mut session = HttpSession::new_with_options(kept, peer);
            // A connection that the service has closed in the meantime says nothing; a GET can be sent again.
            if send(&mut session, request.clone()).await.is_ok() {
                return self.receive(session, peer).await;
            }
        }
        let mut session = HttpSession::new_with_options(self.connector.new_stream(peer).await?, peer);
        send(&mut session, request).await?;
        self.receive(session, peer).await
    }

    /// The rest of an answer whose final head has arrived.
    async fn receive(&self, mut session: HttpSession, peer: &HttpPeer) -> Result<ServiceReply> {
        let Some(head) = session.resp_header() else { return Err(Error::new(ErrorType::InvalidHTTPHeader)) };
        let mut reply = ServiceReply { status: head.status.as_u16(), headers: head.headers.clone(), body: Vec::new() };
        let lets_in = head.status.is_success();
        let mut received = 0_usize;
        while let Some(part) = session.read_body_bytes().await? {
            received = received.saturating_add(part.len());
            if received > BODY_BYTES_MAX {
                reply.body.clear();
                // Dropped, and the connection with it: what else is coming is nobody's business.
                return Ok(reply);
            }
            if !lets_in {
                reply.body.extend_from_slice(&part);
            }
        }
        session.respect_keepalive();
        if let Some(stream) = session.reuse().await {
            self.connector.release_stream(stream, peer.reuse_hash(), Some(IDLE_TIMEOUT));
        }
        Ok(reply)
    }
}

fn request(service: &AuthService, fields: Vec<(HeaderName, HeaderValue)>) -> Result<Box<RequestHeader>> {
    let expected = fields.len().saturating_add(3);
    let mut request = RequestHeader::build_no_case("GET", service.target.as_bytes(), Some(expected))?;
    request.insert_header(header::HOST, service.authority.clone())?;
    request.insert_header(header::USER_AGENT, HeaderValue::from_static("tollgate"))?;
    for (name, value) in fields {
        request.append_header(name, value)?;
    }
    Ok(Box::new(request))
}

/// Sends the request and reads up to the final head.
async fn send(session: &mut HttpSession, request: Box<RequestHeader>) -> Result<()> {
    session.write_request_header(request).await?;
    for _ in 0..=INTERIM_MAX {
        let bytes = session.read_response().await?;
        if bytes > HEAD_BYTES_MAX {
            return Error::e_explain(ErrorType::InvalidHTTPHeader, format!("a head of {bytes} bytes"));
        }
        let status = session.get_status().map_or(0, |status| status.as_u16());
        match status {
            101 => return Error::e_explain(ErrorType::InvalidHTTPHeader, "101 without a request to upgrade"),
            100..=199 => {}
            _ => return Ok(()),
        }
    }
    Error::e_explain(ErrorType::InvalidHTTPHeader, format!("more than {INTERIM_MAX} interim answers"))
}
