//! Words of Tollgate: what is counted by, which errors are meant, hashes, patterns, URLs.

use engine::reason::{Kind, Reason};
use engine::reply;

use super::{Fault, HeaderName, Text, text_type};
use crate::diagnostic::listed;
use crate::similar;

/// The largest program that a pattern may compile to, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// What a rate limit or a quota counts by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountingKey {
    ConsumerId,
    ApiKey,
    Ip,
    Token,
    /// One counter for all callers of the route.
    Route,
    Header(http::HeaderName),
    Claim(String),
}

const COUNTING_WORDS: &[&str] = &["consumerId", "apiKey", "ip", "token", "route"];

impl Text for CountingKey {
    const FORMAT: &'static str = "tollgate-counting-key";
    const WHAT: &'static str = "a name of what to count by, such as `consumerId`";
    const PATTERN: Option<&'static str> = Some("^(consumerId|apiKey|ip|token|route|header:.+|claim:.+)$");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "count by `consumerId`, `apiKey`, `ip`, `token`, `route`, `header:NAME` or `claim:NAME`";
        match text {
            "consumerId" => return Ok(Self::ConsumerId),
            "apiKey" => return Ok(Self::ApiKey),
            "ip" => return Ok(Self::Ip),
            "token" => return Ok(Self::Token),
            "route" => return Ok(Self::Route),
            _ => {}
        }
        match text.split_once(':') {
            Some(("header", name)) => match HeaderName::read(name.trim()) {
                Ok(name) => Ok(Self::Header(name.get().clone())),
                Err(fault) => Err(Fault::new(format!("names a header that {}", fault.what), fault.help)),
            },
            Some(("claim", "")) => Err(Fault::new("names no claim", "write `claim:sub`")),
            Some(("claim", name)) => Ok(Self::Claim(name.to_owned())),
            _ => {
                let near = match text {
                    "consumer" | "client" | "user" => Some("consumerId"),
                    "header" => Some("header:NAME"),
                    "claim" => Some("claim:NAME"),
                    _ => similar::closest(text, COUNTING_WORDS.iter().copied()),
                };
                let help = near.map_or_else(|| help.to_owned(), |near| format!("did you mean `{near}`? {help}"));
                Err(Fault::new("is nothing to count by", help))
            }
        }
    }
}

text_type!(
    CountingKey,
    "What to count by: consumerId, apiKey, ip, token, route, header:NAME or claim:NAME.",
    "consumerId",
    "header:X-Tenant",
    "claim:sub"
);

/// Which errors a template is for. More specific comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorSelector {
    Any,
    Client4xx,
    Server5xx,
    Kind(Kind),
    /// A reason that is not named like its kind.
    Reason(Reason),
}

impl Text for ErrorSelector {
    const FORMAT: &'static str = "tollgate-error-selector";
    const WHAT: &'static str = "a kind or reason of errors";
    const PATTERN: Option<&'static str> = Some("^([a-z_]+|[A-Z_]+|4xx|5xx|\\*)$");

    fn read(text: &str) -> Result<Self, Fault> {
        match text {
            "*" => return Ok(Self::Any),
            "4xx" => return Ok(Self::Client4xx),
            "5xx" => return Ok(Self::Server5xx),
            _ => {}
        }
        // The names of the founding document, as they stand in configs that are carried over.
        if let Some(reply::Selector::Kind(kind)) = reply::Selector::parse(text) {
            return Ok(Self::Kind(kind));
        }
        if let Some(kind) = Kind::named(text) {
            return Ok(Self::Kind(kind));
        }
        if let Some(reason) = Reason::named(text) {
            return Ok(Self::Reason(reason));
        }
        let known = Kind::ALL.iter().map(|kind| kind.code()).chain(Reason::ALL.iter().map(|reason| reason.code()));
        let help = "write a kind or a reason (`tollgate reasons` lists them), `4xx`, `5xx` or `\"*\"`";
        let near = similar::closest(text, known);
        let by_status = text.parse::<u16>().ok().map(|status| {
            let kinds = Kind::ALL.iter().filter(|kind| kind.status() == status).map(|kind| kind.code());
            listed(kinds)
        });
        let help = match (near, by_status) {
            (_, Some(kinds)) if !kinds.is_empty() => format!("templates go by kind, not by status: write {kinds}"),
            (Some(near), _) => format!("did you mean `{near}`? {help}"),
            (None, _) => help.to_owned(),
        };
        Err(Fault::new("is no kind or reason of an error", help))
    }
}

