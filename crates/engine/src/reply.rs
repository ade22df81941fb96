//! What a refused client reads: status, headers and body, made of a denial and the operator's wording.
//!
//! The first of these that has a template for the reason and the client decides: the policy that refused (a throttle's own error), the
//! route, the global list. In it a reason comes before a kind, a kind before `4xx` and `5xx`, and those before `*`; among equals the
//! client's `Accept` chooses, then its `Accept-Language`, and one without `accept` or `language` is there for all others. With no template
//! the body is problem details, in a format that the client accepts. Nobody is refused an error for what it accepts.
//!
//! Does not know how a reply is written: lengths, dates and connections are the writer's, as are the headers that successes have too.

mod accept;
mod choice;
mod defaults;
mod fixed;
mod headers;
mod language;
mod rules;
#[cfg(test)]
mod tests;

pub use accept::MediaType;
pub use choice::{Hidden, hidden};
pub use fixed::{FixedBody, FixedResponse};
pub use headers::is_reserved;
pub use language::Language;
pub use rules::{Disclose, ErrorRules, ErrorTemplate, Selector};

use crate::denial::{Denial, Detail, Passed};
use crate::names::{PolicyId, RouteId};
use crate::reason::{Kind, Reason};
use crate::template::Values;
use accept::Format;
use choice::{Choice, Menu, Wishes, Wording, choose};
use defaults::Typed;
use headers::{Line, Varies};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
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
    /// The request's, for what the client would like to read; none of a head that could not be read.
    pub fields: Option<&'a HeaderMap>,
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
    /// Of bodies for which the operator has named no type: its own format under its name, the others under theirs.
    defaults: [Typed; Format::ALL.len()],
    default: Format,
    lines: Vec<Line>,
    global: Menu,
    lists: Vec<Menu>,
    /// The list of a route, by its place.
    routes: HashMap<RouteId, usize>,
    policies: HashMap<PolicyId, Menu>,
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
        let menu = |templates| Menu::new(templates, &content_type, &lines);
        let global = menu(templates);
        let of_routes = routes.iter().enumerate().flat_map(|(list, (ids, _))| ids.iter().map(move |id| (*id, list)));
        let of_routes = of_routes.collect();
        let lists = routes.into_iter().map(|(_, templates)| menu(templates)).collect();
        let mut of_policies: HashMap<_, Vec<_>> = HashMap::new();
        for (policy, template) in policies {
            of_policies.entry(policy).or_default().push(template);
        }
        let policies = of_policies.into_iter().map(|(policy, templates)| (policy, menu(templates))).collect();
        let default = Typed::new(content_type.clone());
        Self {
            disclose,
            default: default.format,
            defaults: Format::ALL.map(|format| {
                if format == default.format { default.clone() } else { Typed::new(format.content_type()) }
            }),
            global,
            lists,
            routes: of_routes,
            policies,
            lines,
            kinds: Kind::ALL.iter().map(|kind| OfKind::new(*kind, help_url.as_deref())).collect(),
            reasons: Reason::ALL.iter().map(|reason| OfReason::new(*reason)).collect(),
        }
    }

    #[must_use]
    pub fn render(&self, occurrence: &Occurrence) -> Reply {
        let denial = occurrence.denial;
        let wishes = Wishes::new(occurrence.fields);
        let Choice { wording, varies } = choose(self.menus(occurrence), denial.reason, &wishes);
        let passed = passed(denial);
        let status = wording.and_then(|wording| wording.status);
        let status = status.or(passed.map(|passed| passed.status)).unwrap_or(denial.reason.status());
        let values = self.values(occurrence, status);
        let has_body = !matches!(status, 204 | 205 | 304);
        let mut body = Vec::with_capacity(if has_body { BODY_BYTES_USUAL } else { 0 });
        let Said { content_type, language, by_accept } =
            self.say(wording, passed, &wishes, &values, has_body.then_some(&mut body));
        let lines = wording.map_or(&self.lines, |wording| &wording.lines);
        let mut head = Head { lines, headers: Vec::with_capacity(HEADERS_USUAL.saturating_add(lines.len())) };
        if has_body {
            head.put(header::CONTENT_TYPE, content_type);
            if let Some(language) = language {
                head.put(header::CONTENT_LANGUAGE, language);
            }
        }
        self.standard(denial, status, &mut head);
        let mut headers = head.finish(&values);
        // Of a head that could not be read nothing was chosen by.
        if occurrence.fields.is_some() {
            varies.and(Varies { accept: by_accept, language: false }).tell(&mut headers);
        }
        Reply { status, headers, body }
    }

    /// Writes the body, where there is to be one.
    fn say(
        &self,
        wording: Option<&Wording>,
        passed: Option<&Passed>,
        wishes: &Wishes,
        values: &Values,
        out: Option<&mut Vec<u8>>,
    ) -> Said {
        if let Some(Wording { content_type, language, body: Some(template), .. }) = wording {
            if let Some(out) = out {
                template.render(values, out);
            }
            let typed = content_type.as_ref().unwrap_or_else(|| self.typed(self.default));
            let language = language.as_ref().map(Language::value);
            return Said { content_type: typed.content_type.clone(), language, by_accept: false };
        }
        let passed = passed.and_then(|passed| passed.body.as_ref());
        let (typed, by_accept) = match (wording.and_then(|wording| wording.content_type.as_ref()), passed, out) {
            (_, Some(passed), Some(out)) => {
                out.extend_from_slice(&passed.bytes);
                return Said { content_type: passed.content_type.clone(), language: None, by_accept: false };
            }
            (own, _, out) => {
                // In a format that the client accepts, unless the operator has named one.
                let typed = own.unwrap_or_else(|| self.typed(Format::accepted(wishes.accept(), self.default)));
                if let Some(out) = out {
                    typed.body(values, out);
                }
                (typed, own.is_none())
            }
        };
        Said { content_type: typed.content_type.clone(), language: None, by_accept }
    }

    fn typed(&self, format: Format) -> &Typed {
        let [json, xml, text] = &self.defaults;
        match format {
            Format::Json => json,
            Format::Xml => xml,
            Format::Text => text,
        }
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

    fn menus(&self, occurrence: &Occurrence) -> [Option<&Menu>; 3] {
        let policy = occurrence.denial.policy.and_then(|policy| self.policies.get(&policy));
        let route = occurrence.route.and_then(|(route, _)| self.routes.get(route));
        [policy, route.and_then(|list| self.lists.get(*list)), Some(&self.global)]
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
            Detail::None | Detail::Text(_) | Detail::NoCredential | Detail::Passed(_) => {}
            Detail::Invalid(violations) => values.errors = violations,
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

/// What the body turned out to be.
struct Said {
    content_type: HeaderValue,
    language: Option<HeaderValue>,
    /// Another `Accept` could have led to another format.
    by_accept: bool,
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
