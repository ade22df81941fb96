//! Who hears what each check of a token says. The gateway stops at the first refusal and pays for no sentence; `tollgate token`
//! wants every check, with what was expected and what was found. Both run the same checks in the same order.

use crate::denial::Denial;
use std::fmt;

/// The checks of a token, in the order in which they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    Size,
    Structure,
    Header,
    Critical,
    KeyName,
    Algorithm,
    Encoding,
    AlgorithmAllowed,
    Key,
    Signature,
    Payload,
    Expiry,
    NotBefore,
    IssuedAt,
    Issuer,
    Audience,
    /// One of the provider's claim rules.
    Claim(Box<str>),
    Consumer,
    Plan,
    Scopes,
    /// The plan that the token names is one of the config.
    PlanKnown,
    /// What the caller's plan opens.
    Access,
}

/// A check and what can be said about it, whatever it says itself.
#[derive(Clone, Debug)]
pub struct Facts {
    pub check: Check,
    pub expected: String,
    pub found: String,
}

impl Facts {
    pub(crate) fn new(check: Check, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check, expected: expected.into(), found: found.into() }
    }
}

/// What became of one check.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Pass,
    Refuse(Denial),
    /// There was nothing to ask: why.
    Unasked(&'static str),
}

/// One check with its answer.
#[derive(Clone, Debug)]
pub struct Finding {
    pub facts: Facts,
    pub answer: Answer,
}

/// Asks one check after the other.
pub(crate) trait Examiner {
    /// `None` when it was refused and the next check is to be asked all the same.
    fn ask<T>(
        &mut self,
        facts: impl FnOnce() -> Facts,
        check: impl FnOnce() -> Result<T, Denial>,
    ) -> Result<Option<T>, Denial>;

    /// A check that cannot be asked, as an earlier one left nothing to ask about.
    fn skip(&mut self, facts: impl FnOnce() -> Facts, why: &'static str);
}

/// The gateway's: the first refusal ends it.
pub(crate) struct FirstRefusal;

impl Examiner for FirstRefusal {
    fn ask<T>(
        &mut self,
        _facts: impl FnOnce() -> Facts,
        check: impl FnOnce() -> Result<T, Denial>,
    ) -> Result<Option<T>, Denial> {
        check().map(Some)
    }

    fn skip(&mut self, _facts: impl FnOnce() -> Facts, _why: &'static str) {}
}

/// Every check's answer. What one of them refused is refused, whatever the others say.
#[derive(Clone, Debug, Default)]
pub struct Exam {
    pub findings: Vec<Finding>,
}

impl Exam {
    /// The refusal that the gateway answers with: the first.
    #[must_use]
    pub fn refusal(&self) -> Option<&Denial> {
        self.findings.iter().find_map(|finding| match &finding.answer {
            Answer::Refuse(denial) => Some(denial),
            Answer::Pass | Answer::Unasked(_) => None,
        })
    }

    #[must_use]
    pub fn refusals(&self) -> usize {
        self.findings.iter().filter(|finding| matches!(finding.answer, Answer::Refuse(_))).count()
    }

    /// Whether anything could not be asked, so that "not refused" does not mean "accepted".
    #[must_use]
    pub fn left_out(&self) -> bool {
        self.findings.iter().any(|finding| matches!(finding.answer, Answer::Unasked(_)))
    }
}

impl Examiner for Exam {
    fn ask<T>(
        &mut self,
        facts: impl FnOnce() -> Facts,
        check: impl FnOnce() -> Result<T, Denial>,
    ) -> Result<Option<T>, Denial> {
        let (answer, value) = match check() {
            Ok(value) => (Answer::Pass, Some(value)),
            Err(denial) => (Answer::Refuse(denial), None),
        };
        self.findings.push(Finding { facts: facts(), answer });
        Ok(value)
    }

    fn skip(&mut self, facts: impl FnOnce() -> Facts, why: &'static str) {
        self.findings.push(Finding { facts: facts(), answer: Answer::Unasked(why) });
    }
}

impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Size => "size",
            Self::Structure => "structure",
            Self::Header => "header",
            Self::Critical => "crit",
            Self::KeyName => "kid",
            Self::Algorithm => "alg",
            Self::Encoding => "encoding",
            Self::AlgorithmAllowed => "alg allowed",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Payload => "payload",
            Self::Expiry => "exp",
            Self::NotBefore => "nbf",
            Self::IssuedAt => "iat",
            Self::Issuer => "iss",
            Self::Audience => "aud",
            Self::Claim(name) => return write!(out, "claim {}", super::shown::plain(name)),
            Self::Consumer => "consumer",
            Self::Plan => "plan",
            Self::Scopes => "scopes",
            Self::PlanKnown => "plan known",
            Self::Access => "access",
        })
    }
}
