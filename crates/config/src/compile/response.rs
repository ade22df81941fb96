//! What a route says of its answers: `deprecation`, `cacheControl`, and the headers by which it was chosen.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::names::RouteId;
use engine::policy::deprecation::{AfterSunset, Deprecation};
use engine::response::{CacheApplies, CacheControl};
use engine::route::host::HostPattern;
use engine::route::path::PathPattern;
use engine::route::table::RouteMatch;
use engine::rules::Route;
use engine::trail::Mode;

use super::counting;
use super::desk::Desk;
use crate::diagnostic::Code;
use crate::raw;
use crate::text::Url;

/// None if it is off.
pub(super) fn deprecation(
    owner: &str,
    raw: &raw::Deprecation,
    pointer: &str,
    desk: &mut Desk<'_>,
) -> Option<Arc<Deprecation>> {
    let raw::Deprecation { since, sunset, link, after_sunset, mode } = raw;
    let mode = counting::mode(*mode);
    let policy = desk.policy(format!("{owner}.deprecation"), pointer, mode, None);
    let after = match after_sunset {
        raw::AfterSunset::Serve => AfterSunset::Serve,
        raw::AfterSunset::Gone => AfterSunset::Gone,
    };
    match sunset {
        Some(sunset) if sunset < since => {
            let message = "the sunset lies before `since`: a route is deprecated first (RFC 9745, 4)";
            desk.warn(
                Code::Pointless,
                &format!("{pointer}/sunset"),
                message,
                "give it a later day, or `since` an earlier one",
            );
        }
        Some(sunset) if sunset.unix_seconds() <= limits::clock::now().unix_seconds() && after == AfterSunset::Serve => {
            let message = "the sunset has passed, and the route is served all the same";
            let help = "remove the route, say `afterSunset: gone`, or give it a later day";
            desk.warn(Code::Pointless, &format!("{pointer}/sunset"), message, help);
        }
        None if after == AfterSunset::Gone => {
            let message = "`afterSunset` without a `sunset` has no effect";
            desk.warn(Code::Pointless, &format!("{pointer}/afterSunset"), message, "add the day: `sunset: 2027-01-01`");
        }
        Some(_) | None => {}
    }
    let link = link.as_ref().map(Url::as_str);
    // What would end the reference in the field has no place in a URL anyway (RFC 3986, 2).
    if link.is_some_and(|link| link.contains(['<', '>', '"']) || !link.bytes().all(|byte| byte.is_ascii_graphic())) {
        let help = "percent-encode it";
        desk.error(Code::MalformedValue, &format!("{pointer}/link"), "the link has a character that no URL has", help);
        return None;
    }
    let sunset = sunset.map(|sunset| (sunset.unix_seconds(), after));
    let deprecation = Deprecation::new(policy, mode, since.unix_seconds(), sunset, link);
    (mode != Mode::Off).then(|| Arc::new(deprecation))
}

/// `is_open`: the route asks nobody who calls.
pub(super) fn cache_control(
    raw: &raw::CacheControl,
    is_open: bool,
    pointer: &str,
    desk: &mut Desk<'_>,
) -> CacheControl {
    let raw::CacheControl { directives, is_default } = raw;
    let forbids = directives.has("no-store");
    if forbids && ["max-age", "s-maxage"].iter().any(|name| directives.has(name)) {
        let message = "`no-store` keeps nothing: how long it would be fresh is of no account";
        desk.warn(Code::Pointless, pointer, message, "write `no-store` alone");
    }
    let is_kept = !forbids && !directives.has("private") && !directives.has("no-cache");
    if is_kept && !is_open {
        let message = "the route asks who calls, and shared caches may give the answer to one caller to all others";
        desk.warn(Code::Unsafe, pointer, message, "add `private`, unless the answer is the same for everybody");
    }
    let applies = if *is_default { CacheApplies::Default } else { CacheApplies::Set };
    CacheControl { value: directives.value().clone(), applies, forbids }
}

