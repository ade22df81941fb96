//! Which headers a transformation may touch, and that it does not contradict itself.

use engine::transform::Side;
use http::{HeaderName, header};

use super::Desk;
use crate::compile::fields::{self, Meaning};
use crate::compile::{patterns, request_id};
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{self, RawConfig};
use crate::spans::deeper;
use crate::text;

/// Why a header is not for transformations.
#[derive(Clone, Copy)]
enum Kept {
    /// It says where a message ends, how it is encoded, or belongs to one connection.
    Framing,
    Host,
    /// The gateway says it itself.
    Origin,
    Identity,
    RequestId,
    Limits,
}

impl Kept {
    const fn help(self) -> &'static str {
        match self {
            Self::Framing => "remove it: the gateway sets it to fit the message",
            Self::Host => "remove it: upstream gets the host that the client asked for, also as `X-Forwarded-Host`",
            Self::Origin => {
                "remove it: the gateway says where requests come from; `trustedProxies` says whose word counts"
            }
            Self::Identity => "remove it: `identityHeaders` and `authServices` say what upstream is told of the caller",
            Self::RequestId => "remove it: `requestId` says under which header and whose IDs are taken over",
            Self::Limits => "remove it: the gateway says where callers stand with their limits",
        }
    }
}

fn kept(name: &HeaderName, side: Side, config: &RawConfig) -> Option<Kept> {
    match (fields::meaning(name), side) {
        (Some(Meaning::Host), _) => return Some(Kept::Host),
        (Some(Meaning::Framing), _) => return Some(Kept::Framing),
        (Some(Meaning::Content), _) if fields::are_one(name, &header::CONTENT_ENCODING) => return Some(Kept::Framing),
        (Some(Meaning::Limits), Side::Response) => return Some(Kept::Limits),
        (Some(Meaning::Origin), Side::Request) => return Some(Kept::Origin),
        (_, Side::Request | Side::Response) => {}
    }
    if fields::are_one(name, &request_id::rules(config).header) {
        return Some(Kept::RequestId);
    }
    match side {
        Side::Response => None,
        Side::Request => {
            let headers = &config.identity_headers;
            let own = headers.consumer.iter().chain(&headers.plan).chain(headers.claims.values());
            let vouched = config.auth_services.values().flat_map(|service| &service.response_headers);
            let mut all = own.chain(vouched).map(text::HeaderName::get);
            all.any(|other| fields::are_one(name, other)).then_some(Kept::Identity)
        }
    }
}

pub(super) fn headers(raw: &raw::HeaderChange, at: &str, side: Side, config: &RawConfig, desk: &mut Desk<'_>) {
    let mut touched: Vec<(HeaderName, String)> = Vec::new();
    for (index, name) in raw.remove.iter().enumerate() {
        touched.push((name.get().clone(), format!("{at}/remove/{index}")));
    }
    for (from, to) in &raw.rename {
        let pointer = deeper(&format!("{at}/rename"), from);
        touched.extend(HeaderName::from_bytes(from.as_bytes()).map(|name| (name, pointer.clone())));
        touched.push((to.get().clone(), pointer));
    }
    for (key, values) in [("set", &raw.set), ("add", &raw.add)] {
        patterns::header_names(values, &format!("{at}/{key}"), desk);
        for name in values.keys() {
            let pointer = deeper(&format!("{at}/{key}"), name);
            touched.extend(HeaderName::from_bytes(name.as_bytes()).map(|name| (name, pointer)));
        }
    }
    patterns::header_names(&raw.rename, &format!("{at}/rename"), desk);
    let pairs = raw.rename.iter().map(|(from, to)| (from.as_str(), to.get().as_str()));
    renamed_once(pairs, str::eq_ignore_ascii_case, &format!("{at}/rename"), desk);
    for (name, pointer) in touched {
        // Of a broken `requestId` nobody knows which header it means.
        let is_kept = |kept: &Kept| !(matches!(kept, Kept::RequestId) && desk.is_left_out("/requestId"));
        if let Some(kept) = kept(&name, side, config).filter(is_kept) {
            let place = desk.key_place(&pointer);
            let message = format!("{} is not for transformations", quoted(name.as_str()));
            desk.push(Diagnostic::error(Code::Transform, place, message).help(kept.help()));
        }
    }
}

/// Two names that become one, a name that becomes itself; `is_same` compares names as their kind does.
pub(super) fn renamed_once<'r>(
    pairs: impl Iterator<Item = (&'r str, &'r str)>,
    is_same: fn(&str, &str) -> bool,
    at: &str,
    desk: &mut Desk<'_>,
) {
    let mut seen: Vec<&str> = Vec::new();
    for (from, to) in pairs {
        let pointer = deeper(at, from);
        if is_same(from, to) {
            let message = format!("{} has this name already", quoted(from));
            desk.error(Code::Transform, &pointer, message, "name another one, or remove the line");
        } else if seen.contains(&to) {
            let message = format!("two are given the name {}: the later one would win", quoted(to));
            desk.error(Code::Transform, &pointer, message, "give each a name of its own");
        }
        seen.push(to);
    }
}
