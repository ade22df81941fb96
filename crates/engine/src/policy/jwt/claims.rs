//! What a genuine token says, held against the provider's rules (RFC 7519, 4.1; RFC 8725, 3.8 to 3.10). A claim of the wrong type
//! is refused, never taken for absent.

use super::exam::{Check, Examiner, Facts};
use super::rules::{ClaimRule, ClaimTest, ConsumerClaim, ProviderRules};
use super::shown;
use crate::denial::Denial;
use crate::identity::find_claim;
use crate::names::Name;
use crate::policy::jwks::json::type_name;
use crate::reason::Reason;
use limits::clock::Now;
use serde_json::{Map, Value};

/// The longest name of a consumer or plan, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// `exp` and `nbf` in whole seconds, rounded towards refusal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) expires_unix_s: Option<u64>,
    pub(super) not_before_unix_s: Option<u64>,
}

impl Times {
    pub(super) fn read(
        claims: &Map<String, Value>,
        rules: &ProviderRules,
        now: Now,
        asks: &mut impl Examiner,
    ) -> Result<Self, Denial> {
        let skew_s = rules.clock_skew_s;
        let facts = |check, name, expected: String| Facts::new(check, expected, time_found(claims, name, now));
        let since = |seconds| format!("{} (now, skew {skew_s} s)", shown::instant(seconds));
        let late = || format!("after {}", since(now.unix_seconds().saturating_sub(skew_s)));
        let expected = || if rules.require_expiry { late() } else { format!("{}, or none", late()) };
        let expires = asks.ask(
            || facts(Check::Expiry, "exp", expected()),
            || {
                let expires = expiry(claims, rules)?;
                check_expiry(expires, skew_s, now).map(|()| expires)
            },
        )?;
        let early = || format!("{} or before, or none", since(now.unix_seconds().saturating_add(skew_s)));
        let not_before = asks.ask(
            || facts(Check::NotBefore, "nbf", early()),
            || {
                let not_before = not_before(claims)?;
                check_not_before(not_before, skew_s, now).map(|()| not_before)
            },
        )?;
        let any = "a number of seconds since 1970, or none; not held against the clock";
        asks.ask(|| facts(Check::IssuedAt, "iat", any.to_owned()), || issued_at(claims))?;
        Ok(Self { expires_unix_s: expires.flatten(), not_before_unix_s: not_before.flatten() })
    }

    /// On every request. Allocates nothing for a token that is valid.
    pub(super) fn check(self, clock_skew_s: u64, now: Now) -> Result<(), Denial> {
        check_expiry(self.expires_unix_s, clock_skew_s, now)?;
        check_not_before(self.not_before_unix_s, clock_skew_s, now)
    }
}

fn expiry(claims: &Map<String, Value>, rules: &ProviderRules) -> Result<Option<u64>, Denial> {
    let expires = numeric_date(claims, "exp", f64::floor).map_err(|text| deny(Reason::TokenExpired, text))?;
    if expires.is_none() && rules.require_expiry {
        return Err(deny(Reason::ClaimMissing, "exp is absent, and the provider requires it".to_owned()));
    }
    Ok(expires)
}

fn not_before(claims: &Map<String, Value>) -> Result<Option<u64>, Denial> {
    numeric_date(claims, "nbf", f64::ceil).map_err(|text| deny(Reason::TokenNotYetValid, text))
}

/// Not of a time in the future: it says when, not from when on (RFC 7519, 4.1.6).
pub(super) fn issued_at(claims: &Map<String, Value>) -> Result<Option<u64>, Denial> {
    numeric_date(claims, "iat", f64::floor).map_err(|text| deny(Reason::ClaimMismatch, text))
}

fn check_expiry(expires: Option<u64>, clock_skew_s: u64, now: Now) -> Result<(), Denial> {
    let now = now.unix_seconds();
    if let Some(expires) = expires
        && now >= expires.saturating_add(clock_skew_s)
    {
        let ago = now.saturating_sub(expires);
        let text = format!("exp {} has passed {ago} s ago, skew {clock_skew_s} s", shown::instant(expires));
        return Err(deny(Reason::TokenExpired, text));
    }
    Ok(())
}

