//! Where a provider's keys are fetched from: `jwksUrl` of one entry, or `discovery`.

use engine::policy::jwks::Algorithm;
use engine::policy::jwks::source::{KeyPlace, KeySource, ReadyWhen};
use engine::policy::jwks::url::{KeyUrl, UrlFault};

use super::desk::Desk;
use super::upstreams;
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw;
use crate::text::Duration;

/// Keys of an entry that only say something beside `jwksUrl`.
const OF_FETCHING: [&str; 6] = ["refresh", "staleFor", "refetchInterval", "timeout", "caFile", "gatesReadiness"];

/// False, and reported, if an entry that is not fetched says how it is to be.
pub(super) fn belongs(pointer: &str, desk: &mut Desk<'_>) -> bool {
    let mut sound = true;
    for key in OF_FETCHING {
        let at = format!("{pointer}/{key}");
        if desk.has(&at) {
            let place = desk.key_place(&at);
            let message = format!("{} has no meaning without `jwksUrl`", quoted(key));
            let help = "remove it: it says how a key set is fetched";
            desk.push(Diagnostic::error(Code::Choice, place, message).help(help));
            sound = false;
        }
    }
    sound
}

/// What a provider fetches.
pub(super) enum Fetches {
    Nothing,
    One(KeySource),
    /// What is said of it is wrong, and was reported.
    Mistaken,
}

pub(super) fn compile(raw: &raw::JwtProvider, pointer: &str, desk: &mut Desk<'_>) -> Fetches {
    let mut places = Vec::new();
    if raw.discovery.is_some() {
        places.push(format!("{pointer}/discovery"));
    }
    for (index, key) in raw.keys.iter().enumerate() {
        if key.jwks_url.is_some() {
            places.push(format!("{pointer}/keys/{index}/jwksUrl"));
        }
    }
    if let [first, second, ..] = places.as_slice() {
        let (first, second) = (desk.key_place(first), desk.key_place(second));
        let message = "a provider fetches one key set, and this would be a second one";
        let help = "keep the one that its tokens are signed with; two issuers are two providers, and a route takes `any` of them";
        desk.push(Diagnostic::error(Code::Choice, second, message).help(help).note(first, "the other one is here"));
        return Fetches::Mistaken;
    }
    let settings = match (&raw.discovery, raw.keys.iter().find(|key| key.jwks_url.is_some())) {
        (Some(discovery), _) => Settings::of_discovery(&discovery.0, pointer),
        (None, Some(key)) => Settings::of_key(key, places.first().map_or(pointer, String::as_str)),
        (None, None) => return Fetches::Nothing,
    };
    let place = match &raw.discovery {
        Some(_) => of_issuer(raw, &settings.pointer, desk),
        None => of_url(raw, &settings.pointer, desk),
    };
    let authorities = settings.authorities(desk);
    match place.zip(authorities) {
        None => Fetches::Mistaken,
        Some((place, authorities)) => Fetches::One(KeySource {
            place,
            refresh: settings.refresh.as_std(),
            stale_for: settings.stale_for.as_std(),
            refetch_interval: settings.refetch_interval.as_std(),
            timeout: settings.timeout.as_std(),
            authorities,
            ready: if settings.gates_readiness { ReadyWhen::Fetched } else { ReadyWhen::Listening },
            algorithms: raw.algorithms.iter().map(|algorithm| self::algorithm(*algorithm)).collect(),
        }),
    }
}

/// The bounds of fetching, wherever they were written.
struct Settings<'r> {
    /// What they belong to.
    pointer: String,
    refresh: Duration,
    stale_for: Duration,
    refetch_interval: Duration,
    timeout: Duration,
    ca_file: Option<&'r str>,
    gates_readiness: bool,
}

impl<'r> Settings<'r> {
    fn of_discovery(raw: &'r raw::DiscoveryDetails, pointer: &str) -> Self {
        let raw::DiscoveryDetails { refresh, stale_for, refetch_interval, timeout, ca_file, gates_readiness } = raw;
        Self {
            pointer: format!("{pointer}/discovery"),
            refresh: *refresh,
            stale_for: *stale_for,
            refetch_interval: *refetch_interval,
            timeout: *timeout,
            ca_file: ca_file.as_deref(),
            gates_readiness: *gates_readiness,
        }
    }

    fn of_key(raw: &'r raw::JwtKey, url_pointer: &str) -> Self {
        Self {
            pointer: url_pointer.trim_end_matches("/jwksUrl").to_owned(),
            refresh: raw.refresh,
            stale_for: raw.stale_for,
            refetch_interval: raw.refetch_interval,
            timeout: raw.timeout,
            ca_file: raw.ca_file.as_deref(),
            gates_readiness: raw.gates_readiness,
        }
    }

    /// In DER; none if the file is unfit.
    fn authorities(&self, desk: &mut Desk<'_>) -> Option<Vec<Vec<u8>>> {
        match self.ca_file {
            None => Some(Vec::new()),
            Some(named) => upstreams::authorities(&format!("{}/caFile", self.pointer), named, desk),
        }
    }
}

fn of_url(raw: &raw::JwtProvider, pointer: &str, desk: &mut Desk<'_>) -> Option<KeyPlace> {
    let key = raw.keys.iter().find(|key| key.jwks_url.is_some())?;
    if key.kid.is_some() {
        let help = "remove it: the keys of a set bring their own";
        desk.error(Code::Choice, &format!("{pointer}/kid"), "`kid` has no meaning beside `jwksUrl`", help);
    }
    match KeyUrl::parse(key.jwks_url.as_deref()?) {
        Ok(url) => key.kid.is_none().then_some(KeyPlace::Url(url)),
        Err(fault) => {
            unfit(fault, "this cannot be fetched", &format!("{pointer}/jwksUrl"), desk);
            None
        }
    }
}

fn of_issuer(raw: &raw::JwtProvider, pointer: &str, desk: &mut Desk<'_>) -> Option<KeyPlace> {
    let Some(issuer) = &raw.issuer else {
        let help = "set `issuer`: its metadata is what names the keys";
        desk.error(Code::MissingKey, pointer, "`discovery` takes an `issuer`, and the provider has none", help);
        return None;
    };
    match KeyUrl::issuer(issuer) {
        Ok(url) => Some(KeyPlace::Issuer { issuer: issuer.as_str().into(), url }),
        Err(fault) => {
            let at = format!("{}/issuer", pointer.trim_end_matches("/discovery"));
            unfit(fault, "this issuer cannot be asked for its metadata", &at, desk);
            None
        }
    }
}

fn unfit(fault: UrlFault, what: &str, pointer: &str, desk: &mut Desk<'_>) {
    desk.error(Code::MalformedValue, pointer, format!("{what}: {fault}"), fault.help());
}

pub(super) const fn algorithm(raw: raw::Algorithm) -> Algorithm {
    match raw {
        raw::Algorithm::RS256 => Algorithm::RS256,
        raw::Algorithm::RS384 => Algorithm::RS384,
        raw::Algorithm::RS512 => Algorithm::RS512,
        raw::Algorithm::PS256 => Algorithm::PS256,
        raw::Algorithm::ES256 => Algorithm::ES256,
        raw::Algorithm::ES384 => Algorithm::ES384,
        raw::Algorithm::EdDsa => Algorithm::EdDSA,
        raw::Algorithm::HS256 => Algorithm::HS256,
    }
}
