//! Pingora's hooks, each one call into its room. Nothing is decided here.

use crate::connection::CONNECTION;
use crate::context::RequestContext;
use crate::phase::{admit, body, connect, finish, forward, reply, transform};
use crate::shared::Shared;
use async_trait::async_trait;
use bytes::Bytes;
use limits::clock::now;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::Digest;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

/// The gateway as Pingora sees it.
pub(crate) struct Gateway {
    pub(crate) shared: Arc<Shared>,
}

#[async_trait]
impl ProxyHttp for Gateway {
    // Boxed: Pingora moves it from future to future.
    type CTX = Box<RequestContext>;

    fn new_ctx(&self) -> Box<RequestContext> {
        // Of a stream of HTTP/2; of a whole connection it is known with the session.
        let connection = CONNECTION.try_with(Arc::clone).ok();
        // Memory first: what is made after it is made where it stays. `Box::new` would copy it there.
        let place = Box::new_uninit();
        Box::write(place, RequestContext::new(self.shared.installed.load_full(), now(), connection))
    }

    // Not even the disabled compression module: each costs several calls a request.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn request_filter(&self, session: &mut Session, context: &mut Box<RequestContext>) -> Result<bool> {
        match admit::begin(&self.shared, session, context) {
            None => Ok(false),
            // Boxed: most requests need no room for it.
            Some(rest) => Box::pin(admit::finish(&self.shared, session, context, rest)).await,
        }
    }

    async fn upstream_peer(&self, session: &mut Session, context: &mut Box<RequestContext>) -> Result<Box<HttpPeer>> {
        connect::peer(session, context).await
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        _peer: &HttpPeer,
        _descriptor: RawFd,
        digest: Option<&Digest>,
        context: &mut Box<RequestContext>,
    ) -> Result<()> {
        connect::connected(context, reused, digest);
        Ok(())
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        _context: &mut Box<RequestContext>,
        error: Box<Error>,
    ) -> Box<Error> {
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        context: &mut Box<RequestContext>,
        _reused: bool,
    ) -> Box<Error> {
        connect::failed(session, context, error)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        context: &mut Box<RequestContext>,
    ) -> Result<()> {
        forward::edit(session, upstream, context)
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        bytes: &mut Option<Bytes>,
        end_of_stream: bool,
        context: &mut Box<RequestContext>,
    ) -> Result<()> {
        body::pass(&self.shared, bytes, end_of_stream, context).await?;
        transform::request_body(&self.shared, session, bytes, end_of_stream, context)
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Box<RequestContext>,
    ) -> Result<()> {
        reply::received(session, response, context)?;
        transform::answer(&self.shared, session, response, context)?;
        reply::seal(session, response, context);
        transform::compress(session, response, context)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Box<RequestContext>,
    ) -> Result<()> {
        transform::hold(response, context);
        reply::frame(session, response, context);
        Ok(())
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        bytes: &mut Option<Bytes>,
        end_of_stream: bool,
        context: &mut Box<RequestContext>,
    ) -> Result<Option<Duration>> {
        reply::body(end_of_stream, context);
        transform::answer_body(&self.shared, session, bytes, end_of_stream, context)?;
        Ok(None)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        context: &mut Box<RequestContext>,
    ) -> FailToProxy {
        finish::failed(&self.shared, session, error, context).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Box<RequestContext>) {
        finish::record(&self.shared, session, error, context);
    }

    // Failures are in the access log, with their reason; Pingora's own lines would flood the log under attack.
    fn suppress_error_log(&self, _session: &Session, _context: &Box<RequestContext>, _error: &Error) -> bool {
        true
    }
}
