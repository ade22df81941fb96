//! What a body may be, as far as the head tells: its length and its type. The count of what really arrives is [`Allowance`].

use crate::announced::Announced;
use crate::denial::{Denial, Detail};
use crate::media_type::ContentType;
use crate::names::PolicyId;
use crate::reason::Reason;
use crate::request::RequestHead;
use crate::trail::Mode;
use http::header;

#[cfg(test)]
mod tests;

/// A route's `body:`.
#[derive(Debug)]
pub struct Payload {
    pub policy: PolicyId,
    pub bytes_max: Option<u64>,
    /// Lower-case essences (`application/json`) or ranges (`image/*`); empty is any.
    pub content_types: Vec<Box<str>>,
    /// Whether a body may come without a type where `content_types` names some.
    pub type_missing: TypeMissing,
    /// 411 for a body without Content-Length.
    pub require_length: bool,
    pub mode: Mode,
}

/// What becomes of a body that does not say what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeMissing {
    Refuse,
    Allow,
}

impl Payload {
    pub fn check(&self, head: &RequestHead<'_>) -> Result<(), Denial> {
        match (Announced::of(head), self.bytes_max) {
            (Announced::None, _) => return Ok(()),
            (Announced::Length(length), Some(max)) if length > max => return Err(too_large(length, max)),
            (Announced::Unknown, _) if self.require_length => return Err(Denial::new(Reason::LengthRequired)),
            (Announced::Length(_) | Announced::Unknown, _) => {}
        }
        self.check_type(head)
    }

    /// What may still arrive, counted as it does.
    #[must_use]
    pub fn allowance(&self) -> Allowance {
        match self.mode {
            Mode::Enforce => Allowance { left: self.bytes_max, max: self.bytes_max, policy: Some(self.policy) },
            Mode::DryRun | Mode::Off => Allowance::unbounded(),
        }
    }

    fn check_type(&self, head: &RequestHead<'_>) -> Result<(), Denial> {
        if self.content_types.is_empty() {
            return Ok(());
        }
        let mut fields = head.headers.get_all(header::CONTENT_TYPE).iter();
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return match (self.type_missing, head.headers.contains_key(header::CONTENT_TYPE)) {
                (TypeMissing::Allow, false) => Ok(()),
                (TypeMissing::Refuse, false) => Err(self.unsupported(Reason::ContentTypeMissing)),
                (TypeMissing::Refuse | TypeMissing::Allow, true) => Err(self.unsupported(Reason::ContentTypeMalformed)),
            };
        };
        let Some(Ok(sent)) = field.to_str().ok().map(ContentType::parse) else {
            return Err(self.unsupported(Reason::ContentTypeMalformed));
        };
        if self.content_types.iter().any(|accepted| sent.is(accepted)) {
            return Ok(());
        }
        Err(self.unsupported(Reason::ContentTypeUnsupported))
    }

    fn unsupported(&self, reason: Reason) -> Denial {
        Denial::new(reason).with(Detail::Accept(self.content_types.join(", ").into()))
    }
}

fn too_large(length: u64, max: u64) -> Denial {
    Denial::new(Reason::BodyTooLarge).because(format!("{length} bytes announced, {max} allowed"))
}

/// How many bytes of a body may still arrive.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    left: Option<u64>,
    max: Option<u64>,
    policy: Option<PolicyId>,
}

impl Allowance {
    #[must_use]
    pub const fn unbounded() -> Self {
        Self { left: None, max: None, policy: None }
    }

    /// Counts from the beginning again: a request that is tried again sends its body again.
    pub const fn reset(&mut self) {
        self.left = self.max;
    }

    /// Counts `bytes` that have arrived.
    pub fn spend(&mut self, bytes: usize) -> Result<(), Denial> {
        let Some(left) = self.left else { return Ok(()) };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if let Some(left) = left.checked_sub(bytes) {
            self.left = Some(left);
            return Ok(());
        }
        let max = self.max.unwrap_or_default();
        let denial = Denial::new(Reason::BodyTooLarge).because(format!("more than {max} bytes arrived"));
        Err(match self.policy {
            Some(policy) => denial.by(policy),
            None => denial,
        })
    }
}
