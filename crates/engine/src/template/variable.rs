//! Which variables exist, what each means, and where its value comes from. The one list of them.

use crate::calendar::Rfc3339;
use crate::violation::Violation;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// What starts the name of a claim: `claims.sub`.
const CLAIM_PREFIX: &str = "claims.";
/// How the list of variables names all claims at once.
pub(super) const CLAIMS: &str = "claims.NAME";

/// What the variables stand for in one request. What is not known stays at its default and shows as an empty text, numbers as `0`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Values<'a> {
    pub request_id: &'a str,
    pub method: &'a str,
    pub host: &'a str,
    pub path: &'a str,
    pub error_kind: &'a str,
    /// Empty unless the rules disclose reasons.
    pub error_reason: &'a str,
    pub error_title: &'a str,
    pub error_detail: &'a str,
    pub error_status: u16,
    pub error_type: &'a str,
    /// Whole seconds, rounded up.
    pub retry_after_s: Option<u64>,
    pub allow: &'a str,
    pub accept: &'a str,
    pub scopes: &'a str,
    pub limit_name: &'a str,
    pub quota_limit: Option<u64>,
    pub quota_resets_unix_s: Option<u64>,
    pub route_name: &'a str,
    pub consumer_id: &'a str,
    pub plan_name: &'a str,
    pub policy_name: &'a str,
    pub now_unix_s: u64,
    /// Of the verified token, never of one that was refused.
    pub claims: Option<&'a Map<String, Value>>,
    /// What the request did wrong, one by one; none where that is not what it was refused for.
    pub errors: &'a [Violation],
}

/// A value on its way into a template.
pub(super) enum Shown<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Time(Rfc3339),
}

macro_rules! variables {
    ($( $variable:ident $name:literal $doc:literal, )+) => {
        /// A variable that every request has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Known { $( $variable, )+ }

        impl Known {
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$( Self::$variable, )+];

            pub(super) const fn name(self) -> &'static str { match self { $( Self::$variable => $name, )+ } }

            fn named(name: &str) -> Option<Self> {
                match name { $( $name => Some(Self::$variable), )+ _ => None }
            }
        }

        /// Every name with its line for the reference page; `claims.NAME` stands for all claims.
        pub(super) const VARIABLES: &[(&str, &str)] = &[
            $( ($name, $doc), )+
            (CLAIMS, "The claim NAME of the verified token: a scalar as text, anything else as compact JSON; empty without it."),
        ];
    };
}

variables! {
    RequestId "request.id" "The ID of the request, as in the log.",
    RequestMethod "request.method" "The request's method.",
    RequestHost "request.host" "The host that was asked for: lower case, without port.",
    RequestPath "request.path" "The request's path in its normal form, without the query.",
    ErrorKind "error.kind" "The kind of the error, such as `api_key_invalid`.",
    ErrorReason "error.reason" "The exact reason, such as `key_expired`; empty unless `errors.disclose` is `reason`.",
    ErrorTitle "error.title" "The kind in a few words.",
    ErrorDetail "error.detail" "One sentence for the caller.",
    ErrorStatus "error.status" "The status that is sent, a number.",
    ErrorType "error.type" "`errors.helpUrl` with the kind, or `about:blank`.",
    RetryAfter "retry.after" "Whole seconds until trying again is worth it, a number; 0 when nobody knows.",
    Allow "allow" "The methods that the resource supports, separated by commas (405).",
    Accept "accept" "The content types that the resource takes, separated by commas (415).",
    Scopes "scopes" "The scopes that the route asks for, separated by spaces (403).",
    LimitName "limit.name" "The name of the throttle or quota that is used up.",
    QuotaLimit "quota.limit" "How many requests the quota allows in a period, a number; 0 when no quota is concerned.",
    QuotaReset "quota.reset" "When the next period of the quota begins (RFC 3339); empty when no quota is concerned.",
    RouteName "route.name" "The name of the route; empty when none was found.",
    ConsumerId "consumer.id" "The ID of the consumer; empty while unknown.",
    PlanName "plan.name" "The name of the consumer's plan; empty without one.",
    PolicyName "policy.name" "The name of the policy that decided; empty when it was HTTP itself.",
    TimeNow "time.now" "The time (RFC 3339, UTC).",
}

/// What a section shows of one error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    In,
    Pointer,
    Message,
}

/// Their names with their lines for the reference page.
pub(super) const ITEMS: &[(&str, &str)] = &[
    ("in", "Where the error is: `body`, `path`, `query` or `header`."),
    ("pointer", "Where exactly: a JSON pointer (RFC 6901), empty for the whole; of a plain parameter its name."),
    ("message", "What was expected there. Never the value that was sent."),
];

