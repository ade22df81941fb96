//! How long a fetched set may be kept, as its response says (RFC 9111, 4.2.1, 5.2). Bounds on that are the caller's.

use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderMap, HeaderName};
use std::time::{Duration, SystemTime};

/// None where the response gives no lifetime, or forbids keeping it at all: a key set has to be kept, so that says nothing to us.
#[must_use]
pub fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let mut max_age = None;
    for directive in values(headers, &CACHE_CONTROL).flat_map(|line| line.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return None,
            // Of two the shorter one.
            "max-age" => {
                let seconds = whole(value.trim().trim_matches('"')).unwrap_or(0);
                max_age = Some(max_age.map_or(seconds, |other: u64| other.min(seconds)));
            }
            _ => {}
        }
    }
    let seconds = match max_age {
        Some(seconds) => seconds.saturating_sub(single(headers, &AGE).and_then(whole).unwrap_or(0)),
        None => between(single(headers, &DATE)?, single(headers, &EXPIRES)?)?,
    };
    (seconds > 0).then_some(Duration::from_secs(seconds))
}

/// Whole seconds; a number too large to be one is the largest (RFC 9111, 1.2.2).
fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Both on the sender's clock, so that ours does not count.
fn between(date: &str, expires: &str) -> Option<u64> {
    let date: SystemTime = httpdate::parse_http_date(date).ok()?;
    let expires = httpdate::parse_http_date(expires).ok()?;
    expires.duration_since(date).ok().map(|left| left.as_secs())
}

fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// The only value; none of several.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut all = values(headers, name);
    all.next().filter(|_| all.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::lifetime;
    use http::{HeaderMap, HeaderName};

    #[test]
    fn lifetimes() {
        #[track_caller]
        fn check(fields: &[(&str, &str)], seconds: Option<u64>) {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            }
            assert_eq!(lifetime(&headers).map(|life| life.as_secs()), seconds, "{fields:?}");
        }
        const CC: &str = "cache-control";
        let date = ("date", "Sat, 21 Nov 2026 14:00:00 GMT");
        check(&[], None);
        check(&[(CC, "max-age=600")], Some(600));
        check(&[(CC, "public, Max-Age = \"600\" , must-revalidate")], Some(600));
        check(&[(CC, "max-age=600"), (CC, "max-age=60")], Some(60));
        check(&[(CC, "max-age=600"), ("age", "100")], Some(500));
        check(&[(CC, "max-age=600"), ("age", "700")], None);
        check(&[(CC, "max-age=0")], None);
        check(&[(CC, "max-age=x")], None);
        check(&[(CC, "max-age=-1")], None);
        check(&[(CC, "max-age=99999999999999999999999")], Some(u64::MAX));
        check(&[(CC, "max-age=600, no-cache")], None);
        check(&[(CC, "no-store")], None);
        check(&[date, ("expires", "Sat, 21 Nov 2026 14:10:00 GMT")], Some(600));
        check(&[date, ("expires", "Sat, 21 Nov 2026 13:10:00 GMT")], None);
        check(&[date, ("expires", "0")], None);
        check(&[("expires", "Sat, 21 Nov 2026 14:10:00 GMT")], None);
        check(&[date, ("expires", "Sat, 21 Nov 2026 14:10:00 GMT"), (CC, "max-age=60")], Some(60));
        check(&[date, date, ("expires", "Sat, 21 Nov 2026 14:10:00 GMT")], None);
    }
}
