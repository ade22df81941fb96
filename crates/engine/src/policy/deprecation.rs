//! A route that is on its way out: since when callers should look for another one (RFC 9745), when it ends (RFC 8594), where both are
//! explained, and whether it really ends then.

use crate::calendar::{Rfc3339, imf_fixdate};
use crate::denial::Denial;
use crate::names::PolicyId;
use crate::reason::Reason;
use crate::trail::Mode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use limits::clock::Now;

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// What a route says of its own end.
#[derive(Debug)]
pub struct Deprecation {
    pub policy: PolicyId,
    pub mode: Mode,
    since: HeaderValue,
    sunset: Option<Sunset>,
    link: Option<HeaderValue>,
}

#[derive(Debug)]
struct Sunset {
    unix_s: u64,
    shown: HeaderValue,
    after: AfterSunset,
}

/// What becomes of requests when the sunset has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterSunset {
    /// They are served as before.
    #[default]
    Serve,
    /// 410.
    Gone,
}

impl Deprecation {
    /// `link` is a URL without what would end it in a Link field.
    #[must_use]
    pub fn new(
        policy: PolicyId,
        mode: Mode,
        since_unix_s: u64,
        sunset: Option<(u64, AfterSunset)>,
        link: Option<&str>,
    ) -> Self {
        let text = |text: String| HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        let relations = if sunset.is_some() { "deprecation sunset" } else { "deprecation" };
        Self {
            policy,
            mode,
            since: text(format!("@{since_unix_s}")),
            sunset: sunset.map(|(unix_s, after)| Sunset { unix_s, shown: text(imf_fixdate(unix_s)), after }),
            link: link.and_then(|link| HeaderValue::from_str(&format!("<{link}>; rel=\"{relations}\"")).ok()),
        }
    }

    /// `route_gone` once the sunset has passed, where the operator wants that.
    pub fn check(&self, now: Now) -> Result<(), Denial> {
        match &self.sunset {
            Some(sunset) if sunset.after == AfterSunset::Gone && now.unix_seconds() >= sunset.unix_s => {
                let text = format!("its sunset was at {}", Rfc3339::from_unix_seconds(sunset.unix_s));
                Err(Denial::new(Reason::RouteGone).because(text))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Puts the route's word in the place of upstream's; other links stay.
    pub fn edit(&self, headers: &mut HeaderMap) {
        match self.mode {
            Mode::Enforce => {}
            Mode::DryRun | Mode::Off => return,
        }
        headers.insert(DEPRECATION, self.since.clone());
        if let Some(sunset) = &self.sunset {
            headers.insert(SUNSET, sunset.shown.clone());
        }
        if let Some(link) = &self.link {
            headers.append(header::LINK, link.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AfterSunset, Deprecation};
    use crate::names::PolicyId;
    use crate::trail::Mode;
    use http::HeaderMap;
    use limits::clock::Now;

    /// 2027-01-01T00:00:00Z
    const SUNSET: u64 = 1_798_761_600;

    fn headers(deprecation: &Deprecation, before: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in before {
            headers.append(*name, value.parse().unwrap());
        }
        deprecation.edit(&mut headers);
        let mut lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines
    }

    #[test]
    fn what_answers_say() {
        let link = Some("https://docs.example.com/v2");
        let of = |mode, sunset, link| Deprecation::new(PolicyId(0), mode, 1_688_169_599, sunset, link);
        let check = |deprecation: &Deprecation, lines: &[&str]| assert_eq!(headers(deprecation, &[]), lines);
        check(&of(Mode::Enforce, None, None), &["deprecation: @1688169599"]);
        check(
            &of(Mode::Enforce, None, link),
            &["deprecation: @1688169599", "link: <https://docs.example.com/v2>; rel=\"deprecation\""],
        );
        let whole = of(Mode::Enforce, Some((SUNSET, AfterSunset::Serve)), link);
        let lines = [
            "deprecation: @1688169599",
            "link: <https://docs.example.com/v2>; rel=\"deprecation sunset\"",
            "sunset: Fri, 01 Jan 2027 00:00:00 GMT",
        ];
        check(&whole, &lines);
        check(&of(Mode::DryRun, Some((SUNSET, AfterSunset::Serve)), link), &[]);
        let upstreams = [("deprecation", "true"), ("sunset", "never"), ("link", "</next>; rel=\"next\"")];
        let mut expected = lines.to_vec();
        expected.insert(1, "link: </next>; rel=\"next\"");
        assert_eq!(headers(&whole, &upstreams), expected);
    }

    #[test]
    fn only_gone_ends_and_only_then() {
        let of = |after| Deprecation::new(PolicyId(0), Mode::Enforce, 0, Some((SUNSET, after)), None);
        let check = |after, at, refused| {
            assert_eq!(of(after).check(Now::at_unix_seconds(at)).is_err(), refused, "{after:?} {at}");
        };
        check(AfterSunset::Gone, SUNSET - 1, false);
        check(AfterSunset::Gone, SUNSET, true);
        check(AfterSunset::Serve, SUNSET, false);
        let without = Deprecation::new(PolicyId(0), Mode::Enforce, 0, None, None);
        assert!(without.check(Now::at_unix_seconds(u64::MAX / 2_000)).is_ok());
    }
}