text_type!(
    ErrorSelector,
    "A kind, a reason, 4xx, 5xx or \"*\"; the most specific wins.",
    "api_key_invalid",
    "4xx",
    "*"
);

/// A reason by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonName(Reason);

impl ReasonName {
    #[must_use]
    pub const fn get(self) -> Reason {
        self.0
    }
}

impl Text for ReasonName {
    const FORMAT: &'static str = "tollgate-reason";
    const WHAT: &'static str = "a reason such as `api_key_missing`";
    const PATTERN: Option<&'static str> = Some("^[a-z_]+$");

    fn read(text: &str) -> Result<Self, Fault> {
        if let Some(reason) = Reason::named(text) {
            return Ok(Self(reason));
        }
        let help = match Kind::named(text) {
            Some(kind) => {
                format!("it is a kind; name one of its reasons: {}", listed(kind.reasons().iter().map(|it| it.code())))
            }
            None => similar::closest(text, Reason::ALL.iter().map(|reason| reason.code())).map_or_else(
                || "`tollgate reasons` lists them".to_owned(),
                |near| format!("did you mean `{near}`? `tollgate reasons` lists them all"),
            ),
        };
        Err(Fault::new("is no reason", help))
    }
}

text_type!(ReasonName, "A reason, as `tollgate reasons` lists them.", "api_key_missing");

/// A compiled pattern; searched for, not anchored, in linear time.
#[derive(Clone, Debug)]
pub struct Regex(regex::Regex);

impl Regex {
    #[must_use]
    pub const fn get(&self) -> &regex::Regex {
        &self.0
    }
}

impl Text for Regex {
    const FORMAT: &'static str = "tollgate-regex";
    const WHAT: &'static str = "a regular expression";
    const PATTERN: Option<&'static str> = None;

    fn read(text: &str) -> Result<Self, Fault> {
        let compiled = regex::RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build();
        compiled.map(Self).map_err(|error| {
            // The crate draws the pattern on several lines; its last line says what is wrong.
            let said = error.to_string();
            let last = said
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .trim_start_matches("error: ")
                .trim_end_matches('.')
                .to_owned();
            let help = if matches!(error, regex::Error::CompiledTooBig(_)) {
                "make it smaller: large repetitions such as `{1000}` cost most"
            } else if text.contains("(?=") || text.contains("(?!") || text.contains("(?<") || text.contains("\\1") {
                "look-around and back-references are not supported, as they can take forever"
            } else {
                "the syntax is that of Rust's regex crate; in double quotes each backslash is written twice"
            };
            Fault::new(format!("is no regular expression: {last}"), help)
        })
    }
}

text_type!(
    Regex,
    "A regular expression (no look-around, no back-references); not anchored unless it says so.",
    "^[a-z]+$"
);

/// The SHA-256 of an API key, as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256Hex([u8; 32]);

impl Sha256Hex {
    #[must_use]
    pub const fn get(self) -> [u8; 32] {
        self.0
    }
}

impl Text for Sha256Hex {
    const FORMAT: &'static str = "tollgate-sha256";
    const WHAT: &'static str = "a SHA-256 in hexadecimal";
    const PATTERN: Option<&'static str> = Some("^[0-9A-Fa-f]{64}$");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "make key and hash with `tollgate key new`, or hash a key with `printf %s \"$KEY\" | sha256sum`";
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Fault::new("has characters that are no hexadecimal digits", help));
        }
        let digits = text.len();
        let mut hash = [0_u8; 32];
        let pairs = text
            .as_bytes()
            .chunks_exact(2)
            .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        for (slot, byte) in hash.iter_mut().zip(pairs) {
            *slot = byte;
        }
        if digits == 64 { Ok(Self(hash)) } else { Err(Fault::new(format!("has {digits} digits instead of 64"), help)) }
    }
}

