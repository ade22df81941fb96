//! What a refused client reads: status, headers and body, made of a denial and the operator's wording.
//!
//! The first of these that has a template for the reason and the client decides: the policy that refused (a throttle's own error), the
//! route, the global list. In it a reason comes before a kind, a kind before `4xx` and `5xx`, and those before `*`; among equals the
//! client's `Accept` chooses, and one without `accept` is there for all others. With no template the body is problem details, in a
//! format that the client accepts. Nobody is refused an error for its `Accept`.
//!
//! Does not know how a reply is written: lengths, dates and connections are the writer's, as are the headers that successes have too.

mod accept;
mod choice;
mod defaults;
mod fixed;
mod headers;
mod rules;
#[cfg(test)]
mod tests;

pub use accept::MediaType;
pub use fixed::{FixedBody, FixedResponse};
pub use headers::is_reserved;
pub use rules::{Disclose, ErrorRules, ErrorTemplate, Selector};

use crate::denial::{Denial, Detail, Passed};
use crate::names::{PolicyId, RouteId};
use crate::reason::{Kind, Reason};
use crate::template::Values;
use accept::Accept;
use accept::Format;
use choice::{Choice, Wording, choose};
use defaults::Typed;
use headers::Line;
use http::header::{self, HeaderName, HeaderValue};
use limits::clock::Now;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// How large most bodies turn out, and how many headers most replies have.
const BODY_BYTES_USUAL: usize = 512;
const HEADERS_USUAL: usize = 12;

/// One error on its way out. `Content-Length`, `Date` and `Connection` are set by the writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Also for HEAD, where the writer leaves it out; empty for a status that has none.
    pub body: Vec<u8>,
}

/// A refusal with what is known of the request by then.
#[derive(Clone, Copy, Debug)]
pub struct Occurrence<'a> {
    pub denial: &'a Denial,
    pub request_id: &'a str,
    pub method: &'a str,
    pub host: &'a str,
    pub path: &'a str,
    /// The request's `Accept`.
    pub accept: Option<&'a HeaderValue>,
    pub route: Option<(&'a RouteId, &'a str)>,
    pub consumer: Option<&'a str>,
    pub plan: Option<&'a str>,
    pub now: Now,
    pub policy_name: Option<&'a str>,
    /// Of the verified token.
    pub claims: Option<&'a Map<String, Value>>,
}

/// All wordings of one config.
#[derive(Debug)]
pub struct Errors {
    disclose: Disclose,
    default: Typed,
    lines: Vec<Line>,
    global: Vec<Wording>,
    routes: HashMap<RouteId, Vec<Wording>>,
    policies: HashMap<PolicyId, Vec<Wording>>,
    kinds: Vec<OfKind>,
    reasons: Vec<OfReason>,
}

/// What all errors of a kind share, by the kind's number.
#[derive(Debug)]
struct OfKind {
    /// RFC 9457 `type`.
    problem_type: Box<str>,
    link: Option<HeaderValue>,
}

/// The same for a reason.
#[derive(Debug)]
struct OfReason {
    challenge: HeaderValue,
    proxy_status: Option<HeaderValue>,
}

impl Errors {
    #[must_use]
    pub fn new(rules: ErrorRules) -> Self {
        let ErrorRules { content_type, help_url, disclose, headers, templates, routes, policies } = rules;
        let lines: Vec<_> = headers.into_iter().filter_map(Line::new).collect();
        let word = |template| Wording::new(template, &content_type, &lines);
        let global = templates.into_iter().map(word).collect();
        let mut of_routes: HashMap<_, Vec<_>> = HashMap::new();
        for (route, templates) in routes {
            of_routes.entry(route).or_default().extend(templates.into_iter().map(word));
        }
        let mut of_policies: HashMap<_, Vec<_>> = HashMap::new();
        for (policy, template) in policies {
            of_policies.entry(policy).or_default().push(word(template));
        }
        Self {
            disclose,
            default: Typed::new(content_type),
            global,
            routes: of_routes,
            policies: of_policies,
            lines,
            kinds: Kind::ALL.iter().map(|kind| OfKind::new(*kind, help_url.as_deref())).collect(),
            reasons: Reason::ALL.iter().map(|reason| OfReason::new(*reason)).collect(),
        }
    }

