//! `authServices`: where each is, what it is asked, and what is made of its answer. Names are not resolved here.

use engine::auth_service::AuthService;
use engine::live::Live;
use engine::names::Name;
use engine::policy::forward_auth::{ForwardAuth, RememberRules, ServiceRules, TOLD};
use engine::upstream::{Address, Endpoint, Tls};
use http::{HeaderName, HeaderValue, header};

use super::desk::Desk;
use super::fields::{self, Meaning};
use super::{request_id, upstreams};
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{self, RawConfig};
use crate::spans::deeper;
use crate::text::{self, Text as _};

/// All services in the order of their names; one that is unfit is reported and left out.
pub(super) fn compile(raw: &RawConfig, live: &Live, desk: &mut Desk<'_>) -> Vec<AuthService> {
    let request_id = request_id::rules(raw).header;
    raw.auth_services.iter().filter_map(|(name, service)| one(name, service, &request_id, live, desk)).collect()
}

/// The fields in which upstream is told what services say; no client's own get there.
pub(super) fn told(raw: &RawConfig, desk: &mut Desk<'_>) -> Vec<HeaderName> {
    let headers = &raw.identity_headers;
    let ours = headers.consumer.iter().chain(&headers.plan).chain(headers.claims.values());
    let ours: Vec<&HeaderName> = ours.map(text::HeaderName::get).collect();
    let mut told: Vec<HeaderName> = Vec::new();
    for (service, raw) in &raw.auth_services {
        for (index, name) in raw.response_headers.iter().map(text::HeaderName::get).enumerate() {
            if ours.iter().any(|ours| fields::are_one(ours, name)) {
                let pointer = format!("{}/responseHeaders/{index}", deeper("/authServices", service));
                let place = desk.place(&pointer);
                let message =
                    format!("{} would carry two values: `identityHeaders` has it, too", quoted(name.as_str()));
                let help = "give each value a header of its own";
                desk.push(Diagnostic::error(Code::DuplicateName, place, message).help(help));
            }
            if !told.contains(name) {
                told.push(name.clone());
            }
        }
    }
    told
}

fn one(
    name: &str,
    raw: &raw::AuthService,
    request_id: &HeaderName,
    live: &Live,
    desk: &mut Desk<'_>,
) -> Option<AuthService> {
    let pointer = deeper("/authServices", name);
    headers(raw, request_id, &pointer, desk);
    let remember = raw.remember.as_ref().map(|remember| self::remember(remember, raw, &pointer, desk));
    let get = |names: &[text::HeaderName]| names.iter().map(|name| name.get().clone()).collect();
    let rules = ServiceRules {
        request_headers: get(&raw.request_headers),
        response_headers: get(&raw.response_headers),
        denial_headers: get(&raw.denial_headers),
        redirects: raw.redirects,
        consumer_header: raw.consumer_header.as_ref().map(|name| name.get().clone()),
        plan_header: raw.plan_header.as_ref().map(|name| name.get().clone()),
        remember,
    };
    let place = place(raw, &pointer, desk)?;
    let tls = tls(raw, &place, &pointer, desk)?;
    Some(AuthService {
        policy: ForwardAuth::new(Name::from(name), rules, raw.url.as_str(), live),
        endpoint: place.endpoint,
        tls,
        authority: place.authority,
        target: place.target,
        timeout: raw.timeout.as_std(),
        concurrent_max: usize::try_from(raw.concurrent_max).unwrap_or(usize::MAX),
    })
}

/// What a URL says.
struct UrlPlace {
    is_https: bool,
    host: String,
    endpoint: Endpoint,
    authority: HeaderValue,
    target: Box<str>,
}

fn place(raw: &raw::AuthService, pointer: &str, desk: &mut Desk<'_>) -> Option<UrlPlace> {
    let at = format!("{pointer}/url");
    let unfit = |what: &str, help: &str, desk: &mut Desk<'_>| {
        desk.error(Code::MalformedValue, &at, format!("the URL of the auth service {what}"), help);
        None
    };
    let uri: http::Uri = raw.url.as_str().parse().ok()?;
    let authority = uri.authority()?;
    if authority.as_str().contains('@') {
        let help = "leave it out; a service that wants a credential of the gateway's own is not supported";
        return unfit("holds a user or a password", help, desk);
    }
    let is_https = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let label = format!("{}:{port}", authority.host());
    let address = match text::Endpoint::read(&label) {
        Ok(text::Endpoint::Address(address)) => Address::Socket(address),
        Ok(text::Endpoint::Name { host, port }) => Address::Name { host: host.as_str().into(), port },
        Err(fault) => return unfit(&fault.what, &fault.help, desk),
    };
    Some(UrlPlace {
        is_https,
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        endpoint: Endpoint { label: label.into(), address, weight: 1 },
        authority: HeaderValue::from_str(authority.as_str()).ok()?,
        target: uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).into(),
    })
}

