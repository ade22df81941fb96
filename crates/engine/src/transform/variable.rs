//! What a `{{…}}` of a transformation can stand for. The one list of it.

use super::decoded;
use super::json::{self, Pointer, PointerFault};
use super::side::Side;
use crate::calendar::Rfc3339;
use crate::identity::Identity;
use crate::route::capture::Captures;
use http::{HeaderMap, HeaderName, header};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// What a transformation may look at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub request_id: &'a str,
    pub method: &'a str,
    pub host: &'a str,
    /// The client's, in normal form.
    pub path: &'a str,
    pub query: Option<&'a str>,
    /// As the client sent them.
    pub headers: &'a HeaderMap,
    pub client: IpAddr,
    pub route_name: &'a str,
    pub identity: &'a Identity,
    pub now_unix_s: u64,
    /// Set by the transformation itself, where it asks for them.
    pub captures: Option<&'a Captures>,
    /// Upstream's, where it is being changed.
    pub answer: Option<Answer<'a>>,
    /// The body that is being changed: JSON.
    pub body: Option<&'a str>,
}

/// The head of upstream's answer, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub status: u16,
    pub headers: &'a HeaderMap,
}

/// Where a text stands, and so what it may name.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'s> {
    pub side: Side,
    /// Whether there is a JSON body to look into.
    pub body: bool,
    /// What some path of the route has a parameter for.
    pub captures: &'s [&'s str],
}

/// A value on its way.
#[derive(Debug, PartialEq)]
pub(super) enum Found<'a> {
    Text(Cow<'a, str>),
    /// A JSON text.
    Json(Cow<'a, str>),
}

macro_rules! known {
    ($( $variable:ident $name:literal $doc:literal, )+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Known { $( $variable, )+ }

        impl Known {
            const fn name(self) -> &'static str { match self { $( Self::$variable => $name, )+ } }

            fn named(name: &str) -> Option<Self> { match name { $( $name => Some(Self::$variable), )+ _ => None } }
        }

        const VARIABLES: &[(&str, &str)] = &[
            $( ($name, $doc), )+
            ("request.header.NAME", "The client's header NAME; several lines of it joined by commas."),
            ("request.query.NAME", "The client's first query parameter NAME, decoded."),
            ("path.NAME", "What `{NAME}` of the route's path stands for, decoded; `path.rest` is what `/*` stands for."),
            ("claims.NAME", "The claim NAME of the verified token: text as text, anything else as JSON."),
            ("response.header.NAME", "Upstream's header NAME. Only under `response`."),
            ("body/POINTER", "What the JSON pointer finds in the body as it came. Only in the body's own changes."),
        ];
    };
}

known! {
    RequestId "request.id" "The ID of the request, as in the log.",
    RequestMethod "request.method" "The request's method.",
    RequestHost "request.host" "The host that was asked for: lower case, without port.",
    RequestPath "request.path" "The path that was asked for, in its normal form, without the query.",
    ClientAddress "client.address" "The client's address, as far as `trustedProxies` vouch for it.",
    RouteName "route.name" "The name of the route.",
    ConsumerId "consumer.id" "The ID of the consumer; absent while nobody knows it.",
    PlanName "plan.name" "The name of the consumer's plan; absent without one.",
    TimeNow "time.now" "The time (RFC 3339, UTC).",
    ResponseStatus "response.status" "Upstream's status, a number. Only under `response`.",
}

/// Every variable of a transformation with its line for the reference page.
#[must_use]
pub const fn variables() -> &'static [(&'static str, &'static str)] {
    VARIABLES
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Known(Known),
    Header(HeaderName),
    Query(Box<str>),
    Capture(Box<str>),
    Claim(Box<str>),
    AnswerHeader(HeaderName),
    Body(Pointer),
}

/// Why a name stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableFault {
    name: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Unknown,
    /// Upstream has not answered yet.
    NotAnswered,
    /// No body is looked into here.
    NoBody,
    /// No path of the route has it; these are there.
    NoCapture(Vec<String>),
    Pointer(PointerFault),
}

impl VariableFault {
    fn new(name: &str, problem: Problem) -> Self {
        Self { name: name.to_owned(), problem }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn help(&self) -> String {
        match &self.problem {
            Problem::Unknown => {
                let known = VARIABLES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                match nearest(&self.name) {
                    Some(nearest) => format!("did you mean `{nearest}`? Known are {known}"),
                    None => format!("known are {known}"),
                }
            }
            Problem::NotAnswered => "use it under `response`".to_owned(),
            Problem::NoBody => "use it under `body`: heads are sent before any body is read".to_owned(),
            Problem::NoCapture(known) if known.is_empty() => {
                "name a segment in `paths`, as in `/orders/{id}`; what `/*` matches is `path.rest`".to_owned()
            }
            Problem::NoCapture(known) => format!("its paths have {}", known.join(", ")),
            Problem::Pointer(fault) => fault.help(),
        }
    }
}

impl fmt::Display for VariableFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.problem {
            Problem::Unknown => write!(formatter, "unknown variable `{name}`"),
            Problem::NotAnswered => write!(formatter, "`{name}` is not known before upstream has answered"),
            Problem::NoBody => write!(formatter, "`{name}` looks into a body, and there is none here"),
            Problem::NoCapture(_) => write!(formatter, "no path of the route has the parameter that `{name}` names"),
            Problem::Pointer(fault) => write!(formatter, "`{name}`: {fault}"),
        }
    }
}

/// The known name with the fewest edits, if they are few.
fn nearest(name: &str) -> Option<&'static str> {
    let few = (name.len() / 3).max(2);
    let known = VARIABLES.iter().map(|(known, _)| (strsim::osa_distance(name, known), *known));
    known.min_by_key(|(distance, _)| *distance).filter(|(distance, _)| *distance <= few).map(|(_, known)| known)
}

