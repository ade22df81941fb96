//! `jwtProviders`, `apiKeys`, `identityHeaders`: rules, and the fields that tell upstream who calls.

use engine::credential::Location;
use engine::live::Live;
use engine::policy::jwks::KeySet;
use engine::policy::jwt::{ClaimRule, ClaimTest, ConsumerClaim, Provider, ProviderRules};
use engine::snapshot::ToldUpstream;
use http::{HeaderName, header};

use super::desk::Desk;
use super::{fields, key_source, keys};
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{self, RawConfig};
use crate::spans::deeper;

/// All providers in the order of their names; one that cannot be built is reported and left out.
pub(super) fn providers(raw: &RawConfig, live: &Live, desk: &mut Desk<'_>) -> Vec<Provider> {
    raw.jwt_providers.iter().filter_map(|(name, provider)| one(name, provider, live, desk)).collect()
}

fn one(name: &str, raw: &raw::JwtProvider, live: &Live, desk: &mut Desk<'_>) -> Option<Provider> {
    let pointer = deeper("/jwtProviders", name);
    let keys = keys::compile(name, raw, &pointer, live, desk)?;
    for note in keys.fixed.iter().flat_map(KeySet::notes) {
        let help = "remove the key from the set, or ignore this if nothing is signed with it";
        desk.warn(Code::KeyMaterial, &format!("{pointer}/keys"), note.to_string(), help);
    }
    let skew = raw.clock_skew.as_std();
    if skew.subsec_nanos() != 0 {
        let help = format!("write `{}s`", skew.as_secs().saturating_add(1));
        let message = "times of tokens are compared in whole seconds";
        desk.error(Code::OutOfRange, &format!("{pointer}/clockSkew"), message, help);
    }
    let rules = ProviderRules {
        issuer: raw.issuer.as_deref().map(Into::into),
        audiences: raw.audiences.iter().map(|audience| audience.as_str().into()).collect(),
        algorithms: raw.algorithms.iter().map(|algorithm| key_source::algorithm(*algorithm)).collect(),
        clock_skew_s: skew.as_secs(),
        require_expiry: raw.require_expiry,
        claims: raw.claims.iter().filter_map(claim).collect(),
        consumer_claim: raw
            .consumer_claim
            .as_deref()
            .map_or_else(|| ConsumerClaim::IfPresent("sub".into()), |claim| ConsumerClaim::Required(claim.into())),
        plan_claim: raw.plan_claim.as_deref().map(Into::into),
        location: location(raw.location.as_ref(), &header::AUTHORIZATION),
    };
    if raw.issuer.is_none() {
        let help = "set `issuer` to the `iss` of its tokens, so that a key that two issuers share opens nothing";
        desk.warn(Code::Unsafe, &pointer, format!("provider {} accepts tokens of any issuer", quoted(name)), help);
    }
    let cache = live.token_cache(name, usize::try_from(raw.token_cache).unwrap_or(usize::MAX));
    match Provider::new(name.into(), rules, keys, cache, &live.keyer) {
        Ok(provider) => Some(provider),
        Err(fault) => {
            let at = format!("{pointer}/algorithms{}", keys::unserved(raw, &fault));
            desk.error(Code::KeyMaterial, &at, fault.to_string(), fault.help());
            None
        }
    }
}

/// The schema has seen to it that one of the four is given.
fn claim(raw: &raw::ClaimRule) -> Option<ClaimRule> {
    let test = match (&raw.equals, &raw.any_of, &raw.matches) {
        (Some(value), _, _) => ClaimTest::Equals(value.0.clone()),
        (None, Some(values), _) => ClaimTest::AnyOf(values.iter().map(|value| value.0.clone()).collect()),
        (None, None, Some(pattern)) => ClaimTest::Matches(pattern.get().clone()),
        (None, None, None) => raw.required.map(|_| ClaimTest::Required)?,
    };
    Some(ClaimRule { name: raw.name.as_str().into(), test })
}

/// Where a credential is, or the usual header.
pub(super) fn location(raw: Option<&raw::Location>, usual: &HeaderName) -> Location {
    match raw.map(|location| (&location.header, &location.cookie, &location.query)) {
        Some((Some(name), _, _)) => Location::Header(name.get().clone()),
        Some((None, Some(name), _)) => Location::Cookie(name.clone()),
        Some((None, None, Some(name))) => Location::Query(name.clone()),
        Some((None, None, None)) | None => Location::Header(usual.clone()),
    }
}

/// The fields that tell upstream who calls, each with one meaning.
pub(super) fn told(raw: &RawConfig, desk: &mut Desk<'_>) -> ToldUpstream {
    let headers = &raw.identity_headers;
    let mut named: Vec<(String, HeaderName)> = Vec::new();
    let plain = [("consumer", &headers.consumer), ("plan", &headers.plan)];
    for (key, name) in plain {
        if let Some(name) = name {
            named.push((format!("/identityHeaders/{key}"), name.get().clone()));
        }
    }
    for (claim, name) in &headers.claims {
        named.push((deeper("/identityHeaders/claims", claim), name.get().clone()));
    }
    for (index, (pointer, name)) in named.iter().enumerate() {
        if let Some(meaning) = fields::meaning_in(name, raw) {
            let help = "name a field that nothing else uses, such as `X-Consumer-ID`";
            let message = format!("{} {} and cannot carry an identity", quoted(name.as_str()), meaning.words());
            desk.error(Code::Choice, pointer, message, help);
        }
        if let Some((earlier, _)) = named.iter().take(index).find(|(_, other)| fields::are_one(other, name)) {
            let (place, first) = (desk.place(pointer), desk.place(earlier));
            let message = format!("{} would carry two values", quoted(name.as_str()));
            let diagnostic = Diagnostic::error(Code::DuplicateName, place, message);
            desk.push(diagnostic.help("give each value a header of its own").note(first, "the other one is here"));
        }
    }
    unsayable(raw, desk);
    let get = |name: &Option<crate::text::HeaderName>| name.as_ref().map(|name| name.get().clone());
    ToldUpstream {
        consumer: get(&headers.consumer),
        plan: get(&headers.plan),
        claims: headers.claims.iter().map(|(claim, name)| (claim.as_str().into(), name.get().clone())).collect(),
        vouched: super::auth_services::told(raw, desk),
    }
}

/// A name that no field can carry would make the gateway refuse who bears it.
fn unsayable(raw: &RawConfig, desk: &mut Desk<'_>) {
    let headers = &raw.identity_headers;
    let consumers =
        raw.consumers.iter().enumerate().map(|(index, consumer)| (format!("/consumers/{index}/id"), &consumer.id));
    let plans = raw.plans.keys().map(|name| (deeper("/plans", name), name));
    let told =
        [("consumer", &headers.consumer, consumers.collect::<Vec<_>>()), ("plan", &headers.plan, plans.collect())];
    for (what, header, names) in told {
        let Some(header) = header else { continue };
        for (pointer, name) in names.into_iter().filter(|(_, name)| !ToldUpstream::can_say(name)) {
            let header = quoted(header.get().as_str());
            let message = format!("{what} {} cannot stand in the header {header} of `identityHeaders`", quoted(name));
            let help = "name it with letters, digits and signs of ASCII, with spaces only within it";
            let place = if what == "plan" { desk.key_place(&pointer) } else { desk.place(&pointer) };
            desk.push(Diagnostic::error(Code::MalformedValue, place, message).help(help));
        }
    }
}
