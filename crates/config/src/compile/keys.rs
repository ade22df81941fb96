//! The keys of a provider: files, secrets and sets that are fetched, and which of them are unfit. Fetches nothing.

use engine::live::Live;
use engine::policy::jwks::{Algorithm, KeyFault, KeySet};
use engine::policy::jwt::{FetchedKeys, ProviderFault, ProviderKeys};

use super::desk::Desk;
use super::key_source::{self, Fetches, algorithm};
use crate::diagnostic::{Code, quoted};
use crate::raw;

/// All keys of a provider; each that is unfit is reported.
pub(super) fn compile(
    name: &str,
    raw: &raw::JwtProvider,
    pointer: &str,
    live: &Live,
    desk: &mut Desk<'_>,
) -> Option<ProviderKeys> {
    let mut sets = Vec::new();
    let mut sound = true;
    for (index, key) in raw.keys.iter().enumerate().filter(|(_, key)| key.jwks_url.is_none()) {
        let pointer = format!("{pointer}/keys/{index}");
        sound &= key_source::belongs(&pointer, desk);
        match key_set(key, raw, &pointer, desk) {
            Some(set) => sets.push(set),
            None => sound = false,
        }
    }
    if raw.keys.is_empty() && raw.discovery.is_none() {
        let help = "add `keys`, or `discovery: true` for those that the issuer publishes";
        desk.error(Code::MissingKey, pointer, format!("provider {} has no keys", quoted(name)), help);
        return None;
    }
    let source = key_source::compile(raw, pointer, desk);
    if !sound {
        return None;
    }
    let fetched = match source {
        Fetches::Mistaken => return None,
        Fetches::Nothing => None,
        Fetches::One(source) => {
            let remote = live.remote_keys(name, &source.place.identity());
            Some(FetchedKeys { source, remote })
        }
    };
    let fixed = if sets.is_empty() { None } else { Some(merged(sets, raw, pointer, desk)?) };
    Some(ProviderKeys { fixed, fetched })
}

fn merged(sets: Vec<KeySet>, raw: &raw::JwtProvider, pointer: &str, desk: &mut Desk<'_>) -> Option<KeySet> {
    match KeySet::merge(sets) {
        Ok(set) => Some(set),
        Err(fault) => {
            desk.error(Code::KeyMaterial, &at_fault(raw, &fault, pointer), fault.to_string(), fault.help());
            None
        }
    }
}

fn key_set(key: &raw::JwtKey, raw: &raw::JwtProvider, pointer: &str, desk: &mut Desk<'_>) -> Option<KeySet> {
    let (at, made) = match (&key.pem_file, &key.jwks_file, &key.secret) {
        (Some(named), _, _) => {
            let at = format!("{pointer}/pemFile");
            let bytes = desk.file(&at, named)?;
            (at, KeySet::from_pem(&bytes, key.kid.as_deref()))
        }
        (None, Some(named), _) => {
            let at = format!("{pointer}/jwksFile");
            let bytes = desk.file(&at, named)?;
            if key.kid.is_some() {
                let help = "remove it: the keys of a set bring their own";
                desk.error(Code::Choice, &format!("{pointer}/kid"), "`kid` has no meaning beside `jwksFile`", help);
                return None;
            }
            (at, KeySet::from_jwks(&bytes))
        }
        (None, None, secret) => {
            let secret = secret.as_deref().unwrap_or_default();
            let at = format!("{pointer}/secret");
            if !raw.algorithms.contains(&raw::Algorithm::HS256) {
                let help = "list `HS256` in `algorithms`, or give a public key instead of a secret";
                desk.error(
                    Code::KeyMaterial,
                    &at,
                    "a secret serves only HS256, which `algorithms` does not list",
                    help,
                );
                return None;
            }
            (at, KeySet::from_secret(secret.as_bytes(), key.kid.as_deref(), Algorithm::HS256))
        }
    };
    match made {
        Ok(set) => Some(set),
        Err(fault) => {
            desk.error(Code::KeyMaterial, &at, fault.to_string(), fault.help());
            None
        }
    }
}

/// Where the second of two keys with one `kid` stands if the config gives it, else the list.
fn at_fault(raw: &raw::JwtProvider, fault: &KeyFault, pointer: &str) -> String {
    let twice = (0..raw.keys.len()).rev().find(|at| {
        let kid = raw.keys.get(*at).and_then(|key| key.kid.as_deref());
        kid.is_some() && raw.keys.iter().take(*at).any(|earlier| earlier.kid.as_deref() == kid)
    });
    match (fault, twice) {
        (KeyFault::KidDuplicate { .. }, Some(at)) => format!("{pointer}/keys/{at}/kid"),
        (_, _) => format!("{pointer}/keys"),
    }
}

/// Where in `algorithms` the one at fault stands; nothing if it is the whole list.
pub(super) fn unserved(raw: &raw::JwtProvider, fault: &ProviderFault) -> String {
    let wanted = match fault {
        ProviderFault::NoAlgorithms => return String::new(),
        ProviderFault::SecretMixed { .. } | ProviderFault::SecretMissing | ProviderFault::SecretFetched => {
            Algorithm::HS256
        }
        ProviderFault::KeyMissing { algorithm, .. } => *algorithm,
    };
    let at = raw.algorithms.iter().position(|listed| algorithm(*listed) == wanted);
    at.map_or_else(String::new, |at| format!("/{at}"))
}
