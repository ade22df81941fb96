//! What a request says its body is: the `Content-Type` field (RFC 9110, 8.3), read to the letter. What a client can read is another
//! matter, and lenient: `reply::accept`.

use std::fmt;

/// How many parameters are looked at; more make the field malformed.
const PARAMETERS_MAX: usize = 16;

/// `type/subtype` and the one parameter that matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType<'a> {
    pub kind: &'a str,
    pub subtype: &'a str,
    /// Without quotes and escapes.
    pub charset: Option<Box<str>>,
}

/// Why a field is no media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not two tokens with a slash between them.
    Essence,
    /// Not `name=value` with a token or a quoted string.
    Parameter,
    /// Two readers would see two.
    TwoCharsets,
    TooManyParameters,
}

impl<'a> ContentType<'a> {
    pub fn parse(field: &'a str) -> Result<Self, Malformed> {
        let field = field.trim_matches([' ', '\t']);
        let (essence, mut rest) = field.split_at(field.find(';').unwrap_or(field.len()));
        let (kind, subtype) = essence.trim_end_matches([' ', '\t']).split_once('/').ok_or(Malformed::Essence)?;
        if !is_token(kind) || !is_token(subtype) {
            return Err(Malformed::Essence);
        }
        let mut charset = None;
        let mut count: usize = 0;
        while let Some(behind) = rest.strip_prefix(';') {
            let behind = behind.trim_start_matches([' ', '\t']);
            // RFC 9110, 5.6.6: a semicolon may stand alone.
            if behind.is_empty() || behind.starts_with(';') {
                rest = behind;
                continue;
            }
            count = count.saturating_add(1);
            if count > PARAMETERS_MAX {
                return Err(Malformed::TooManyParameters);
            }
            let (name, value) = behind.split_once('=').ok_or(Malformed::Parameter)?;
            let (value, behind) = parameter_value(value)?;
            if !is_token(name) {
                return Err(Malformed::Parameter);
            }
            if name.eq_ignore_ascii_case("charset") && charset.replace(value).is_some() {
                return Err(Malformed::TwoCharsets);
            }
            rest = behind.trim_start_matches([' ', '\t']);
        }
        if rest.is_empty() { Ok(Self { kind, subtype, charset }) } else { Err(Malformed::Parameter) }
    }

    /// `application/json`, or `image/*` for every subtype; in any case.
    #[must_use]
    pub fn is(&self, accepted: &str) -> bool {
        accepted.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && (subtype == "*" || self.subtype.eq_ignore_ascii_case(subtype))
        })
    }

    /// RFC 8259, 8.1; ASCII is a part of it.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        self.charset
            .as_deref()
            .is_none_or(|charset| ["utf-8", "utf8", "us-ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name)))
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Essence => "not a type and a subtype",
            Self::Parameter => "a parameter is not `name=value`",
            Self::TwoCharsets => "the charset is named twice",
            Self::TooManyParameters => "too many parameters",
        })
    }
}

/// Whether a type of the config stands for JSON and nothing else: `application/json`, `text/json`, `application/problem+json`.
#[must_use]
pub fn is_json(media_type: &str) -> bool {
    let Some((_, subtype)) = media_type.split_once('/') else { return false };
    let suffix = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
    suffix.eq_ignore_ascii_case("json")
}

