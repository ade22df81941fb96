//! Words of HTTP: header names, methods, media types.

use super::{Fault, Text, text_type};

/// The longest method; what is longer is a mistake, not an extension.
const METHOD_BYTES_MAX: usize = 32;

/// A header's name; shown as written, compared without case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderName(http::HeaderName);

impl HeaderName {
    pub(crate) const fn of(name: http::HeaderName) -> Self {
        Self(name)
    }

    #[must_use]
    pub const fn get(&self) -> &http::HeaderName {
        &self.0
    }
}

impl Text for HeaderName {
    const FORMAT: &'static str = "tollgate-header-name";
    const WHAT: &'static str = "a header name such as `X-Request-Id`";
    const PATTERN: Option<&'static str> = Some("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "a header name has letters, digits and `-`, as in `X-Request-Id`";
        let what = match text {
            "" => "is empty",
            _ if text.ends_with(':') => "ends with a colon",
            _ => "is no header name",
        };
        http::HeaderName::from_bytes(text.as_bytes()).map(Self).map_err(|_| Fault::new(what, help))
    }
}

text_type!(HeaderName, "A header name; case does not matter.", "X-Request-Id");

/// A request method, in capitals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(http::Method);

impl Method {
    #[must_use]
    pub const fn get(&self) -> &http::Method {
        &self.0
    }
}

impl Text for Method {
    const FORMAT: &'static str = "tollgate-method";
    const WHAT: &'static str = "a request method such as `GET`";
    const PATTERN: Option<&'static str> = Some("^[A-Z][A-Z0-9_-]*$");

    fn read(text: &str) -> Result<Self, Fault> {
        if text == "*" || text.eq_ignore_ascii_case("any") || text.eq_ignore_ascii_case("all") {
            return Err(Fault::new("is no method", "leave `methods` out: a route without it takes every method"));
        }
        let upper = text.to_ascii_uppercase();
        let is_word = upper.starts_with(|c: char| c.is_ascii_uppercase())
            && upper.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && upper.len() <= METHOD_BYTES_MAX;
        if !is_word {
            return Err(Fault::new("is no method", "write one method an item, as in `[GET, POST]`"));
        }
        if upper != text {
            return Err(Fault::new("is not in capitals", format!("write `{upper}`: methods are compared with case")));
        }
        if upper == "CONNECT" {
            return Err(Fault::new("asks for a tunnel", "a gateway forwards requests; remove `CONNECT`"));
        }
        http::Method::from_bytes(text.as_bytes()).map(Self).map_err(|_| Fault::new("is no method", "write `GET`"))
    }
}

text_type!(Method, "A request method in capitals. GET includes HEAD.", "GET", "POST");

/// A media type without parameters, in lower case: `application/json`, `image/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(String);

impl MediaType {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for MediaType {
    const FORMAT: &'static str = "tollgate-media-type";
    const WHAT: &'static str = "a media type such as `application/json`";
    const PATTERN: Option<&'static str> = Some("^[^/;, ]+/[^/;, ]+$");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "write type and subtype, as in `application/json`";
        if text.contains(';') {
            return Err(Fault::new("has parameters", "write the type alone: `application/json`"));
        }
        let Some((kind, subtype)) = text.split_once('/') else {
            let what = "has no `/` between type and subtype";
            let help = if text == "json" { "write `application/json`" } else { help };
            return Err(Fault::new(what, help));
        };
        let is_token = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        };
        if is_token(kind) && is_token(subtype) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(Fault::new("is no media type", help))
        }
    }
}

text_type!(MediaType, "A media type without parameters.", "application/json", "text/*");

/// A content type, parameters and all, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType(http::HeaderValue, String);

impl ContentType {
    #[must_use]
    pub const fn get(&self) -> &http::HeaderValue {
        &self.0
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.1
    }
}

impl Text for ContentType {
    const FORMAT: &'static str = "tollgate-content-type";
    const WHAT: &'static str = "a content type such as `application/problem+json`";
    const PATTERN: Option<&'static str> = Some("^[^/;, *]+/[^/;, *]+");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "write what the header says, as in `application/problem+xml` or `text/html; charset=utf-8`";
        MediaType::read(text.split(';').next().unwrap_or(text).trim())?;
        if text.split(';').next().is_some_and(|media| media.contains('*')) {
            return Err(Fault::new("is a pattern", help));
        }
        let value = http::HeaderValue::from_str(text).map_err(|_| Fault::new("is no header value", help))?;
        Ok(Self(value, text.to_owned()))
    }
}

text_type!(ContentType, "A content type, parameters included.", "application/problem+json", "text/html; charset=utf-8");

/// A language tag (RFC 5646).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageTag(engine::reply::Language);

impl LanguageTag {
    #[must_use]
    pub const fn get(&self) -> &engine::reply::Language {
        &self.0
    }
}

impl Text for LanguageTag {
    const FORMAT: &'static str = "tollgate-language";
    const WHAT: &'static str = "a language such as `de`";
    const PATTERN: Option<&'static str> = Some("^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "write a language as `Accept-Language` has it: `de`, `pt-BR`, `zh-Hant`";
        if text == "*" {
            return Err(Fault::new("is no language", "leave `language` out: such a template is for all others"));
        }
        if text.contains('_') {
            let tag = text.split('.').next().unwrap_or(text).replace('_', "-");
            return Err(Fault::new("is a locale", format!("write `{tag}`: words are separated by `-`")));
        }
        // No language has a registered tag of more than three letters.
        let is_known_length = text.split('-').next().is_some_and(|word| matches!(word.len(), 2 | 3));
        let language = engine::reply::Language::parse(text).filter(|_| is_known_length);
        language.map(Self).ok_or_else(|| Fault::new("is no language tag", help))
    }
}

text_type!(LanguageTag, "A language tag.", "de", "pt-BR");

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
    fn words_of_http() {
        check::<HeaderName>("X-Request-Id", Ok(()));
        check::<HeaderName>("X Y", Err("no header name"));
        check::<HeaderName>("X-A:", Err("colon"));
        check::<HeaderName>("", Err("empty"));
        check::<Method>("GET", Ok(()));
        check::<Method>("M-SEARCH", Ok(()));
        check::<Method>("get", Err("write `GET`"));
        check::<Method>("GET,POST", Err("one method an item"));
        check::<Method>("*", Err("leave `methods` out"));
        check::<Method>("CONNECT", Err("tunnel"));
        check::<MediaType>("application/json", Ok(()));
        check::<MediaType>("Image/*", Ok(()));
        check::<MediaType>("json", Err("write `application/json`"));
        check::<MediaType>("application/json; charset=utf-8", Err("parameters"));
        check::<MediaType>("a/b/c", Err("no media type"));
        check::<ContentType>("text/html; charset=utf-8", Ok(()));
        check::<LanguageTag>("de", Ok(()));
        check::<LanguageTag>("zh-Hant-TW", Ok(()));
        check::<LanguageTag>("*", Err("leave `language` out"));
        check::<LanguageTag>("de_AT.UTF-8", Err("write `de-AT`"));
        check::<LanguageTag>("german", Err("`pt-BR`"));
        check::<LanguageTag>("de-", Err("no language tag"));
        check::<ContentType>("html", Err("has no `/`"));
        check::<ContentType>("text/*", Err("pattern"));
        check::<ContentType>("text/html; a=\n", Err("no header value"));
    }
}
