//! The facts behind a refusal as one sentence, for the operator: what `explain`, `token` and the list of denials show.

use super::{Denial, Detail};
use crate::calendar::Rfc3339;

impl Denial {
    /// None where the reason says it all. May hold what the client sent: whoever shows it on a terminal escapes it.
    #[must_use]
    pub fn facts(&self) -> Option<String> {
        match &self.detail {
            Detail::None => None,
            Detail::Text(text) => Some(text.to_string()),
            Detail::Allow(methods) => Some(format!("the methods here are {methods}")),
            Detail::Accept(types) => Some(format!("the types accepted here are {types}")),
            Detail::Scopes(scopes) => Some(format!("the route asks for the scopes {scopes}")),
            Detail::NoCredential => Some("neither an API key nor a token was sent".to_owned()),
            Detail::Passed(passed) => Some(format!("auth service {} answered {}", passed.service, passed.status)),
            Detail::Invalid(violations) => {
                Some(violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            }
            Detail::Throttle { limit } => Some(format!("throttle {limit} is used up")),
            Detail::CrowdedThrottle { limit } => {
                Some(format!("throttle {limit} is used up, counted together with others"))
            }
            Detail::Quota { limit, resets_unix_s } => Some(format!(
                "all {limit} requests of the period are used; it ends {}",
                Rfc3339::from_unix_seconds(*resets_unix_s)
            )),
        }
    }
}