text_type!(Sha256Hex, "64 hexadecimal digits.", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");

/// An absolute http or https URL, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for Url {
    const FORMAT: &'static str = "tollgate-url";
    const WHAT: &'static str = "a URL such as `https://docs.example.com/errors/`";
    const PATTERN: Option<&'static str> = Some("^https?://[^/]+");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "write it with scheme and host, as in `https://docs.example.com/errors/`";
        let Ok(uri) = text.parse::<http::Uri>() else { return Err(Fault::new("is no URL", help)) };
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(Self(text.to_owned())),
            (Some(_), Some(_)) => Err(Fault::new("is neither an http nor an https URL", help)),
            _ => Err(Fault::new("has no scheme", help)),
        }
    }
}

text_type!(Url, "An absolute http or https URL.", "https://docs.example.com/errors/");

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Text>(text: &str, expected: Result<(), &str>) {
        let said = T::read(text).map(drop).map_err(|fault| format!("{} | {}", fault.what, fault.help));
        match (&said, expected) {
            (Ok(()), Ok(())) => {}
            (Err(said), Err(part)) if said.contains(part) => {}
            _ => panic!("{text}: {said:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn counting_keys() {
        check::<CountingKey>("consumerId", Ok(()));
        check::<CountingKey>("header:X-Tenant", Ok(()));
        check::<CountingKey>("claim:sub", Ok(()));
        check::<CountingKey>("consumerID", Err("did you mean `consumerId`?"));
        check::<CountingKey>("consumer", Err("did you mean `consumerId`?"));
        check::<CountingKey>("header:X Y", Err("names a header that is no header name"));
        check::<CountingKey>("claim:", Err("names no claim"));
        check::<CountingKey>("color", Err("nothing to count by"));
    }

    #[test]
    fn error_selectors() {
        for text in ["*", "4xx", "5xx", "api_key_invalid", "key_revoked"] {
            check::<ErrorSelector>(text, Ok(()));
        }
        check::<ErrorSelector>("api_key_invlid", Err("did you mean `api_key_invalid`?"));
        check::<ErrorSelector>("404", Err("write `route_not_found`"));
        check::<ErrorSelector>("418", Err("no kind or reason"));
        assert!(ErrorSelector::read("key_revoked").unwrap() > ErrorSelector::read("api_key_invalid").unwrap());
        assert_eq!(ErrorSelector::read("quota_exceeded"), Ok(ErrorSelector::Kind(Kind::QuotaExceeded)));
    }

    #[test]
    fn reasons() {
        check::<ReasonName>("key_revoked", Ok(()));
        check::<ReasonName>("key_revokd", Err("did you mean `key_revoked`?"));
        check::<ReasonName>(
            "api_key_invalid",
            Err("one of its reasons: `key_unknown`, `key_revoked` or `key_expired`"),
        );
    }

    #[test]
    fn hashes_patterns_urls() {
        check::<Sha256Hex>(&"ab".repeat(32), Ok(()));
        check::<Sha256Hex>(&"ab".repeat(31), Err("has 62 digits"));
        check::<Sha256Hex>("xyz", Err("no hexadecimal digits"));
        check::<Sha256Hex>("", Err("has 0 digits"));
        assert_eq!(Sha256Hex::read(&"0f".repeat(32)).unwrap().get(), [15; 32]);
        check::<Regex>("^/v\\d+$", Ok(()));
        check::<Regex>("(a", Err("unclosed group"));
        check::<Regex>("(?=a)", Err("look-around"));
        check::<Regex>("(((((a{100}){100}){100}){100}){100})", Err("no regular expression"));
        check::<Url>("https://docs.example.com/errors/", Ok(()));
        check::<Url>("docs.example.com", Err("scheme"));
        check::<Url>("ftp://docs.example.com", Err("neither"));
        check::<Url>("/x", Err("scheme"));
    }
}
