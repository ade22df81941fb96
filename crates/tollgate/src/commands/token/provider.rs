//! Which provider a token belongs to, and why it does not belong to the others. Asks the engine for every judgement.

use super::Failure;
use crate::cli::Token;
use engine::chain::{Asked, Examined, examine_token};
use engine::names::RouteId;
use engine::policy::jwks::KeySet;
use engine::policy::jwt::{Provider, Unproven};
use engine::rules::Auth;
use engine::snapshot::Snapshot;
use limits::clock::Now;
use serde_json::Value;

/// A token held against the provider that fits it best.
pub(super) struct Judged {
    pub(super) provider: String,
    /// Why this one.
    pub(super) why: String,
    /// The others by name, and why they are not asked.
    pub(super) others: Vec<(String, String)>,
    pub(super) examined: Examined,
    pub(super) clock_skew_s: u64,
    pub(super) notes: Vec<String>,
}

/// A provider that may be asked, with the scopes that the route wants from it.
struct Candidate<'a> {
    provider: &'a Provider,
    scopes: Vec<Box<str>>,
}

pub(super) fn judge(
    snapshot: &Snapshot,
    arguments: &Token,
    token: &str,
    decoded: Option<&Unproven>,
    at: Now,
) -> Result<Judged, Failure> {
    let keys = arguments.jwks.as_deref().map(key_set).transpose()?;
    let route = arguments.route.as_deref().map(|name| route(snapshot, name)).transpose()?;
    let candidates = candidates(snapshot, arguments, route)?;
    let issuer = decoded.and_then(|decoded| decoded.claims.as_ref().ok()?.get("iss"));
    let mut tried: Vec<(&Candidate<'_>, Examined)> = candidates
        .iter()
        .map(|candidate| {
            let Candidate { provider, scopes } = candidate;
            let asked = Asked { provider, keys: keys.as_ref(), scopes, route };
            (candidate, examine_token(snapshot, asked, token, at))
        })
        .collect();
    // The issuer before the number of refusals; the order of the config among equals.
    tried.sort_by_key(|(candidate, examined)| (!candidate.provider.issues(issuer), examined.exam.refusals()));
    let mut tried = tried.into_iter();
    let Some((chosen, examined)) = tried.next() else {
        return Err(Failure::Usage("the config has no jwtProviders to hold the token against".into()));
    };
    let provider = chosen.provider;
    let mut others: Vec<(String, String)> =
        tried.map(|(other, examined)| (other.provider.name().to_string(), why_not(other, &examined, issuer))).collect();
    let asked = |other: &Provider| candidates.iter().any(|candidate| candidate.provider.name() == other.name());
    for other in snapshot.providers.iter().filter(|other| !asked(other)) {
        let why = if route.is_some() { "the route does not ask for it" } else { "another one was named" };
        others.push((other.name().to_string(), why.to_owned()));
    }
    let mut notes = Vec::new();
    if keys.is_some() {
        notes.push(
            "the signature is held against the key set of --jwks, not against the provider's own keys".to_owned(),
        );
    }
    if differs_by_slash(provider, issuer) {
        notes.push("the issuers differ by the slash at the end alone; they have to be equal".to_owned());
    }
    Ok(Judged {
        why: why(provider, arguments, issuer),
        provider: provider.name().to_string(),
        others,
        examined,
        clock_skew_s: provider.clock_skew_s(),
        notes,
    })
}

fn why(provider: &Provider, arguments: &Token, issuer: Option<&Value>) -> String {
    if arguments.provider.is_some() {
        return "as asked".to_owned();
    }
    match (provider.issues(issuer), provider.issuer(), issuer) {
        (true, Some(ours), _) => format!("its issuer is {ours:?}"),
        (true, None, _) => "it accepts any issuer".to_owned(),
        (false, _, _) if arguments.route.is_some() => "the route asks for it".to_owned(),
        (false, _, None) => "the token says no issuer; this one refuses least".to_owned(),
        (false, _, Some(_)) => "no provider has the token's issuer; this one refuses least".to_owned(),
    }
}

/// The most frequent mistake of all.
fn differs_by_slash(provider: &Provider, issuer: Option<&Value>) -> bool {
    let (Some(ours), Some(Value::String(found))) = (provider.issuer(), issuer) else { return false };
    *found != *ours && found.trim_end_matches('/') == ours.trim_end_matches('/')
}

fn why_not(other: &Candidate<'_>, examined: &Examined, issuer: Option<&Value>) -> String {
    match (other.provider.issues(issuer), other.provider.issuer(), examined.exam.refusal()) {
        (false, Some(issuer), _) => format!("its issuer is {issuer:?}"),
        (_, _, Some(denial)) => format!("it would refuse with {}", denial.reason.code()),
        (_, _, None) => "it would accept the token too".to_owned(),
    }
}

fn candidates<'a>(
    snapshot: &'a Snapshot,
    arguments: &Token,
    route: Option<RouteId>,
) -> Result<Vec<Candidate<'a>>, Failure> {
    let words = arguments.scopes.iter().flat_map(|scopes| scopes.split_whitespace());
    let scopes: Vec<Box<str>> = words.map(Box::from).collect();
    if let Some(name) = &arguments.provider {
        let Some(provider) = snapshot.providers.iter().find(|provider| **provider.name() == **name) else {
            return Err(unknown("provider", name, snapshot.providers.iter().map(|provider| &**provider.name())));
        };
        return Ok(vec![Candidate { provider, scopes }]);
    }
    let Some(route) = route.and_then(|id| snapshot.route(id)) else {
        let all = snapshot.providers.iter();
        return Ok(all.map(|provider| Candidate { provider, scopes: scopes.clone() }).collect());
    };
    let mut found = Vec::new();
    asked_by(&route.rules.auth, &mut |provider, wanted: &[Box<str>]| {
        if let Some(provider) = snapshot.providers.get(provider) {
            let scopes = wanted.iter().chain(&scopes).cloned().collect();
            found.push(Candidate { provider, scopes });
        }
    });
    if found.is_empty() {
        return Err(Failure::Usage(format!("route {} asks for no token", route.name)));
    }
    Ok(found)
}

fn asked_by(auth: &Auth, tell: &mut impl FnMut(usize, &[Box<str>])) {
    match auth {
        Auth::Open | Auth::ApiKey | Auth::Basic | Auth::Forward(_) => {}
        Auth::Jwt { provider, scopes } => tell(*provider, scopes),
        Auth::Any(ways) | Auth::All(ways) => ways.iter().for_each(|way| asked_by(way, tell)),
    }
}

fn route(snapshot: &Snapshot, name: &str) -> Result<RouteId, Failure> {
    let at = snapshot.routes.iter().position(|route| *route.name == *name);
    match at.and_then(|at| u32::try_from(at).ok()) {
        Some(at) => Ok(RouteId(at)),
        None => Err(unknown("route", name, snapshot.routes.iter().map(|route| &*route.name))),
    }
}

fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str> + Clone) -> Failure {
    let help = match config::closest(name, known.clone()) {
        Some(closest) => format!("did you mean {closest}?"),
        None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
    };
    Failure::Usage(format!("the config has no {what} {name}: {help}"))
}

fn key_set(path: &std::path::Path) -> Result<KeySet, Failure> {
    let shown = path.display().to_string();
    let json = std::fs::read(path).map_err(|source| Failure::Read { path: shown.clone(), source })?;
    KeySet::from_jwks(&json).map_err(|fault| Failure::Usage(format!("{shown}: {fault}")))
}
