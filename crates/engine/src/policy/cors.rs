//! Which pages of other origins may call, and what of the answer their scripts may read: the server's half of the CORS protocol
//! (Fetch, 3.2). A browser asks ahead (a preflight) before it sends what a form could not send; anything else it sends, and shows its
//! script the answer only where the answer says so.
//!
//! Knows one route's rule. Which route a preflight is about is for `chain` to say.

mod asked;
mod origin;
#[cfg(test)]
mod tests;

pub use asked::{NAMES_MAX, Preflight};
pub use origin::{Below, OriginFault, OriginPattern};

use crate::denial::Denial;
use crate::names::PolicyId;
use crate::reason::Reason;
use crate::reply::Reply;
use crate::trail::Mode;
use crate::vary;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::time::Duration;

/// Upstream's own, which never reach a client where the gateway answers for CORS.
static OF_ANSWERS: [HeaderName; 7] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    HeaderName::from_static("access-control-allow-private-network"),
];

/// What a preflight's answer depends on.
const ASKED: [&str; 3] = ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"];

const STAR: HeaderValue = HeaderValue::from_static("*");

/// A route's rule for pages of other origins. Never `*` together with credentials: the config refuses it.
#[derive(Debug)]
pub struct Cors {
    pub policy: PolicyId,
    pub mode: Mode,
    origins: Origins,
    methods: AllowMethods,
    methods_value: Option<HeaderValue>,
    headers: AllowHeaders,
    headers_value: Option<HeaderValue>,
    credentials: bool,
    max_age: Option<HeaderValue>,
    expose: Option<HeaderValue>,
    on_denied: OnDenied,
}

/// What [`Cors::new`] makes a rule of.
#[derive(Debug)]
pub struct CorsRules {
    pub origins: Vec<OriginPattern>,
    pub methods: AllowMethods,
    pub headers: AllowHeaders,
    /// The whole field, the gateway's own headers included.
    pub expose: Option<HeaderValue>,
    pub credentials: bool,
    /// None leaves it to the browser (5 seconds).
    pub max_age: Option<Duration>,
    pub on_denied: OnDenied,
}

/// Which methods a page may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowMethods {
    /// `*`
    Star,
    /// All that the route has, which is any: the one that is asked for is named.
    Asked,
    Listed(Vec<Method>),
}

/// Which headers of its own a page may send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowHeaders {
    /// `*`, which never covers Authorization (Fetch, 3.2.4).
    pub star: bool,
    pub listed: Vec<HeaderName>,
}

/// What becomes of a request, not a preflight, from an origin that is not permitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDenied {
    /// It goes on; the answer has no CORS headers, and the browser keeps it from the script.
    #[default]
    Forward,
    /// 403.
    Refuse,
}

/// What an answer is to the page that gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// The request itself.
    Request,
    /// It was refused for its origin, method or headers: nothing is permitted, whoever asks.
    Refused,
}

#[derive(Debug)]
enum Origins {
    Any,
    Listed {
        /// Sorted.
        exact: Vec<Box<str>>,
        below: Vec<Below>,
    },
}

impl Cors {
    #[must_use]
    pub fn new(policy: PolicyId, mode: Mode, rules: CorsRules) -> Self {
        let CorsRules { origins, methods, headers, expose, credentials, max_age, on_denied } = rules;
        let methods_value = match &methods {
            AllowMethods::Star => Some(STAR),
            AllowMethods::Asked => None,
            AllowMethods::Listed(methods) => list(methods.iter().map(Method::as_str)),
        };
        let star = headers.star.then_some("*");
        let headers_value = list(star.into_iter().chain(headers.listed.iter().map(HeaderName::as_str)));
        Self {
            policy,
            mode,
            origins: Origins::of(origins),
            methods,
            methods_value,
            headers,
            headers_value,
            credentials,
            max_age: max_age.map(|age| HeaderValue::from(age.as_secs())),
            expose,
            on_denied,
        }
    }

    /// `cors_origin_denied`, `cors_method_denied` or `cors_header_denied`.
    pub fn check_preflight(&self, asked: &Preflight<'_>) -> Result<(), Denial> {
        if !asked.origin.is_some_and(|origin| self.origins.permit(origin)) {
            return Err(denied(asked.origin));
        }
        if !self.permits_method(&asked.method) {
            let text = format!("`allowMethods` does not have {}", asked.method);
            return Err(Denial::new(Reason::CorsMethodDenied).because(text));
        }
        let Some(names) = &asked.names else {
            let text = format!("Access-Control-Request-Headers is no list of at most {NAMES_MAX} header names");
            return Err(Denial::new(Reason::CorsHeaderDenied).because(text));
        };
        match names.iter().find(|name| !self.permits_header(name)) {
            None => Ok(()),
            Some(name) => {
                let star = if self.headers.star { ", and `*` does not cover it" } else { "" };
                let text = format!("`allowHeaders` does not have {name}{star}");
                Err(Denial::new(Reason::CorsHeaderDenied).because(text))
            }
        }
    }