/// A token or a quoted string (RFC 9110, 5.6.4) without its quotes and backslashes, and what stands behind it.
fn parameter_value(text: &str) -> Result<(Box<str>, &str), Malformed> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, behind) = text.split_at(text.find([';', ' ', '\t']).unwrap_or(text.len()));
        return if is_token(value) { Ok((value.into(), behind)) } else { Err(Malformed::Parameter) };
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        let meant = match character {
            '"' => return Ok((value.into(), characters.as_str())),
            '\\' => characters.next(),
            _ => Some(character),
        };
        match meant {
            Some(meant @ ('\t' | ' '..='~' | '\u{80}'..)) => value.push(meant),
            Some(_) | None => return Err(Malformed::Parameter),
        }
    }
    Err(Malformed::Parameter)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{ContentType, Malformed, is_json};
    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

    #[track_caller]
    fn reads(field: &str, essence: &str, charset: Option<&str>) {
        let read = ContentType::parse(field).unwrap();
        assert_eq!((format!("{}/{}", read.kind, read.subtype).as_str(), read.charset.as_deref()), (essence, charset));
    }

    #[test]
    fn media_types_and_their_charset() {
        reads("application/json", "application/json", None);
        reads(" Application/JSON\t", "Application/JSON", None);
        reads("application/json;charset=utf-8", "application/json", Some("utf-8"));
        reads("application/json ; Charset=\"UTF-8\"", "application/json", Some("UTF-8"));
        reads("application/json; charset=\"u\\tf-8\"; x=y", "application/json", Some("utf-8"));
        reads("application/json;", "application/json", None);
        reads("application/json; ;;\t", "application/json", None);
        reads("multipart/form-data; boundary=\"a;charset=x\"", "multipart/form-data", None);
        reads("application/vnd.a+json;v=1;charset=ascii", "application/vnd.a+json", Some("ascii"));
    }

    #[test]
    fn what_is_none() {
        let check = |field: &str, why| assert_eq!(ContentType::parse(field), Err(why), "{field}");
        for field in [
            "",
            "json",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "a b/c",
            "application/json, text/html",
            "é/x",
            "a/b c",
            ";charset=utf-8",
        ] {
            check(field, Malformed::Essence);
        }
        for field in [
            "a/b;c",
            "a/b;=c",
            "a/b;c=",
            "a/b; c =d",
            "a/b;c= d",
            "a/b;c=\"d",
            "a/b;c=\"d\\",
            "a/b;c=\"d\"e",
            "a/b;c=d e",
            "a/b;c=d,e/f",
            "a/b;c=\"\u{1}\"",
            "a/b;c=\"\\\u{1}\"",
        ] {
            check(field, Malformed::Parameter);
        }
        check("a/b;charset=utf-8;CHARSET=latin1", Malformed::TwoCharsets);
        check(&format!("a/b{}", ";c=d".repeat(17)), Malformed::TooManyParameters);
        assert!(ContentType::parse(&format!("a/b{}", ";c=d".repeat(16))).is_ok());
    }

    #[test]
    fn what_it_is() {
        let read = |field| ContentType::parse(field).unwrap();
        assert!(read("application/JSON;v=1").is("application/json"));
        assert!(
            read("text/csv").is("text/*") && !read("textual/csv").is("text/*") && !read("text/csv").is("text/plain")
        );
        for (charset, utf8) in
            [("utf-8", true), ("UTF8", true), ("\"us-ascii\"", true), ("latin1", false), ("utf-16", false)]
        {
            let field = format!("a/b;charset={charset}");
            assert_eq!(ContentType::parse(&field).unwrap().is_utf8(), utf8, "{charset}");
        }
        assert!(read("a/b").is_utf8());
        for (media_type, json) in [
            ("application/json", true),
            ("application/problem+json", true),
            ("text/json", true),
            ("text/*", false),
            ("a/jsonx", false),
        ] {
            assert_eq!(is_json(media_type), json, "{media_type}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_was_read_reads_the_same_again(field in r#"[a/;= "\\c\t]{0,20}(charset="?[a-z]{0,3}"?)?[;a]{0,3}"#) {
            if let Ok(read) = ContentType::parse(&field) {
                let charset = read.charset.as_deref().map(|charset| format!(";charset=\"{}\"", charset.replace('\\', "\\\\").replace('"', "\\\"")));
                let written = format!("{}/{}{}", read.kind, read.subtype, charset.unwrap_or_default());
                prop_assert_eq!(ContentType::parse(&written), Ok(read));
            }
        }

        #[test]
        fn any_field_ends(field in "\\PC{0,40}") {
            prop_assert!(ContentType::parse(&field).is_ok_and(|read| !read.kind.is_empty()) || ContentType::parse(&field).is_err());
        }
    }
}
