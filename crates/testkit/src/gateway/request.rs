//! A request to the gateway, with what a test expects of it.

#![expect(clippy::panic, reason = "a broken expectation ends the test")]

use super::Gateway;
use crate::client::{Fault, Request, Response};
use serde_json::Value;
use std::future::Future;
use std::panic::Location;

#[must_use]
pub struct GatewayRequest<'a> {
    gateway: &'a Gateway,
    request: Request,
}

impl<'a> GatewayRequest<'a> {
    pub(super) const fn new(gateway: &'a Gateway, request: Request) -> Self {
        Self { gateway, request }
    }

    /// Adds a line; a `Host` replaces the one that is the address otherwise.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Sent with its `Content-Length`.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.body(body);
        self
    }

    pub async fn try_send(&self) -> Result<Response, Fault> {
        self.request.try_send().await
    }

    /// # Panics
    /// If no response comes.
    #[track_caller]
    pub fn send(self) -> impl Future<Output = Response> + Send {
        self.request.send()
    }

    /// # Panics
    /// If another status comes, or none.
    #[track_caller]
    pub fn expect(self, status: u16) -> impl Future<Output = Response> + Send {
        self.request.expect(status)
    }

    /// The gateway refuses for exactly this reason, as the access log has it, and logs the status that the client got.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn expect_denial(self, reason: &str) -> impl Future<Output = Response> {
        let (caller, reason) = (Location::caller(), reason.to_owned());
        async move {
            let response = match self.try_send().await {
                Ok(response) => response,
                Err(fault) => panic!("{caller}: {}: expected {reason}, got no response: {fault}", self.request),
            };
            let Some(id) = response.header("x-request-id") else {
                panic!("{caller}: {}: expected {reason}, got no X-Request-Id in\n{response}", self.request)
            };
            let line = self.gateway.log_line(id).await;
            let told = (line.get("reason").and_then(Value::as_str), line.get("status").and_then(Value::as_u64));
            let expected = (Some(reason.as_str()), Some(u64::from(response.status)));
            assert!(
                told == expected,
                "{caller}: {}: expected {reason}, logged was {line}, got\n{response}",
                self.request
            );
            response
        }
    }
}
