//! The headers that errors have: the operator's, and those that HTTP asks the gateway for. Not those of rate limits and CORS, which
//! successes have too.

use crate::denial::{Denial, Detail};
use crate::reason::{Kind, Reason};
use crate::template::{Template, Values};
use crate::vary;
use http::header::{self, HeaderName, HeaderValue};
use std::time::Duration;

pub(super) const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Headers that only the writer of a response sets; a template that has one is without it, and the config says so.
#[must_use]
pub fn is_reserved(name: &HeaderName) -> bool {
    const RESERVED: [&str; 9] = [
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    RESERVED.contains(&name.as_str())
}

/// A header of a template.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: HeaderName,
    value: LineValue,
}

#[derive(Clone, Debug)]
enum LineValue {
    Fixed(HeaderValue),
    Filled(Template),
}

impl Line {
    /// None for a reserved one.
    pub(super) fn new((name, template): (HeaderName, Template)) -> Option<Self> {
        if is_reserved(&name) {
            return None;
        }
        let fixed = template.literal().and_then(|text| HeaderValue::from_str(text.trim()).ok());
        Some(Self { name, value: fixed.map_or(LineValue::Filled(template), LineValue::Fixed) })
    }

    pub(super) fn is_among(&self, lines: &[Self]) -> bool {
        lines.iter().any(|line| line.name == self.name)
    }

    /// None when all of its variables turn out empty and nothing is left.
    pub(super) fn value(&self, values: &Values) -> Option<HeaderValue> {
        match &self.value {
            LineValue::Fixed(value) => Some(value.clone()),
            LineValue::Filled(template) => {
                let mut text = Vec::new();
                template.render(values, &mut text);
                let text = text.trim_ascii();
                if text.is_empty() { None } else { HeaderValue::from_bytes(text).ok() }
            }
        }
    }
}

/// Which of the request's fields a reply depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Varies {
    pub(super) accept: bool,
    pub(super) language: bool,
}

impl Varies {
    pub(super) const fn and(self, other: Self) -> Self {
        Self { accept: self.accept || other.accept, language: self.language || other.language }
    }

    /// Says so, and keeps what the operator has said there.
    pub(super) fn tell(self, headers: &mut Vec<(HeaderName, HeaderValue)>) {
        let (names, usual) = match (self.accept, self.language) {
            (false, false) => return,
            (true, false) => (&["Accept"][..], HeaderValue::from_static("Accept")),
            (false, true) => (&["Accept-Language"][..], HeaderValue::from_static("Accept-Language")),
            (true, true) => (&["Accept", "Accept-Language"][..], HeaderValue::from_static("Accept, Accept-Language")),
        };
        let is_vary = |(name, _): &(HeaderName, HeaderValue)| *name == header::VARY;
        if !headers.iter().any(is_vary) {
            headers.push((header::VARY, usual));
            return;
        }
        let lines = || headers.iter().filter(|line| is_vary(line)).map(|(_, value)| value);
        if let Some(value) = vary::extended(lines, names) {
            headers.retain(|line| !is_vary(line));
            headers.push((header::VARY, value));
        }
    }
}

/// `Retry-After` in whole seconds: coming back then works, and it is never "at once".
pub(super) fn seconds(wait: Duration) -> u64 {
    let part = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(part).max(1)
}

/// `Allow` for 405, `Accept` or `Accept-Encoding` for 415 (RFC 9110, 15.5.6 and 15.5.16).
pub(super) fn alternatives(denial: &Denial, status: u16) -> Option<(HeaderName, HeaderValue)> {
    if denial.reason == Reason::ContentCodingUnsupported && status == 415 {
        return Some((header::ACCEPT_ENCODING, HeaderValue::from_static(crate::coding::KNOWN)));
    }
    let (name, text) = match (&denial.detail, status) {
        (Detail::Allow(methods), 405) => (header::ALLOW, methods),
        (Detail::Accept(types), 415) => (header::ACCEPT, types),
        _ => return None,
    };
    HeaderValue::from_str(text).ok().map(|value| (name, value))
}