fn check_not_before(not_before: Option<u64>, clock_skew_s: u64, now: Now) -> Result<(), Denial> {
    let now = now.unix_seconds();
    if let Some(not_before) = not_before
        && now.saturating_add(clock_skew_s) < not_before
    {
        let ahead = not_before.saturating_sub(now);
        let text = format!("nbf {} is {ahead} s ahead, skew {clock_skew_s} s", shown::instant(not_before));
        return Err(deny(Reason::TokenNotYetValid, text));
    }
    Ok(())
}

fn time_found(claims: &Map<String, Value>, name: &str, now: Now) -> String {
    match numeric_date(claims, name, f64::floor) {
        Ok(Some(seconds)) => shown::time(seconds, now),
        Ok(None) => "absent".to_owned(),
        Err(text) => text,
    }
}

/// Everything that does not depend on the time.
pub(super) fn check(
    claims: &Map<String, Value>,
    rules: &ProviderRules,
    asks: &mut impl Examiner,
) -> Result<(), Denial> {
    let found = |name: &str| find_claim(claims, name).map_or_else(|| "absent".to_owned(), shown::value);
    let issuer = || rules.issuer.as_deref().map_or_else(|| "anything".to_owned(), shown::text);
    asks.ask(
        || Facts::new(Check::Issuer, issuer(), found("iss")),
        || rules.issuer.as_ref().map_or(Ok(()), |issuer| check_issuer(claims.get("iss"), issuer)),
    )?;
    let audiences = || if rules.audiences.is_empty() { "anything".to_owned() } else { one_of(&rules.audiences) };
    asks.ask(
        || Facts::new(Check::Audience, audiences(), found("aud")),
        || if rules.audiences.is_empty() { Ok(()) } else { check_audience(claims.get("aud"), &rules.audiences) },
    )?;
    for rule in &rules.claims {
        let facts = || Facts::new(Check::Claim(rule.name.clone()), expectation(&rule.test), found(&rule.name));
        asks.ask(facts, || check_rule(claims, rule))?;
    }
    Ok(())
}

/// Whose token it is, and which plan it names.
pub(super) fn holder(
    claims: &Map<String, Value>,
    rules: &ProviderRules,
    asks: &mut impl Examiner,
) -> Result<(Option<Name>, Option<Name>), Denial> {
    let found = |name: &str| find_claim(claims, name).map_or_else(|| "absent".to_owned(), shown::value);
    let (claim, expected) = match &rules.consumer_claim {
        ConsumerClaim::Required(claim) => (claim, "a name"),
        ConsumerClaim::IfPresent(claim) => (claim, "a name, or none"),
    };
    let facts = || Facts::new(Check::Consumer, format!("{expected}, in claim {}", shown::text(claim)), found(claim));
    let consumer = asks.ask(facts, || consumer(claims, &rules.consumer_claim))?;
    let Some(claim) = &rules.plan_claim else { return Ok((consumer.flatten(), None)) };
    let facts = || Facts::new(Check::Plan, format!("a name, or none, in claim {}", shown::text(claim)), found(claim));
    let plan = asks.ask(facts, || name(claims, claim))?;
    Ok((consumer.flatten(), plan.flatten()))
}

/// Whose token it is. None if nothing obliges the token to say.
fn consumer(claims: &Map<String, Value>, claim: &ConsumerClaim) -> Result<Option<Name>, Denial> {
    match claim {
        ConsumerClaim::IfPresent(claim) => name(claims, claim),
        ConsumerClaim::Required(claim) => name(claims, claim)?.map(Some).ok_or_else(|| {
            let text = format!("{} is absent, and the provider takes the consumer from it", shown::text(claim));
            deny(Reason::ClaimMissing, text)
        }),
    }
}

/// Consumer or plan: a name that can be shown in a header. None if the claim is absent.
fn name(claims: &Map<String, Value>, claim: &str) -> Result<Option<Name>, Denial> {
    let mismatch = |found: String| {
        let text =
            format!("{claim} has to be a string of 1 to {NAME_BYTES_MAX} visible ASCII characters, but is {found}");
        Err(deny(Reason::ClaimMismatch, text))
    };
    match find_claim(claims, claim) {
        None => Ok(None),
        Some(Value::String(name)) if fits_header(name) => Ok(Some(name.as_str().into())),
        Some(Value::String(name)) if name.len() > NAME_BYTES_MAX => mismatch(format!("one of {} bytes", name.len())),
        Some(other) => mismatch(shown::value(other)),
    }
}