/// Tells each route the request headers on which it hangs that a request comes to it: its own conditions', and those of the routes that
/// would have had the request with other headers. Both lists are in the order of the IDs.
pub(super) fn vary(table: &[RouteMatch], routes: &mut [(RouteId, Route)]) {
    let conditional = table.iter().filter(|route| !route.conditions.headers.is_empty());
    let conditional: Vec<Conditional<'_>> = conditional.map(Conditional::of).collect();
    if conditional.is_empty() {
        return;
    }
    for (matched, (_, route)) in table.iter().zip(routes) {
        let begins: Vec<&str> = matched.paths.iter().map(literal_beginning).collect();
        let is_it = |other: &&Conditional<'_>| other.route.route == matched.route || other.could_have(matched, &begins);
        let others = conditional.iter().filter(is_it);
        let names: BTreeSet<&str> =
            others.flat_map(|other| other.route.conditions.headers.iter().map(|(name, _)| name.as_str())).collect();
        if !names.is_empty() {
            route.response.get_or_insert_default().vary = names.into_iter().map(Into::into).collect();
        }
    }
}

/// A route that asks for headers, and a path for each of its patterns that meets it; none for a regex.
struct Conditional<'t> {
    route: &'t RouteMatch,
    examples: Vec<Option<[String; 2]>>,
}

impl<'t> Conditional<'t> {
    fn of(route: &'t RouteMatch) -> Self {
        Self { route, examples: route.paths.iter().map(example).collect() }
    }

    /// Whether a request that is `matched`'s could be this one's with other headers. Errs towards yes. `begins` are the literal
    /// beginnings of its paths: what most comparisons end at.
    fn could_have(&self, matched: &RouteMatch, begins: &[&str]) -> bool {
        share_host(self.route, matched)
            && self.route.methods.overlap(&matched.methods)
            && self.examples.iter().any(|example| {
                matched.paths.iter().zip(begins).any(|(ours, begins)| match example {
                    Some(forms) => forms.iter().any(|form| form.starts_with(begins) && ours.matches(form)),
                    // What a regex means is not known; the paths that can overlap with it are those that are no single one.
                    None => ours.is_regex() || ours.as_str().contains(['*', '{']),
                })
            })
    }
}

fn share_host(left: &RouteMatch, right: &RouteMatch) -> bool {
    if left.hosts.is_empty() || right.hosts.is_empty() {
        return true;
    }
    left.hosts.iter().any(|left| right.hosts.iter().any(|right| overlap(left, right)))
}

fn overlap(left: &HostPattern, right: &HostPattern) -> bool {
    match (left, right) {
        (HostPattern::Any, _) | (_, HostPattern::Any) => true,
        (HostPattern::Exact(host), pattern) | (pattern, HostPattern::Exact(host)) => pattern.matches(host),
        (HostPattern::Wildcard(left), HostPattern::Wildcard(right)) => {
            left.ends_with(right.as_str()) || right.ends_with(left.as_str())
        }
    }
}

/// What every path that meets the pattern begins with; of a regex nothing.
fn literal_beginning(pattern: &PathPattern) -> &str {
    if pattern.is_regex() {
        return "";
    }
    let literal = pattern.as_str().split(['{', '*']).next().unwrap_or_default();
    literal.strip_suffix('/').unwrap_or(literal)
}

/// With and without a slash at the end, as `trailingSlash` may look past it.
fn example(pattern: &PathPattern) -> Option<[String; 2]> {
    if pattern.is_regex() {
        return None;
    }
    let text = pattern.as_str();
    let text = text.strip_suffix("/*").unwrap_or(text);
    let segments = text.split('/').map(|piece| if piece.starts_with('{') { "x" } else { piece });
    let path = segments.collect::<Vec<_>>().join("/");
    let bare = path.strip_suffix('/').unwrap_or(&path);
    Some([if bare.is_empty() { "/".to_owned() } else { bare.to_owned() }, format!("{bare}/")])
}