/// What a refusal by this reason says about credentials when it goes out as 401 (RFC 9110, 11.6.1; RFC 6750, 3). Every 401 has to name
/// a scheme, also one that the operator has made of something else.
pub(super) fn challenge(reason: Reason) -> HeaderValue {
    const API_KEY: HeaderValue = HeaderValue::from_static("ApiKey realm=\"tollgate\"");
    const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"tollgate\"");
    // RFC 7617, 2.1: passwords are read as UTF-8.
    const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"tollgate\", charset=\"UTF-8\"");
    match reason.kind() {
        // Of an auth service that names no scheme itself nothing is known but that it wants a sign-in.
        Kind::JwtMissing | Kind::ScopeInsufficient | Kind::JwksUnavailable | Kind::AuthRequired => BEARER,
        Kind::JwtMalformed | Kind::JwtSignatureInvalid | Kind::JwtClaimValueInvalid => {
            let description = quotable(reason.detail());
            let text =
                format!("Bearer realm=\"tollgate\", error=\"invalid_token\", error_description=\"{description}\"");
            HeaderValue::from_str(&text).unwrap_or(BEARER)
        }
        Kind::BasicMissing | Kind::BasicInvalid => BASIC,
        Kind::ApiKeyMissing
        | Kind::BasicBusy
        | Kind::AuthRedirected
        | Kind::AuthDenied
        | Kind::AuthServiceUnavailable
        | Kind::ApiKeyInvalid
        | Kind::ApiKeyForbidden
        | Kind::CorsOriginDenied
        | Kind::RouteGone
        | Kind::BadRequest
        | Kind::UriTooLong
        | Kind::HeadersTooLarge
        | Kind::RequestTimeout
        | Kind::ConnectionLimitReached
        | Kind::RouteNotFound
        | Kind::MethodNotAllowed
        | Kind::IpDenied
        | Kind::ThrottlingLimitReached
        | Kind::ConcurrencyLimitReached
        | Kind::QuotaExceeded
        | Kind::QuotaStoreUnavailable
        | Kind::LengthRequired
        | Kind::BodyTooLarge
        | Kind::ContentTypeUnsupported
        | Kind::BodyMalformed
        | Kind::RequestTransformFailed
        | Kind::ResponseTransformFailed
        | Kind::ParameterInvalid
        | Kind::BodySchemaMismatch
        | Kind::BodyBufferFull
        | Kind::UpstreamUnavailable
        | Kind::UpstreamConnectFailed
        | Kind::UpstreamTlsFailed
        | Kind::UpstreamReset
        | Kind::UpstreamProtocolError
        | Kind::UpstreamConnectTimeout
        | Kind::UpstreamTimeout
        | Kind::InternalError
        | Kind::ClientClosedRequest => API_KEY,
    }
}

/// RFC 6750, 3.1. Only when it is known which scopes would do.
pub(super) fn scope_challenge(denial: &Denial) -> Option<HeaderValue> {
    let Detail::Scopes(scopes) = &denial.detail else { return None };
    let scopes = quotable(scopes);
    let text = format!("Bearer realm=\"tollgate\", error=\"insufficient_scope\", scope=\"{scopes}\"");
    HeaderValue::from_str(&text).ok()
}

/// What may stand between double quotes in a challenge: RFC 6750 allows neither quote nor backslash.
fn quotable(text: &str) -> String {
    text.chars().filter(|character| matches!(character, ' '..='~') && !matches!(character, '"' | '\\')).collect()
}

