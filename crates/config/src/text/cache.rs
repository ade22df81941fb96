//! `max-age=60, public`: what a Cache-Control field says to caches (RFC 9111, 5.2.2).

use super::{Fault, Text, text_type};
use crate::similar;

/// Directives of a response, as they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheDirectives {
    value: http::HeaderValue,
    /// In lower case.
    names: Vec<String>,
}

/// What stands behind the name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Argument {
    None,
    Seconds,
    /// A quoted list of field names, or nothing.
    MaybeFields,
}

/// RFC 9111, RFC 5861 and RFC 8246.
const KNOWN: &[(&str, Argument)] = &[
    ("max-age", Argument::Seconds),
    ("s-maxage", Argument::Seconds),
    ("stale-while-revalidate", Argument::Seconds),
    ("stale-if-error", Argument::Seconds),
    ("no-cache", Argument::MaybeFields),
    ("private", Argument::MaybeFields),
    ("no-store", Argument::None),
    ("no-transform", Argument::None),
    ("must-revalidate", Argument::None),
    ("must-understand", Argument::None),
    ("proxy-revalidate", Argument::None),
    ("public", Argument::None),
    ("immutable", Argument::None),
];

impl CacheDirectives {
    #[must_use]
    pub const fn value(&self) -> &http::HeaderValue {
        &self.value
    }

    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}

impl Text for CacheDirectives {
    const FORMAT: &'static str = "tollgate-cache-control";
    const WHAT: &'static str = "cache directives such as `public, max-age=60`";
    const PATTERN: Option<&'static str> = Some("^[A-Za-z]");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "write directives with commas between them, as in `public, max-age=60`";
        let value = http::HeaderValue::from_str(text.trim()).map_err(|_| Fault::new("is no header value", help))?;
        let mut names: Vec<String> = Vec::new();
        for directive in split(text) {
            let name = one(directive.trim(), help)?;
            if names.contains(&name) {
                return Err(Fault::new(format!("has `{name}` twice"), "say each directive once"));
            }
            names.push(name);
        }
        let directives = Self { value, names };
        if directives.has("public") && directives.has("private") {
            return Err(Fault::new("is both `public` and `private`", "keep one of the two"));
        }
        Ok(directives)
    }
}

/// At the commas outside of quotes.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

fn one(directive: &str, help: &str) -> Result<String, Fault> {
    let (name, argument) = match directive.split_once('=') {
        Some((name, argument)) => (name, Some(argument)),
        None => (directive, None),
    };
    let is_token =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !is_token {
        return Err(Fault::new(
            if directive.is_empty() { "has an empty directive" } else { "is no list of directives" },
            help,
        ));
    }
    let name = name.to_ascii_lowercase();
    let Some((_, wanted)) = KNOWN.iter().find(|(known, _)| *known == name) else {
        // Caches ignore what they do not know (5.2.3), so a slip would do nothing and say nothing.
        return match similar::closest(&name, KNOWN.iter().map(|(known, _)| *known)) {
            Some(near) => {
                Err(Fault::new(format!("has the unknown directive `{name}`"), format!("did you mean `{near}`?")))
            }
            None => Ok(name),
        };
    };
    let is_number =
        argument.is_some_and(|text| !text.is_empty() && text.len() < 11 && text.bytes().all(|b| b.is_ascii_digit()));
    let is_quoted = argument.is_some_and(|text| text.len() > 2 && text.starts_with('"') && text.ends_with('"'));
    match wanted {
        Argument::Seconds if !is_number => {
            Err(Fault::new(format!("has no seconds in `{name}`"), format!("write whole seconds: `{name}=60`")))
        }
        Argument::None if argument.is_some() => {
            Err(Fault::new(format!("has a value in `{name}`"), format!("write `{name}` alone")))
        }
        Argument::MaybeFields if argument.is_some() && !is_quoted => {
            Err(Fault::new(format!("has no quoted field names in `{name}`"), format!("write `{name}` alone")))
        }
        Argument::Seconds | Argument::None | Argument::MaybeFields => Ok(name),
    }
}

text_type!(CacheDirectives, "What Cache-Control says (RFC 9111).", "public, max-age=60", "no-store");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_those_of_responses() {
        let good = |text: &str| assert_eq!(CacheDirectives::read(text).unwrap().value(), text, "{text}");
        good("no-store");
        good("public, max-age=60, stale-while-revalidate=30");
        good("Private, No-Cache=\"Set-Cookie, X-A\"");
        good("max-age=60, x-own=1");
        let bad = |text: &str, part: &str| {
            let fault = CacheDirectives::read(text).unwrap_err();
            assert!(format!("{} | {}", fault.what, fault.help).contains(part), "{text}: {fault:?}");
        };
        bad("", "empty directive");
        bad("no-store,", "empty directive");
        bad("max-age=60; public", "no seconds");
        bad("max-age 60", "no list");
        bad("max-age", "`max-age=60`");
        bad("max-age=1h", "`max-age=60`");
        bad("maxage=60", "did you mean `max-age`?");
        bad("nostore", "did you mean `no-store`?");
        bad("no-store=1", "write `no-store` alone");
        bad("private=x", "quoted field names");
        bad("max-age=1, max-age=2", "twice");
        bad("public, private", "both");
    }
}