    #[must_use]
    pub fn render(&self, occurrence: &Occurrence) -> Reply {
        let denial = occurrence.denial;
        let accept = Accept::read(occurrence.accept);
        let Choice { wording, by_accept } = choose(self.scopes(occurrence), denial.reason, accept);
        let passed = passed(denial);
        let status = wording.and_then(|wording| wording.status);
        let status = status.or(passed.map(|passed| passed.status)).unwrap_or(denial.reason.status());
        let values = self.values(occurrence, status);
        let has_body = !matches!(status, 204 | 205 | 304);
        let mut body = Vec::with_capacity(if has_body { BODY_BYTES_USUAL } else { 0 });
        let passed_body = passed.and_then(|passed| passed.body.as_ref());
        let (content_type, negotiated) = match (wording, passed_body) {
            (Some(Wording { content_type, body: Some(template), .. }), _) => {
                if has_body {
                    template.render(&values, &mut body);
                }
                (content_type.as_ref().unwrap_or(&self.default).content_type.clone(), false)
            }
            (_, Some(passed)) if has_body => {
                body.extend_from_slice(&passed.bytes);
                (passed.content_type.clone(), false)
            }
            (Some(Wording { content_type: own, body: None, .. }), _) => {
                (self.default_body(own.as_ref(), accept, &values, has_body, &mut body), own.is_none())
            }
            (None, _) => (self.default_body(None, accept, &values, has_body, &mut body), true),
        };
        let lines = wording.map_or(&self.lines, |wording| &wording.lines);
        let mut head = Head { lines, headers: Vec::with_capacity(HEADERS_USUAL.saturating_add(lines.len())) };
        if has_body {
            head.put(header::CONTENT_TYPE, content_type);
        }
        if by_accept || negotiated {
            head.put(header::VARY, HeaderValue::from_static("Accept"));
        }
        self.standard(denial, status, &mut head);
        Reply { status, headers: head.finish(&values), body }
    }

    /// In `own` if the operator has named a type, else in a format that the client accepts.
    fn default_body(
        &self,
        own: Option<&Typed>,
        accept: Accept,
        values: &Values,
        has_body: bool,
        out: &mut Vec<u8>,
    ) -> HeaderValue {
        let other;
        let typed = if let Some(own) = own {
            own
        } else {
            let format = Format::accepted(accept, self.default.format);
            if format == self.default.format {
                &self.default
            } else {
                other = Typed::new(format.content_type());
                &other
            }
        };
        if has_body {
            typed.body(values, out);
        }
        typed.content_type.clone()
    }