/// RFC 9209, 2.3: what went wrong between us and the next hop. None for what the client did.
#[expect(clippy::too_many_lines, reason = "a line for each reason, and nothing else")]
pub(super) fn proxy_error(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::DnsFailed => Some("dns_error"),
        Reason::NoHealthyEndpoint => Some("destination_unavailable"),
        Reason::HostUnreachable => Some("destination_ip_unroutable"),
        Reason::ConnectionRefused => Some("connection_refused"),
        Reason::UpstreamReset => Some("connection_terminated"),
        Reason::UpstreamConnectTimeout => Some("connection_timeout"),
        Reason::IdleTimeout => Some("connection_read_timeout"),
        Reason::FirstByteTimeout | Reason::TotalTimeout => Some("http_response_timeout"),
        Reason::CertificateExpired | Reason::CertificateUntrusted | Reason::CertificateNameMismatch => {
            Some("tls_certificate_error")
        }
        Reason::HandshakeFailed => Some("tls_protocol_error"),
        Reason::UpstreamProtocolError => Some("http_protocol_error"),
        Reason::InternalError
        | Reason::QuotaStoreUnavailable
        | Reason::JwksUnavailable
        | Reason::BasicBusy
        | Reason::AuthServiceFailed
        | Reason::AuthServiceTimeout
        | Reason::AuthServiceBusy
        | Reason::BodyBufferFull
        // The answer was sound as HTTP: no word of the registry says what it lacked.
        | Reason::ResponseValueMissing
        | Reason::ResponseUnreadable => Some("proxy_internal_error"),
        // `connection_limit_reached` would speak of the connections to the next hop; these are the client's.
        Reason::ConnectionsExhausted | Reason::AddressConnectionsExhausted => Some("proxy_internal_response"),
        Reason::HeaderMalformed
        | Reason::FramingAmbiguous
        | Reason::PathMalformed
        | Reason::HostMissing
        | Reason::ProtocolViolated
        | Reason::UriTooLong
        | Reason::HeadersTooLarge
        | Reason::HeadTimeout
        | Reason::BodyTimeout
        | Reason::HostUnknown
        | Reason::PathUnknown
        | Reason::ConditionUnmet
        | Reason::MethodNotAllowed
        | Reason::ApiKeyMissing
        | Reason::KeyUnknown
        | Reason::KeyRevoked
        | Reason::KeyExpired
        | Reason::PlanExcludesRoute
        | Reason::ConsumerDisabled
        | Reason::JwtMissing
        | Reason::JwsUnreadable
        | Reason::CriticalHeaderUnsupported
        | Reason::TokenTooLarge
        | Reason::SignatureMismatch
        | Reason::SigningKeyUnknown
        | Reason::AlgorithmNotAllowed
        | Reason::TokenExpired
        | Reason::TokenNotYetValid
        | Reason::IssuerMismatch
        | Reason::AudienceMismatch
        | Reason::ClaimMissing
        | Reason::ClaimMismatch
        | Reason::ScopeInsufficient
        | Reason::IpDenied
        | Reason::CorsOriginDenied
        | Reason::CorsMethodDenied
        | Reason::CorsHeaderDenied
        | Reason::RouteGone
        | Reason::BasicMissing
        | Reason::BasicUnreadable
        | Reason::UserUnknown
        | Reason::PasswordMismatch
        | Reason::PasswordFailuresExceeded
        | Reason::AuthRequired
        | Reason::AuthRedirected
        | Reason::AuthDenied
        | Reason::ThrottlingLimitReached
        | Reason::ConcurrencyLimitReached
        | Reason::QuotaExceeded
        | Reason::LengthRequired
        | Reason::BodyTooLarge
        | Reason::ContentTypeUnsupported
        | Reason::DecompressedBodyTooLarge
        | Reason::ContentTypeMissing
        | Reason::ContentTypeMalformed
        | Reason::CharsetUnsupported
        | Reason::ContentCodingUnsupported
        | Reason::BodyMalformed
        | Reason::TransformValueMissing
        | Reason::TransformValueUnfit
        | Reason::TransformBodyUnreadable
        | Reason::ParameterMissing
        | Reason::ParameterMismatch
        | Reason::ParameterRepeated
        | Reason::ParameterUnknown
        | Reason::BodyMissing
        | Reason::ContentCodingBroken
        | Reason::JsonSyntax
        | Reason::JsonTrailing
        | Reason::JsonNotUtf8
        | Reason::JsonByteOrderMark
        | Reason::JsonDuplicateName
        | Reason::JsonTooDeep
        | Reason::JsonNumberOutOfRange
        | Reason::BodySchemaMismatch
        | Reason::ClientClosedRequest => None,
    }
}