impl Variable {
    pub(super) fn named(name: &str, scope: &Scope<'_>) -> Result<Self, VariableFault> {
        let fault = |problem| VariableFault::new(name, problem);
        let field = |name: &str| HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault(Problem::Unknown));
        let some = |rest: &str| if rest.is_empty() { Err(fault(Problem::Unknown)) } else { Ok(Box::from(rest)) };
        let variable = if let Some(known) = Known::named(name) {
            Self::Known(known)
        } else if let Some(rest) = name.strip_prefix("request.header.") {
            Self::Header(field(rest)?)
        } else if let Some(rest) = name.strip_prefix("request.query.") {
            Self::Query(some(rest)?)
        } else if let Some(rest) = name.strip_prefix("path.") {
            Self::Capture(some(rest)?)
        } else if let Some(rest) = name.strip_prefix("claims.") {
            Self::Claim(some(rest)?)
        } else if let Some(rest) = name.strip_prefix("response.header.") {
            Self::AnswerHeader(field(rest)?)
        } else if let Some(pointer) = name.strip_prefix("body").filter(|pointer| pointer.starts_with('/')) {
            Self::Body(Pointer::parse(pointer).map_err(|found| fault(Problem::Pointer(found)))?)
        } else {
            return Err(fault(Problem::Unknown));
        };
        match &variable {
            Self::Known(Known::ResponseStatus) | Self::AnswerHeader(_) if scope.side == Side::Request => {
                Err(fault(Problem::NotAnswered))
            }
            Self::Body(_) if !scope.body => Err(fault(Problem::NoBody)),
            Self::Capture(capture) if !scope.captures.contains(&&**capture) => {
                let known = scope.captures.iter().map(|capture| format!("`path.{capture}`")).collect();
                Err(fault(Problem::NoCapture(known)))
            }
            Self::Known(_)
            | Self::Header(_)
            | Self::Query(_)
            | Self::Capture(_)
            | Self::Claim(_)
            | Self::AnswerHeader(_)
            | Self::Body(_) => Ok(variable),
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Known(known) => known.name().to_owned(),
            Self::Header(name) => format!("request.header.{name}"),
            Self::Query(name) => format!("request.query.{name}"),
            Self::Capture(name) => format!("path.{name}"),
            Self::Claim(name) => format!("claims.{name}"),
            Self::AnswerHeader(name) => format!("response.header.{name}"),
            Self::Body(pointer) => format!("body{}", pointer.as_str()),
        }
    }

    pub(super) const fn is_capture(&self) -> bool {
        matches!(self, Self::Capture(_))
    }

    /// None: it is absent.
    pub(super) fn value<'a>(&self, facts: &Facts<'a>) -> Option<Found<'a>> {
        match self {
            Self::Known(known) => known.value(facts),
            Self::Header(name) => joined(facts.headers, name).map(Found::Text),
            Self::Query(name) => decoded::parameter(facts.query?, name).map(Found::Text),
            Self::Capture(name) => decoded::percent_decoded(facts.captures?.get(name)?).map(Found::Text),
            Self::Claim(name) => match facts.identity.token.as_ref()?.claim(name)? {
                Value::Null => None,
                Value::String(text) => Some(Found::Text(Cow::Borrowed(text))),
                other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                    Some(Found::Json(Cow::Owned(other.to_string())))
                }
            },
            Self::AnswerHeader(name) => joined(facts.answer?.headers, name).map(Found::Text),
            Self::Body(pointer) => {
                json::look_up(facts.body?, pointer).filter(|found| *found != "null").map(Cow::Borrowed).map(Found::Json)
            }
        }
    }
}

impl Known {
    fn value<'a>(self, facts: &Facts<'a>) -> Option<Found<'a>> {
        let text = match self {
            Self::RequestId => facts.request_id,
            Self::RequestMethod => facts.method,
            Self::RequestHost => facts.host,
            Self::RequestPath => facts.path,
            Self::ClientAddress => return Some(Found::Text(Cow::Owned(facts.client.to_string()))),
            Self::RouteName => facts.route_name,
            Self::ConsumerId => facts.identity.consumer_id()?,
            Self::PlanName => &facts.identity.plan.as_ref()?.name,
            Self::TimeNow => {
                return Some(Found::Text(Cow::Owned(Rfc3339::from_unix_seconds(facts.now_unix_s).as_str().to_owned())));
            }
            Self::ResponseStatus => return Some(Found::Json(Cow::Owned(facts.answer?.status.to_string()))),
        };
        Some(Found::Text(Cow::Borrowed(text)))
    }
}

/// All lines of a field as one (RFC 9110, 5.3); those of Cookie by semicolons (RFC 6265, 5.4). None too where one is not ASCII.
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?.to_str().ok()?;
    let mut whole = Cow::Borrowed(first);
    let between = if *name == header::COOKIE { "; " } else { ", " };
    for line in lines {
        let line = line.to_str().ok()?;
        let text = whole.to_mut();
        text.push_str(between);
        text.push_str(line);
    }
    Some(whole)
}

impl<'a> Found<'a> {
    /// As it stands in a field or within a text. None for a JSON string that is none in Unicode.
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(json) if json.starts_with('"') => json::decoded(&json).map(Cow::into_owned).map(Cow::Owned),
            Self::Json(json) => Some(json),
        }
    }

    /// As it stands in a JSON document.
    pub(super) fn push_json(&self, out: &mut String) {
        match self {
            Self::Text(text) => json::push_string(text, out),
            Self::Json(json) => out.push_str(json),
        }
    }
}