#[expect(clippy::option_option, reason = "outside: whether it is fit; inside: whether there is TLS")]
fn tls(raw: &raw::AuthService, place: &UrlPlace, pointer: &str, desk: &mut Desk<'_>) -> Option<Option<Tls>> {
    if !place.is_https {
        if raw.tls.is_some() {
            let help = "write `https` in `url`, or remove `tls`";
            desk.error(Code::Choice, &format!("{pointer}/tls"), "`tls` has no meaning beside an http URL", help);
        }
        return Some(None);
    }
    let given = raw.tls.as_ref();
    let authorities = match given.and_then(|tls| tls.ca_file.as_ref()) {
        None => Vec::new(),
        Some(named) => upstreams::authorities(&format!("{pointer}/tls/caFile"), named, desk)?,
    };
    let server_name = given.and_then(|tls| tls.server_name.as_deref()).unwrap_or(&place.host);
    Some(Some(Tls { server_name: server_name.into(), authorities }))
}

fn headers(raw: &raw::AuthService, request_id: &HeaderName, pointer: &str, desk: &mut Desk<'_>) {
    let reserved =
        |key: &str, names: &[text::HeaderName], is_ours: &dyn Fn(&HeaderName) -> bool, desk: &mut Desk<'_>| {
            for (index, name) in names.iter().enumerate().filter(|(_, name)| is_ours(name.get())) {
                let message = format!("{} is for the gateway itself to say", quoted(name.get().as_str()));
                let at = format!("{pointer}/{key}/{index}");
                desk.error(Code::Choice, &at, message, "remove it from the list");
            }
        };
    let is_framing = |name: &HeaderName| matches!(fields::meaning(name), Some(Meaning::Framing | Meaning::Host));
    // The request's own body goes upstream, not that of the answer.
    let is_of_the_request = |name: &HeaderName| {
        matches!(fields::meaning(name), Some(Meaning::Content | Meaning::Origin)) || fields::are_one(name, request_id)
    };
    reserved("requestHeaders", &raw.request_headers, &|name| is_framing(name) || TOLD.contains(name), desk);
    reserved("responseHeaders", &raw.response_headers, &|name| is_framing(name) || is_of_the_request(name), desk);
    reserved("denialHeaders", &raw.denial_headers, &is_framing, desk);
    if raw.redirects && !raw.denial_headers.iter().any(|name| *name.get() == header::LOCATION) {
        let help = "add `Location` to `denialHeaders`";
        let message = "`redirects` sends clients nowhere: `denialHeaders` does not have `Location`";
        desk.error(Code::Choice, &format!("{pointer}/redirects"), message, help);
    }
}

fn remember(
    raw: &raw::RememberAnswers,
    service: &raw::AuthService,
    pointer: &str,
    desk: &mut Desk<'_>,
) -> RememberRules {
    let given = raw.headers.as_ref().unwrap_or(&service.request_headers);
    let is_among =
        |name: &text::HeaderName, names: &[text::HeaderName]| names.iter().any(|one| one.get() == name.get());
    for (index, name) in given.iter().enumerate().filter(|(_, name)| !is_among(name, &service.request_headers)) {
        let message =
            format!("the service never sees {}, so its answers do not differ by it", quoted(name.get().as_str()));
        let help = "add it to `requestHeaders`, or remove it here";
        desk.error(Code::Choice, &format!("{pointer}/remember/headers/{index}"), message, help);
    }
    for name in service.request_headers.iter().filter(|name| !is_among(name, given)) {
        let message = format!(
            "an answer is remembered for requests that differ in {}, which the service sees",
            quoted(name.get().as_str())
        );
        let help = "add it, unless the service never looks at it; then remove it from `requestHeaders`";
        desk.warn(Code::Unsafe, &format!("{pointer}/remember/headers"), message, help);
    }
    RememberRules {
        time: raw.time.as_std(),
        headers: given.iter().map(|name| name.get().clone()).collect(),
        target: raw.target,
        denials: raw.denials,
        entries_max: usize::try_from(raw.entries).unwrap_or(usize::MAX),
    }
}
