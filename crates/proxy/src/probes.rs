//! The telemetry address: `/metrics`, `/livez`, `/readyz`. Read-only.

use crate::shared::Shared;
use async_trait::async_trait;
use http::{Method, Response, StatusCode, header};
use limits::clock::now;
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) struct Probes {
    pub(crate) shared: Arc<Shared>,
}

#[async_trait]
impl ServeHttp for Probes {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        const TEXT: &str = "text/plain; charset=utf-8";
        /// The Prometheus text exposition format.
        const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
        let request = session.req_header();
        let known = matches!(request.uri.path(), "/metrics" | "/livez" | "/readyz");
        if known && request.method != Method::GET && request.method != Method::HEAD {
            return reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, b"only GET and HEAD\n".to_vec());
        }
        match request.uri.path() {
            "/metrics" => reply(StatusCode::OK, METRICS, self.metrics()),
            "/livez" => reply(StatusCode::OK, TEXT, b"ok\n".to_vec()),
            "/readyz" => match self.missing() {
                None => reply(StatusCode::OK, TEXT, b"ready\n".to_vec()),
                Some(what) => reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready{what}\n").into_bytes()),
            },
            _ => reply(StatusCode::NOT_FOUND, TEXT, b"here are /metrics, /livez and /readyz\n".to_vec()),
        }
    }
}

impl Probes {
    /// What is still waited for, in words; none when ready.
    fn missing(&self) -> Option<String> {
        if !self.shared.ready.load(Ordering::Relaxed) {
            return Some(String::new());
        }
        let awaited = self.shared.key_sets.awaited(self.shared.installed.load().key_sources());
        (!awaited.is_empty()).then(|| format!(": no key set yet of {}", awaited.join(", ")))
    }

    fn metrics(&self) -> Vec<u8> {
        for source in self.shared.installed.load().key_sources() {
            source.show(now());
        }
        let open = i64::try_from(self.shared.connections.open()).unwrap_or(i64::MAX);
        self.shared.metrics.connections_open().set(open);
        let idle = i64::try_from(self.shared.pool.idle()).unwrap_or(i64::MAX);
        self.shared.metrics.upstream_connections_idle().set(idle);
        let held = i64::try_from(self.shared.held_bodies.bytes()).unwrap_or(i64::MAX);
        self.shared.metrics.held_body_bytes().set(held);
        let crowd = &self.shared.live.crowd;
        self.shared.metrics.show_crowd(crowd.len(), crowd.take_sketched());
        let installed = self.shared.installed.load();
        let limits = installed.snapshot.concurrency();
        self.shared.metrics.show_concurrency(limits.map(|limit| (&**limit.name.name(), limit.gauge.all())));
        let storms = i64::try_from(self.shared.storms.active()).unwrap_or(i64::MAX);
        self.shared.metrics.retry_storms_active().set(storms);
        self.shared.metrics.encode()
    }
}

fn reply(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let length = http::HeaderValue::from(body.len());
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, length);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, http::HeaderValue::from_static("GET, HEAD"));
    }
    response
}
