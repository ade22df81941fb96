//! For how long the answer of an auth service holds, and for whom.

use super::ServiceReply;
use crate::denial::{Denial, Detail};
use crate::identity::Vouched;
use http::{HeaderName, header};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of the largest answer that is kept; larger ones are asked for again.
const KEPT_BYTES_MAX: usize = 4 * 1024;

/// What came of it: whom the service vouches for, or the refusal.
pub type Standing = Result<Arc<Vouched>, Denial>;

/// Which answers hold for a while. The client's address always has to be the same.
#[derive(Debug)]
pub struct RememberRules {
    pub time: Duration,
    /// Of those that the service is told: they have to be the same.
    pub headers: Vec<HeaderName>,
    /// Whether method, scheme, host, path and query have to be the same, too.
    pub target: bool,
    /// Whether 401 and 403 are remembered.
    pub denials: bool,
    pub entries_max: usize,
}

impl RememberRules {
    /// None if the answer holds for its own request alone. A shorter time, or none at all, is for the service to say (RFC 9111,
    /// 5.2.2); a longer one is not.
    pub(super) fn time(&self, reply: &ServiceReply) -> Option<Duration> {
        let is_kept = match reply.status {
            200..=299 => true,
            401 | 403 => self.denials,
            _ => false,
        };
        if !is_kept || reply.headers.contains_key(header::SET_COOKIE) {
            return None;
        }
        let lines = reply.headers.get_all(header::CACHE_CONTROL).iter().map(|line| line.to_str().unwrap_or("no-store"));
        let mut time = self.time;
        for directive in lines.flat_map(|line| line.split(',')).map(str::trim) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                return None;
            }
            if name.eq_ignore_ascii_case("max-age") {
                // What cannot be read is old already.
                let seconds = value.trim_matches('"').parse().unwrap_or(0);
                time = time.min(Duration::from_secs(seconds));
            }
        }
        (time > Duration::ZERO).then_some(time)
    }
}

/// Whether it is small enough to be kept.
pub(super) fn is_kept(standing: &Standing) -> bool {
    let (headers, body) = match standing {
        Ok(vouched) => (&vouched.headers, 0),
        Err(denial) => match &denial.detail {
            Detail::Passed(passed) => (&passed.headers, passed.body.as_ref().map_or(0, |body| body.bytes.len())),
            Detail::None
            | Detail::Text(_)
            | Detail::Allow(_)
            | Detail::Accept(_)
            | Detail::Scopes(_)
            | Detail::NoCredential
            | Detail::Throttle { .. }
            | Detail::CrowdedThrottle { .. }
            | Detail::Invalid(_)
            | Detail::Quota { .. } => return false,
        },
    };
    headers.iter().fold(body, |sum, (_, value)| sum.saturating_add(value.len())) <= KEPT_BYTES_MAX
}
