//! `tollgate keys`: the keys that a running gateway verifies tokens with, and how their fetching stands.

use super::ask::Asked;
use super::{Failure, Outcome, output};
use crate::cli::ListFormat;
use crate::process::control::Question;
use crate::process::keys::{Fetched, Key, Keys, Provider, State};
use std::fmt::Write as _;
use std::path::Path;

/// No, if some provider has no key to verify anything with.
pub(crate) fn run(config: &Path, format: ListFormat) -> Result<Outcome, Failure> {
    let keys: Keys = Asked::new(config, &Question::Keys)?.line()?;
    match format {
        ListFormat::Text => output::result(text(&keys)),
        ListFormat::Json => {
            let json = serde_json::to_string_pretty(&keys).map_err(|error| Failure::Usage(error.to_string()))?;
            output::result_line(json);
        }
    }
    Ok(if keys.providers.iter().all(can_verify) { Outcome::Yes } else { Outcome::No })
}

fn can_verify(provider: &Provider) -> bool {
    let fetched = provider.fetched.as_ref().is_none_or(|fetched| fetched.serves);
    fetched || provider.keys.iter().any(|key| key.state == State::Config)
}

fn text(keys: &Keys) -> String {
    if keys.providers.is_empty() {
        return "the config has no jwtProviders\n".to_owned();
    }
    let mut out = String::new();
    for provider in &keys.providers {
        let _ = writeln!(out, "{}", provider.name);
        if let Some(fetched) = &provider.fetched {
            of_fetching(fetched, &mut out);
        }
        for key in &provider.keys {
            of_key(key, &mut out);
        }
    }
    out
}

fn of_fetching(fetched: &Fetched, out: &mut String) {
    let Fetched { from, serves, last, age_seconds, next_in_seconds, failure } = fetched;
    let _ = writeln!(out, "  from       {from}");
    let _ = match (last, age_seconds) {
        (Some(last), Some(age)) => writeln!(out, "  fetched    {last}, {} ago", span(*age)),
        (_, _) => writeln!(out, "  fetched    never"),
    };
    if let Some(failure) = failure {
        let _ = writeln!(out, "  failing    {} times since {}: {}", failure.times, failure.since, failure.why);
    }
    let _ = match next_in_seconds {
        Some(wait) => writeln!(out, "  next       in {}", span(*wait)),
        None => writeln!(out, "  next       now"),
    };
    if !serves {
        let _ = writeln!(out, "  NOT SERVING: tokens that need these keys get 503");
    }
}

fn of_key(key: &Key, out: &mut String) {
    let Key { kid, kind, algorithm, thumbprint, state, first_seen, last_seen } = key;
    // A kid is the provider's own text.
    let kid = kid.as_ref().map_or_else(|| "(no kid)".to_owned(), |kid| format!("{}", kid.escape_debug()));
    let algorithm = algorithm.as_deref().unwrap_or(kind);
    let thumbprint = thumbprint.as_deref().unwrap_or("-");
    let _ = write!(out, "  {:<9}  {kid}  {algorithm}  {thumbprint}", state.word());
    if let (Some(first), Some(last)) = (first_seen, last_seen) {
        let _ = write!(out, "  seen {first} to {last}");
    }
    out.push('\n');
}

/// In the two largest units.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{days}d{hours}h")
    } else if hours > 0 {
        format!("{hours}h{minutes}m")
    } else if minutes > 0 {
        format!("{minutes}m{}s", seconds % 60)
    } else {
        format!("{seconds}s")
    }
}