/// `scope` before `scp`; either a string separated by spaces (RFC 8693, 4.2) or a list of strings.
pub(super) fn scopes(claims: &Map<String, Value>) -> Vec<Box<str>> {
    match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Value::String(list)) => list.split(' ').filter(|scope| !scope.is_empty()).map(Box::from).collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(Box::from).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    }
}

fn check_issuer(found: Option<&Value>, issuer: &str) -> Result<(), Denial> {
    match found {
        Some(Value::String(found)) if **found == *issuer => Ok(()),
        Some(other) => Err(deny(
            Reason::IssuerMismatch,
            format!("iss is {}, expected {}", shown::value(other), shown::text(issuer)),
        )),
        None => Err(deny(Reason::IssuerMismatch, format!("iss is absent, expected {}", shown::text(issuer)))),
    }
}

fn check_audience(found: Option<&Value>, audiences: &[Box<str>]) -> Result<(), Denial> {
    let ours = |found: &str| audiences.iter().any(|audience| **audience == *found);
    let what = match found {
        Some(Value::String(audience)) if ours(audience) => return Ok(()),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
            if list.iter().filter_map(Value::as_str).any(ours) {
                return Ok(());
            }
            shown::value(found.unwrap_or(&Value::Null))
        }
        Some(Value::Array(_)) => "a list with something else than strings".to_owned(),
        Some(value @ Value::String(_)) => shown::value(value),
        Some(value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_))) => {
            type_name(value).to_owned()
        }
        None => "absent".to_owned(),
    };
    Err(deny(Reason::AudienceMismatch, format!("aud is {what}, expected {}", one_of(audiences))))
}

fn one_of(audiences: &[Box<str>]) -> String {
    let list: Value = audiences.iter().map(|audience| Value::from(&**audience)).collect();
    format!("one of {}", shown::value(&list))
}

fn check_rule(claims: &Map<String, Value>, ClaimRule { name, test }: &ClaimRule) -> Result<(), Denial> {
    let missing = |what: &str| Err(deny(Reason::ClaimMissing, format!("claim {} is {what}", shown::text(name))));
    let Some(found) = find_claim(claims, name) else { return missing("absent") };
    let any = |meets: &dyn Fn(&Value) -> bool| match found {
        Value::Array(elements) => elements.iter().any(meets),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => meets(found),
    };
    let met = match test {
        ClaimTest::Required if found.is_null() => return missing("null"),
        ClaimTest::Required => true,
        ClaimTest::Equals(value) => equal(found, value),
        ClaimTest::AnyOf(values) => {
            let listed = |found: &Value| values.iter().any(|value| equal(found, value));
            listed(found) || any(&listed)
        }
        ClaimTest::Matches(pattern) => any(&|found| found.as_str().is_some_and(|text| pattern.is_match(text))),
    };
    if met {
        return Ok(());
    }
    let text = format!("claim {} is {}, expected {}", shown::text(name), shown::value(found), expectation(test));
    Err(deny(Reason::ClaimMismatch, text))
}

fn expectation(test: &ClaimTest) -> String {
    match test {
        ClaimTest::Required => "anything but null".to_owned(),
        ClaimTest::Equals(value) => shown::value(value),
        ClaimTest::AnyOf(values) => format!("one of {}", shown::value(&Value::Array(values.clone()))),
        ClaimTest::Matches(pattern) => format!("a string that matches {}", shown::text(pattern.as_str())),
    }
}

/// JSON knows no difference between 1 and 1.0.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

/// Fractions are allowed (RFC 7519, 2), what no clock can show is not.
fn numeric_date(claims: &Map<String, Value>, name: &str, round: fn(f64) -> f64) -> Result<Option<u64>, String> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let Value::Number(number) = value else {
        return Err(format!("{name} is {}, expected a number of seconds since 1970", type_name(value)));
    };
    if let Some(seconds) = number.as_u64() {
        return Ok(Some(seconds));
    }
    match number.as_f64() {
        Some(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(Some(whole(round(seconds)))),
        Some(_) | None => Err(format!("{name} is {number}, expected a number of seconds since 1970")),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller has rounded and excluded the negative; what is too large becomes the largest"
)]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

/// Spaces only inside: RFC 9110, 5.5.
fn fits_header(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !name.starts_with(' ')
        && !name.ends_with(' ')
}

pub(super) fn deny(reason: Reason, text: String) -> Denial {
    Denial::new(reason).because(text)
}
