//! What the operator says about errors, as the config hands it over.

use super::accept::MediaType;
use super::language::Language;
use crate::names::{PolicyId, RouteId};
use crate::reason::{Kind, Reason};
use crate::template::Template;
use http::{HeaderName, HeaderValue};

/// What a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    Kind(Kind),
    Reason(Reason),
    /// `4xx`, by the kind's own status.
    ClientErrors,
    /// `5xx`, by the kind's own status.
    ServerErrors,
    /// `*`.
    Any,
}

/// How exactly a selector meets a reason; the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Any,
    Class,
    Kind,
    Reason,
}

impl Selector {
    /// A kind before a reason of the same name. The founding document's names are known too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "*" => Some(Self::Any),
            "4xx" => Some(Self::ClientErrors),
            "5xx" => Some(Self::ServerErrors),
            "API_KEY_INVALID" => Some(Self::Kind(Kind::ApiKeyInvalid)),
            "API_KEY_FORBIDDEN" => Some(Self::Kind(Kind::ApiKeyForbidden)),
            "QUOTA_EXCEEDED" => Some(Self::Kind(Kind::QuotaExceeded)),
            "JWT_SIGNATURE_INVALID" => Some(Self::Kind(Kind::JwtSignatureInvalid)),
            "JWT_CLAIM_VALUE_INVALID" => Some(Self::Kind(Kind::JwtClaimValueInvalid)),
            "API_THROTTLING_LIMIT_REACHED" => Some(Self::Kind(Kind::ThrottlingLimitReached)),
            _ => Kind::named(text).map(Self::Kind).or_else(|| Reason::named(text).map(Self::Reason)),
        }
    }

    /// None if it is not for this reason.
    pub(super) fn rank(self, reason: Reason) -> Option<Rank> {
        let (matches, rank) = match self {
            Self::Reason(own) => (own == reason, Rank::Reason),
            Self::Kind(kind) => (kind == reason.kind(), Rank::Kind),
            Self::ClientErrors => ((400..500).contains(&reason.status()), Rank::Class),
            Self::ServerErrors => ((500..600).contains(&reason.status()), Rank::Class),
            Self::Any => (true, Rank::Any),
        };
        matches.then_some(rank)
    }
}

/// An error as the operator words it. What is `None` stays as it is by default.
#[derive(Clone, Debug)]
pub struct ErrorTemplate {
    pub on: Selector,
    /// Only for clients that accept this type; without it, for all that find nothing better.
    pub accept: Option<MediaType>,
    /// What its words are in: only for clients that ask for it (RFC 4647, 3.4); without it, for all that find nothing better.
    pub language: Option<Language>,
    /// 200 to 599.
    pub status: Option<u16>,
    /// For a body without it: [`ErrorRules::content_type`]. Without a body: the format of the default one.
    pub content_type: Option<HeaderValue>,
    /// They replace headers of the same name, of [`ErrorRules::headers`] as well as the gateway's own. Parsed with `Escape::Header`.
    /// One that has variables and turns out blank is left out, and so is one of [`super::is_reserved`].
    pub headers: Vec<(HeaderName, Template)>,
    /// Parsed with the escape of its content type.
    pub body: Option<Template>,
}

/// How much of the cause the client is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disclose {
    #[default]
    Kind,
    Reason,
}

/// The `errors` of the config, and those of its routes and throttles.
#[derive(Clone, Debug)]
pub struct ErrorRules {
    /// Of bodies that name none; its format is also the first choice for default bodies.
    pub content_type: HeaderValue,
    /// With a kind behind it, a page about that kind.
    pub help_url: Option<String>,
    pub disclose: Disclose,
    /// On every error.
    pub headers: Vec<(HeaderName, Template)>,
    pub templates: Vec<ErrorTemplate>,
    /// A list and the routes that have it; no route has two.
    pub routes: Vec<(Vec<RouteId>, Vec<ErrorTemplate>)>,
    /// A policy's own errors, for what this very policy refuses: before those of the route.
    pub policies: Vec<(PolicyId, ErrorTemplate)>,
}

impl Default for ErrorRules {
    fn default() -> Self {
        Self {
            content_type: HeaderValue::from_static("application/problem+json"),
            help_url: None,
            disclose: Disclose::Kind,
            headers: Vec::new(),
            templates: Vec::new(),
            routes: Vec::new(),
            policies: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Rank, Reason, Selector};

    #[test]
    fn selectors_are_named_like_what_they_select() {
        for kind in Kind::ALL {
            assert_eq!(Selector::parse(kind.code()), Some(Selector::Kind(*kind)));
        }
        for reason in Reason::ALL {
            let selector = Selector::parse(reason.code()).unwrap();
            assert!(selector.rank(*reason) >= Some(Rank::Kind), "{}", reason.code());
        }
        for (alias, kind) in [
            ("API_KEY_INVALID", Kind::ApiKeyInvalid),
            ("API_KEY_FORBIDDEN", Kind::ApiKeyForbidden),
            ("QUOTA_EXCEEDED", Kind::QuotaExceeded),
            ("JWT_SIGNATURE_INVALID", Kind::JwtSignatureInvalid),
            ("JWT_CLAIM_VALUE_INVALID", Kind::JwtClaimValueInvalid),
            ("API_THROTTLING_LIMIT_REACHED", Kind::ThrottlingLimitReached),
        ] {
            assert_eq!(Selector::parse(alias), Some(Selector::Kind(kind)));
        }
        for text in ["", "3xx", "4XX", "api_key", "Api_Key_Invalid", "404"] {
            assert_eq!(Selector::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_reason_is_in_one_class_at_most() {
        for reason in Reason::ALL {
            let client = Selector::ClientErrors.rank(*reason).is_some();
            let server = Selector::ServerErrors.rank(*reason).is_some();
            assert!(!(client && server), "{}", reason.code());
            // An auth service's redirect is a refusal, but no error.
            assert_eq!(client || server, reason.status() >= 400, "{}", reason.code());
            assert_eq!(Selector::Any.rank(*reason), Some(Rank::Any));
        }
    }
}