    /// The answer to a preflight that [`Cors::check_preflight`] has nothing against. `narrow` permits what was asked for and nothing
    /// else: for where other requests to the same path could be another route's.
    #[must_use]
    pub fn permission(&self, asked: &Preflight<'_>, narrow: bool) -> Reply {
        let mut headers = Vec::with_capacity(6);
        if let Some(origin) = asked.origin {
            headers.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, self.origins.shown(origin)));
        }
        let of_asked = || HeaderValue::from_str(asked.method.as_str()).ok();
        if let Some(methods) = self.methods_value.clone().filter(|_| !narrow).or_else(of_asked) {
            headers.push((header::ACCESS_CONTROL_ALLOW_METHODS, methods));
        }
        let of_asked = || list(asked.names.iter().flatten().map(HeaderName::as_str));
        let names = if narrow { of_asked() } else { self.headers_value.clone() };
        if let Some(names) = names {
            headers.push((header::ACCESS_CONTROL_ALLOW_HEADERS, names));
        }
        if self.credentials {
            headers.push((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
        }
        if let Some(age) = &self.max_age {
            headers.push((header::ACCESS_CONTROL_MAX_AGE, age.clone()));
        }
        let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        headers.push((header::VARY, HeaderValue::from_static(vary)));
        Reply { status: StatusCode::NO_CONTENT.as_u16(), headers, body: Vec::new() }
    }

    /// A request, not a preflight. None where it has no Origin: then no browser asks for a page of another origin.
    #[must_use]
    pub fn check(&self, request: &HeaderMap) -> Option<Result<(), Denial>> {
        if !request.contains_key(header::ORIGIN) {
            return None;
        }
        let permitted = self.permitted(request);
        Some(match self.on_denied {
            OnDenied::Refuse if !permitted => Err(denied(asked::origin(request))),
            OnDenied::Refuse | OnDenied::Forward => Ok(()),
        })
    }

    /// Whether the request's origin is permitted; no request without one is.
    #[must_use]
    pub fn permitted(&self, request: &HeaderMap) -> bool {
        asked::origin(request).is_some_and(|origin| self.origins.permit(origin))
    }

    /// Puts the route's CORS headers in the place of whatever is there.
    pub fn edit(&self, answering: Answering, request: &HeaderMap, response: &mut HeaderMap) {
        match self.mode {
            Mode::Enforce => {}
            Mode::DryRun | Mode::Off => return,
        }
        for name in &OF_ANSWERS {
            response.remove(name);
        }
        let origin = match (answering, &self.origins) {
            (Answering::Refused, _) => {
                vary::add(response, &ASKED);
                return;
            }
            // The same for everybody, so nothing varies (Fetch, 3.2.5).
            (Answering::Request, Origins::Any) => STAR,
            (Answering::Request, Origins::Listed { .. }) => {
                vary::add(response, &["Origin"]);
                let origin = asked::origin(request).filter(|origin| self.origins.permit(origin));
                let Some(origin) = origin else { return };
                origin.clone()
            }
        };
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(expose) = &self.expose {
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }

    /// GET includes HEAD, as everywhere.
    fn permits_method(&self, method: &Method) -> bool {
        match &self.methods {
            AllowMethods::Star | AllowMethods::Asked => true,
            AllowMethods::Listed(methods) => {
                methods.contains(method) || (*method == Method::HEAD && methods.contains(&Method::GET))
            }
        }
    }

    fn permits_header(&self, name: &HeaderName) -> bool {
        (self.headers.star && *name != header::AUTHORIZATION) || self.headers.listed.contains(name)
    }
}

impl Origins {
    fn of(patterns: Vec<OriginPattern>) -> Self {
        let (mut exact, mut below) = (Vec::new(), Vec::new());
        for pattern in patterns {
            match pattern {
                OriginPattern::Any => return Self::Any,
                OriginPattern::Exact(origin) => exact.push(origin),
                OriginPattern::Below(pattern) => below.push(pattern),
            }
        }
        exact.sort_unstable();
        Self::Listed { exact, below }
    }

    fn permit(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Listed { exact, below } => origin.to_str().is_ok_and(|origin| {
                exact.binary_search_by(|known| (**known).cmp(origin)).is_ok()
                    || below.iter().any(|below| below.matches(origin))
            }),
        }
    }

    /// Of one that is permitted.
    fn shown(&self, origin: &HeaderValue) -> HeaderValue {
        match self {
            Self::Any => STAR,
            Self::Listed { .. } => origin.clone(),
        }
    }
}

fn denied(origin: Option<&HeaderValue>) -> Denial {
    let text = match origin.map(HeaderValue::to_str) {
        Some(Ok(origin)) => format!("`allowOrigins` does not have {}", shortened(origin)),
        Some(Err(_)) => "the Origin is not ASCII".to_owned(),
        None => "there are several Origins".to_owned(),
    };
    Denial::new(Reason::CorsOriginDenied).because(text)
}

/// Of an origin in the log.
const SHOWN_CHARS_MAX: usize = 256;

fn shortened(origin: &str) -> String {
    origin.chars().take(SHOWN_CHARS_MAX).collect()
}

/// None for an empty list.
fn list<'a>(items: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let text = items.collect::<Vec<_>>().join(", ");
    HeaderValue::from_str(&text).ok().filter(|_| !text.is_empty())
}
