//! What a route's transformation makes of a request, as far as it can be said without upstream.

use super::{Offline, REQUEST_ID};
use engine::denial::Denial;
use engine::identity::Identity;
use engine::names::RouteId;
use engine::request::RequestHead;
use engine::transform::{Cause, Concern, Facts, Misfit, OnUnreadable, RequestTransform, Side, Target};
use http::{HeaderMap, HeaderName};
use limits::clock::Now;
use std::borrow::Cow;

/// What upstream gets of a request that its route changes.
#[derive(Debug)]
pub(crate) struct Shaped {
    pub(crate) target: Target,
    pub(crate) removed: Vec<HeaderName>,
    /// Names with their new values.
    pub(crate) written: Vec<(HeaderName, Vec<String>)>,
    /// None: as the client sent it.
    pub(crate) body: Option<String>,
}

impl Offline<'_> {
    /// None where nothing is changed.
    pub(super) fn shaped(
        &self,
        head: &RequestHead<'_>,
        route: RouteId,
        identity: &Identity,
        body: Option<&[u8]>,
        now: Now,
    ) -> Result<Option<Shaped>, Denial> {
        let Some(route) = self.snapshot.route(route) else { return Ok(None) };
        let Some(rules) = route.transform.as_ref().and_then(|transform| transform.request.as_ref()) else {
            return Ok(None);
        };
        let query = self.query_for_upstream(head.query).map(Cow::into_owned);
        let target = Target { path: head.path.clone().into_owned(), query };
        let admitted = Admitted { head, identity, route_name: &route.name, target, body, now };
        apply(rules, admitted).map(Some).map_err(|misfit| misfit.denial(Side::Request))
    }
}

/// A request that was admitted, before it is changed.
struct Admitted<'a> {
    head: &'a RequestHead<'a>,
    identity: &'a Identity,
    route_name: &'a str,
    /// As upstream would see it otherwise.
    target: Target,
    body: Option<&'a [u8]>,
    now: Now,
}

fn apply(rules: &RequestTransform, admitted: Admitted<'_>) -> Result<Shaped, Misfit> {
    let Admitted { head, identity, route_name, mut target, body, now } = admitted;
    let facts = Facts {
        request_id: REQUEST_ID,
        method: head.method.as_str(),
        host: &head.host,
        path: &head.path,
        query: head.query,
        headers: head.headers,
        client: head.client,
        route_name,
        identity,
        now_unix_s: now.unix_seconds(),
        captures: None,
        answer: None,
        body: None,
    };
    let mut headers = head.headers.clone();
    rules.apply(&facts, &mut target, &mut headers)?;
    let body = self::body(rules, &facts, body)?;
    let (removed, written) = differences(head.headers, &headers);
    Ok(Shaped { target, removed, written, body })
}

fn body(rules: &RequestTransform, facts: &Facts<'_>, body: Option<&[u8]>) -> Result<Option<String>, Misfit> {
    let (Some(edit), Some(body)) = (&rules.body, body) else { return Ok(None) };
    let passes = edit.on_unreadable == OnUnreadable::Pass;
    match edit.concern_of_request(facts.headers) {
        Concern::Edit => match edit.apply(rules.captures.as_ref(), facts, body) {
            Ok(edited) => Ok(Some(edited)),
            Err(misfit) if passes && misfit.cause == Cause::Unreadable => Ok(None),
            Err(misfit) => Err(misfit),
        },
        Concern::Unreadable(why) if !passes => Err(Misfit::unreadable(why)),
        Concern::None | Concern::Unreadable(_) => Ok(None),
    }
}

fn differences(before: &HeaderMap, after: &HeaderMap) -> (Vec<HeaderName>, Vec<(HeaderName, Vec<String>)>) {
    let values = |headers: &HeaderMap, name: &HeaderName| -> Vec<String> {
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    };
    let removed = before.keys().filter(|name| !after.contains_key(*name)).cloned().collect();
    let written = after.keys().map(|name| (name.clone(), values(after, name)));
    let written = written.filter(|(name, found)| values(before, name) != *found).collect();
    (removed, written)
}
