//! An auth service as the adapter reaches it, with the policy that says what it is asked. Opens no connection itself.

use crate::policy::forward_auth::ForwardAuth;
use crate::upstream::{Endpoint, Tls};
use http::HeaderValue;
use std::time::Duration;

#[derive(Debug)]
pub struct AuthService {
    pub policy: ForwardAuth,
    pub endpoint: Endpoint,
    pub tls: Option<Tls>,
    /// As `Host` has it: the URL's authority.
    pub authority: HeaderValue,
    /// Path and query of the URL.
    pub target: Box<str>,
    /// From the first look-up to the last byte.
    pub timeout: Duration,
    /// Calls that may be under way at once.
    pub concurrent_max: usize,
}