impl Item {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "in" => Some(Self::In),
            "pointer" => Some(Self::Pointer),
            "message" => Some(Self::Message),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Pointer => "pointer",
            Self::Message => "message",
        }
    }

    fn value(self, violation: &Violation) -> &str {
        match self {
            Self::In => violation.place.code(),
            Self::Pointer => &violation.pointer,
            Self::Message => &violation.message,
        }
    }
}

/// What one `{{…}}` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Known(Known),
    Claim(Box<str>),
    /// Of the error that the section around it is at.
    Item(Item),
}

impl Variable {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name.strip_prefix(CLAIM_PREFIX) {
            Some("") => None,
            Some(claim) => Some(Self::Claim(claim.into())),
            None => Known::named(name).map(Self::Known),
        }
    }

    pub(super) fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Known(known) => Cow::Borrowed(known.name()),
            Self::Claim(claim) => Cow::Owned(format!("{CLAIM_PREFIX}{claim}")),
            Self::Item(item) => Cow::Borrowed(item.name()),
        }
    }

    /// Whether it is about an error, so that it stands for nothing in an answer that is none.
    pub(super) const fn is_of_an_error(&self) -> bool {
        match self {
            Self::Known(known) => known.is_of_an_error(),
            Self::Claim(_) => false,
            Self::Item(_) => true,
        }
    }

    pub(super) fn claim(&self) -> Option<&str> {
        match self {
            Self::Known(_) | Self::Item(_) => None,
            Self::Claim(claim) => Some(claim),
        }
    }

    /// Always digits, so that it may stand in JSON without quotes.
    pub(super) const fn is_number(&self) -> bool {
        matches!(self, Self::Known(Known::ErrorStatus | Known::RetryAfter | Known::QuotaLimit))
    }

    /// `error` is the one that the section is at.
    pub(super) fn value<'a>(&self, values: &Values<'a>, error: Option<&'a Violation>) -> Shown<'a> {
        match self {
            Self::Known(known) => known.value(values),
            Self::Item(item) => Shown::Text(error.map_or_else(Cow::default, |error| item.value(error).into())),
            Self::Claim(name) => {
                Shown::Text(values.claims.and_then(|claims| claims.get(&**name)).map_or_else(Cow::default, claim))
            }
        }
    }
}

impl Known {
    const fn is_of_an_error(self) -> bool {
        match self {
            Self::ErrorKind
            | Self::ErrorReason
            | Self::ErrorTitle
            | Self::ErrorDetail
            | Self::ErrorStatus
            | Self::ErrorType
            | Self::RetryAfter
            | Self::Allow
            | Self::Accept
            | Self::Scopes
            | Self::LimitName
            | Self::QuotaLimit
            | Self::QuotaReset
            | Self::PolicyName => true,
            Self::RequestId
            | Self::RequestMethod
            | Self::RequestHost
            | Self::RequestPath
            | Self::RouteName
            | Self::ConsumerId
            | Self::PlanName
            | Self::TimeNow => false,
        }
    }

    fn value<'a>(self, values: &Values<'a>) -> Shown<'a> {
        let text = match self {
            Self::ErrorStatus => return Shown::Number(values.error_status.into()),
            Self::RetryAfter => return Shown::Number(values.retry_after_s.unwrap_or_default()),
            Self::QuotaLimit => return Shown::Number(values.quota_limit.unwrap_or_default()),
            Self::TimeNow => return Shown::Time(Rfc3339::from_unix_seconds(values.now_unix_s)),
            Self::QuotaReset => match values.quota_resets_unix_s {
                Some(resets) => return Shown::Time(Rfc3339::from_unix_seconds(resets)),
                None => "",
            },
            Self::RequestId => values.request_id,
            Self::RequestMethod => values.method,
            Self::RequestHost => values.host,
            Self::RequestPath => values.path,
            Self::ErrorKind => values.error_kind,
            Self::ErrorReason => values.error_reason,
            Self::ErrorTitle => values.error_title,
            Self::ErrorDetail => values.error_detail,
            Self::ErrorType => values.error_type,
            Self::Allow => values.allow,
            Self::Accept => values.accept,
            Self::Scopes => values.scopes,
            Self::LimitName => values.limit_name,
            Self::RouteName => values.route_name,
            Self::ConsumerId => values.consumer_id,
            Self::PlanName => values.plan_name,
            Self::PolicyName => values.policy_name,
        };
        Shown::Text(Cow::Borrowed(text))
    }
}

fn claim(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Cow::Owned(value.to_string())
        }
    }
}
