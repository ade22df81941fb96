//! What the times of a token tell about clocks: an offset looks like a bad token, and is mended elsewhere.

use engine::policy::jwt::Unproven;
use limits::clock::Now;
use serde_json::{Map, Value};

/// Just expired: more often a client that keeps tokens to the last second than a stranger.
const JUST_EXPIRED_S: u64 = 300;
/// Year 5138 in seconds; in milliseconds it was 1973.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

/// The claims that are times (RFC 7519, and what identity providers add).
pub(super) const TIMES: [&str; 5] = ["iat", "nbf", "exp", "auth_time", "updated_at"];

/// Whole seconds of a numeric date, as far as it is one.
pub(super) fn seconds(claims: &Map<String, Value>, name: &str) -> Option<u64> {
    let value = claims.get(name)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; what is too large saturates"
    )]
    let whole = |seconds: f64| (seconds >= 0.0).then_some(seconds as u64);
    value.as_u64().or_else(|| whole(value.as_f64()?))
}

pub(super) fn remarks(decoded: &Unproven, clock_skew_s: Option<u64>, at: Now) -> Vec<String> {
    let Ok(claims) = &decoded.claims else { return Vec::new() };
    let now = at.unix_seconds();
    let mut remarks = Vec::new();
    for name in TIMES {
        if seconds(claims, name).is_some_and(|seconds| seconds >= MILLISECONDS_FROM) {
            remarks.push(format!("{name} looks like milliseconds; it has to be seconds since 1970"));
        }
    }
    let plausible = |name| seconds(claims, name).filter(|seconds| *seconds < MILLISECONDS_FROM);
    let skew = clock_skew_s.map_or_else(String::new, |skew| format!("; the provider's clockSkew is {skew} s"));
    if let Some(ahead) = plausible("iat").and_then(|issued| issued.checked_sub(now)).filter(|ahead| *ahead > 0) {
        remarks.push(format!(
            "the token was issued {ahead} s in the future by this machine's clock: the clocks differ by that at least{skew}"
        ));
    } else if let Some(ahead) = plausible("nbf").and_then(|from| from.checked_sub(now)).filter(|ahead| *ahead > 0) {
        remarks.push(format!("the token begins to be valid in {ahead} s by this machine's clock{skew}"));
    }
    if let Some(ago) = plausible("exp").and_then(|expires| now.checked_sub(expires))
        && ago <= JUST_EXPIRED_S
    {
        remarks.push(format!(
            "it expired {ago} s ago: its client keeps tokens to the last second, or this machine's clock is fast{skew}"
        ));
    }
    if let (Some(issued), Some(expires)) = (plausible("iat"), plausible("exp")) {
        remarks.push(match expires.checked_sub(issued) {
            Some(life) => format!("it is made to live {}", crate::shown::span(life)),
            None => "it expires before it was issued: the times are mixed up".to_owned(),
        });
    }
    remarks
}