    /// What HTTP asks for, whatever the wording.
    fn standard(&self, denial: &Denial, status: u16, head: &mut Head) {
        head.put(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        head.put(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(link) = self.of_kind(denial.kind()).and_then(|kind| kind.link.clone()) {
            head.put(header::LINK, link);
        }
        if let Some(wait) = denial.retry_after {
            head.put(header::RETRY_AFTER, HeaderValue::from(headers::seconds(wait)));
        }
        if let Some((name, value)) = headers::alternatives(denial, status) {
            head.put(name, value);
        }
        let reason = self.reasons.get(denial.reason as usize);
        let passed = passed(denial).map_or(&[][..], |passed| &passed.headers);
        for (name, value) in passed {
            head.put(name.clone(), value.clone());
        }
        let challenge = match status {
            401 if passed.iter().any(|(name, _)| name == header::WWW_AUTHENTICATE) => None,
            401 | 403 if matches!(denial.detail, Detail::Scopes(_)) => headers::scope_challenge(denial),
            401 => reason.map(|reason| reason.challenge.clone()),
            _ => None,
        };
        if let Some(challenge) = challenge {
            head.put(header::WWW_AUTHENTICATE, challenge);
        }
        if status == 401 && denial.detail == Detail::NoCredential && denial.reason != Reason::JwtMissing {
            head.put(header::WWW_AUTHENTICATE, headers::challenge(Reason::JwtMissing));
        }
        if let Some(proxy_status) = reason.and_then(|reason| reason.proxy_status.clone()) {
            head.put(headers::PROXY_STATUS, proxy_status);
        }
    }

    fn scopes(&self, occurrence: &Occurrence) -> [&[Wording]; 3] {
        let policy = occurrence.denial.policy.and_then(|policy| self.policies.get(&policy));
        let route = occurrence.route.and_then(|(route, _)| self.routes.get(route));
        [policy.map_or(&[], Vec::as_slice), route.map_or(&[], Vec::as_slice), &self.global]
    }

    fn values<'a>(&'a self, occurrence: &Occurrence<'a>, status: u16) -> Values<'a> {
        let denial = occurrence.denial;
        let kind = denial.kind();
        let policy_name = occurrence.policy_name.unwrap_or_default();
        let mut values = Values {
            request_id: occurrence.request_id,
            method: occurrence.method,
            host: occurrence.host,
            path: occurrence.path,
            error_kind: kind.code(),
            error_reason: match self.disclose {
                Disclose::Kind => "",
                Disclose::Reason => denial.reason.code(),
            },
            error_title: kind.title(),
            error_detail: denial.reason.detail(),
            error_status: status,
            error_type: self.of_kind(kind).map_or("about:blank", |kind| &kind.problem_type),
            retry_after_s: denial.retry_after.map(headers::seconds),
            route_name: occurrence.route.map_or("", |(_, name)| name),
            consumer_id: occurrence.consumer.unwrap_or_default(),
            plan_name: occurrence.plan.unwrap_or_default(),
            policy_name,
            now_unix_s: occurrence.now.unix_seconds(),
            claims: occurrence.claims,
            ..Values::default()
        };
        match &denial.detail {
            Detail::None | Detail::Text(_) | Detail::NoCredential | Detail::Invalid(_) | Detail::Passed(_) => {}
            Detail::Allow(methods) => values.allow = methods,
            Detail::Accept(types) => values.accept = types,
            Detail::Scopes(scopes) => values.scopes = scopes,
            Detail::Throttle { limit } | Detail::CrowdedThrottle { limit } => values.limit_name = limit,
            Detail::Quota { limit, resets_unix_s } => {
                values.limit_name = policy_name;
                values.quota_limit = Some(*limit);
                values.quota_resets_unix_s = Some(*resets_unix_s);
            }
        }
        values
    }

    fn of_kind(&self, kind: Kind) -> Option<&OfKind> {
        self.kinds.get(kind as usize)
    }
}

/// What an auth service has said, which goes out where the operator has no words of its own.
fn passed(denial: &Denial) -> Option<&Passed> {
    match &denial.detail {
        Detail::Passed(passed) => Some(passed),
        Detail::None
        | Detail::Text(_)
        | Detail::Allow(_)
        | Detail::Accept(_)
        | Detail::Scopes(_)
        | Detail::NoCredential
        | Detail::Throttle { .. }
        | Detail::CrowdedThrottle { .. }
        | Detail::Invalid(_)
        | Detail::Quota { .. } => None,
    }
}

impl OfKind {
    fn new(kind: Kind, help_url: Option<&str>) -> Self {
        let Some(help_url) = help_url else {
            return Self { problem_type: "about:blank".into(), link: None };
        };
        // What would end the reference in the header has no place in a URL anyway (RFC 3986, 2).
        let url: String =
            help_url.chars().filter(|c| matches!(c, '!'..='~') && !matches!(c, '<' | '>' | '"')).collect();
        let link = HeaderValue::from_str(&format!("<{url}{}>; rel=\"help\"", kind.code())).ok();
        Self { problem_type: format!("{url}{}", kind.code()).into(), link }
    }
}

impl OfReason {
    fn new(reason: Reason) -> Self {
        let proxy_status = headers::proxy_error(reason);
        let proxy_status =
            proxy_status.and_then(|error| HeaderValue::from_str(&format!("tollgate; error={error}")).ok());
        Self { challenge: headers::challenge(reason), proxy_status }
    }
}

/// The headers of a reply as they come together; the operator's replace the gateway's.
struct Head<'a> {
    lines: &'a [Line],
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Head<'_> {
    fn put(&mut self, name: HeaderName, value: HeaderValue) {
        if !self.lines.iter().any(|line| line.name == name) {
            self.headers.push((name, value));
        }
    }

    fn finish(mut self, values: &Values) -> Vec<(HeaderName, HeaderValue)> {
        let own = self.lines.iter().filter_map(|line| Some((line.name.clone(), line.value(values)?)));
        self.headers.extend(own);
        self.headers
    }
}
