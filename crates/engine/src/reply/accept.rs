//! What a client can read: the `Accept` field (RFC 9110, 12.5.1). Answers with qualities; what is done with them is for the caller.
//!
//! The field is read once, into a table of fixed size: what a template costs does not depend on how long a hostile client makes it. What
//! cannot be read in it is passed over; if nothing is left, the client has said nothing, and takes anything.

use arrayvec::ArrayVec;
use http::HeaderValue;

/// The formats of the body, the preferred one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
    Text,
}

/// How many ranges of one field are read; the rest is ignored.
pub(super) const RANGES_MAX: usize = 32;
/// How much of all lines of one field is looked at.
const FIELD_BYTES_MAX: usize = 4_096;
/// Quality 1, in thousandths.
pub(super) const WHOLE: u16 = 1_000;
/// How specific a range without wildcards is, parameters aside.
const NAMED: usize = 2;

/// A media type without wildcards, as a template's `accept` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    kind: Box<str>,
    subtype: Box<str>,
    /// Without `charset`: all that we send is UTF-8.
    parameters: Vec<(Box<str>, Box<str>)>,
}

impl MediaType {
    /// `type/subtype`, with parameters if need be. None for anything else, wildcards included.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text, ';');
        let (kind, subtype) = essence(parts.next()?)?;
        if kind == "*" || subtype == "*" {
            return None;
        }
        let mut parameters = Vec::new();
        for part in parts {
            let (name, value) = parameter(part)?;
            if !name.eq_ignore_ascii_case("charset") {
                parameters.push((name.to_ascii_lowercase().into(), value.into()));
            }
        }
        Some(Self { kind: kind.to_ascii_lowercase().into(), subtype: subtype.to_ascii_lowercase().into(), parameters })
    }
}

/// One request's `Accept`, all its lines together (RFC 9110, 5.3). Absent, empty and unreadable are the same: anything goes.
#[derive(Clone, Debug)]
pub(super) struct Accept<'a> {
    ranges: ArrayVec<Range<'a>, RANGES_MAX>,
}

#[derive(Clone, Copy, Debug)]
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    parameters: &'a str,
    quality: u16,
}

impl<'a> Accept<'a> {
    pub(super) fn read(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        Self { ranges: items(lines).filter_map(range).take(RANGES_MAX).collect() }
    }

    /// In thousandths; 0 is not acceptable. The most specific range that matches decides.
    pub(super) fn quality(&self, media_type: &MediaType) -> u16 {
        self.most_specific(|range| range.specificity(media_type)).1
    }

    /// The same, but only if the client names the type, be it to rule it out.
    pub(super) fn quality_by_name(&self, media_type: &MediaType) -> Option<u16> {
        let (specificity, quality) = self.most_specific(|range| range.specificity(media_type));
        (specificity >= Some(NAMED)).then_some(quality)
    }

    /// The same for all types that a format is known by.
    pub(super) fn format_quality(&self, format: Format) -> u16 {
        self.most_specific(|range| range.format_specificity(format)).1
    }

    fn most_specific(&self, specificity: impl Fn(&Range) -> Option<usize>) -> (Option<usize>, u16) {
        if self.ranges.is_empty() {
            return (None, WHOLE);
        }
        let matching = self.ranges.iter().filter_map(|range| Some((specificity(range)?, range.quality)));
        matching.max().map_or((None, 0), |(specificity, quality)| (Some(specificity), quality))
    }
}

/// The items of a list field, over all of its lines, as far as they are looked at. A line that is not text is none.
pub(super) fn items<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> impl Iterator<Item = &'a str> {
    let mut left = FIELD_BYTES_MAX;
    lines.into_iter().filter_map(|line| line.to_str().ok()).flat_map(move |line| {
        let (text, rest) = line.split_at_checked(left).unwrap_or((line, ""));
        left = left.saturating_sub(text.len());
        // An item that is cut in two would be another one.
        let whole = if rest.is_empty() { text } else { text.rsplit_once(',').map_or("", |(whole, _)| whole) };
        split(whole, ',')
    })
}

impl Range<'_> {
    /// 0 for `*/*`, 1 for `type/*`, 2 and the number of parameters for a whole type; none if it does not match.
    fn specificity(&self, media_type: &MediaType) -> Option<usize> {
        if self.kind == "*" {
            return Some(0);
        }
        if !self.kind.eq_ignore_ascii_case(&media_type.kind) {
            return None;
        }
        if self.subtype == "*" {
            return Some(1);
        }
        if !self.subtype.eq_ignore_ascii_case(&media_type.subtype) {
            return None;
        }
        let mut level = NAMED;
        for part in split(self.parameters, ';').filter(|part| !part.is_empty()) {
            let (name, value) = parameter(part)?;
            if name.eq_ignore_ascii_case("q") {
                break;
            }
            if name.eq_ignore_ascii_case("charset") {
                continue;
            }
            let same = |(known, of): &(Box<str>, Box<str>)| name.eq_ignore_ascii_case(known) && **of == *value;
            if !media_type.parameters.iter().any(same) {
                return None;
            }
            level = level.saturating_add(1);
        }
        Some(level)
    }

    fn format_specificity(&self, format: Format) -> Option<usize> {
        let text = self.kind.eq_ignore_ascii_case("text");
        match (self.kind, self.subtype) {
            ("*", _) => Some(0),
            (_, "*") => match format {
                Format::Json | Format::Xml => self.kind.eq_ignore_ascii_case("application").then_some(1),
                Format::Text => text.then_some(1),
            },
            _ => {
                let (json, xml) = (self.is("json"), self.is("xml") && !self.subtype.eq_ignore_ascii_case("xhtml+xml"));
                let named = match format {
                    Format::Json => json,
                    Format::Xml => xml,
                    Format::Text => text && !json && !xml,
                };
                named.then_some(NAMED)
            }
        }
    }

    /// `application/json`, `text/json`, `application/problem+json`, but not `image/svg+xml`.
    fn is(&self, syntax: &str) -> bool {
        let suffix = self.subtype.rsplit_once('+').map_or(self.subtype, |(_, suffix)| suffix);
        let document = self.kind.eq_ignore_ascii_case("application") || self.kind.eq_ignore_ascii_case("text");
        document && suffix.eq_ignore_ascii_case(syntax)
    }
}

fn range(text: &str) -> Option<Range<'_>> {
    let (essence_text, parameters) = text.split_once(';').unwrap_or((text, ""));
    let (kind, subtype) = essence(essence_text)?;
    if kind == "*" && subtype != "*" {
        return None;
    }
    let mut quality = WHOLE;
    for part in split(parameters, ';').filter(|part| !part.is_empty()) {
        let (name, value) = parameter(part)?;
        if name.eq_ignore_ascii_case("q") {
            quality = thousandths(value)?;
            break;
        }
    }
    Some(Range { kind, subtype, parameters, quality })
}

fn essence(text: &str) -> Option<(&str, &str)> {
    let (kind, subtype) = text.trim().split_once('/')?;
    (is_token(kind) && is_token(subtype)).then_some((kind, subtype))
}

pub(super) fn parameter(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.trim().split_once('=')?;
    let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    (is_token(name) && (inside.is_some() || is_token(value))).then_some((name, inside.unwrap_or(value)))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// `0.8` is 800. At most three digits behind the point, and nothing above 1 (RFC 9110, 12.4.2).
pub(super) fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u16 = match whole {
        "0" => 0,
        "1" => WHOLE,
        _ => return None,
    };
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let fraction = digits.fold(0_u16, |sum, digit| sum.saturating_mul(10).saturating_add(u16::from(digit & 0xf)));
    Some(whole.saturating_add(fraction)).filter(|quality| *quality <= WHOLE)
}

/// Splits outside of quoted strings; parts come trimmed.
pub(super) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character: char| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match character {
            '"' => quoted = !quoted,
            '\\' => escaped = quoted,
            _ => return character == separator && !quoted,
        }
        false
    })
    .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::{Accept, Format, MediaType};
    use http::HeaderValue;
    use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

    fn check(accept: &str, media_type: &str, expected: u16) {
        let field = HeaderValue::from_str(accept).unwrap();
        let media_type = MediaType::parse(media_type).unwrap();
        assert_eq!(Accept::read([&field]).quality(&media_type), expected, "{accept}");
    }

    #[test]
    fn lines_are_one_field() {
        let lines = ["text/html;q=0.5", "\"", "application/xml;q=0.4"].map(HeaderValue::from_static);
        let quality = |name| Accept::read(&lines).quality(&MediaType::parse(name).unwrap());
        assert_eq!((quality("text/html"), quality("application/xml"), quality("a/b")), (500, 400, 0));
        assert_eq!(Accept::read([]).quality(&MediaType::parse("a/b").unwrap()), 1_000);
    }

    #[test]
    fn a_long_field_is_read_to_its_bound_and_no_item_is_cut() {
        let quality = |lines: &[String]| {
            let lines: Vec<_> = lines.iter().map(|line| HeaderValue::from_str(line).unwrap()).collect();
            Accept::read(&lines).quality(&MediaType::parse("text/html").unwrap())
        };
        let padding = |length: usize| format!("a/b;x=\"{}\",", "y".repeat(length - 9));
        assert_eq!(quality(&[format!("{}text/html", padding(4_096 - 9))]), 1_000);
        // The bound falls behind `text/html`: what is left of the longer name must not pass for it.
        assert_eq!(quality(&[format!("{}text/html5", padding(4_096 - 9))]), 0);
        assert_eq!(quality(&[padding(4_096), "text/html".to_owned()]), 0);
        assert_eq!(quality(&[padding(4_000), "text/html".to_owned()]), 1_000);
    }

    #[test]
    fn a_type_that_the_client_names_is_told_from_one_that_it_takes_along() {
        let field = HeaderValue::from_static("application/xml;q=0, text/*, text/html;q=0.5");
        let by_name = |name| Accept::read([&field]).quality_by_name(&MediaType::parse(name).unwrap());
        assert_eq!(
            (by_name("application/xml"), by_name("text/html"), by_name("text/plain")),
            (Some(0), Some(500), None)
        );
        assert_eq!(Accept::read([]).quality_by_name(&MediaType::parse("a/b").unwrap()), None);
    }

    #[test]
    fn the_most_specific_range_decides() {
        check("", "application/xml", 1_000);
        check("no range at all", "application/xml", 1_000);
        check("*/*", "application/xml", 1_000);
        check("application/xml", "application/xml", 1_000);
        check("APPLICATION/Xml;Q=0.5", "application/xml", 500);
        check("application/json", "application/xml", 0);
        check("application/*;q=0.25", "application/xml", 250);
        check("text/*", "application/xml", 0);
        check("*/*;q=0.1, application/*;q=0.2, application/xml;q=0.3", "application/xml", 300);
        check("application/xml;q=0.3, */*", "application/xml", 300);
        check("application/xml;q=0, */*", "application/xml", 0);
        check("*/*, application/*;q=0", "application/xml", 0);
        check("application/xml;q=0.4, application/xml;q=0.6", "application/xml", 600);
        check("application/xml ; q=0.123 , text/plain", "application/xml", 123);
        check("application/xml;charset=utf-8", "application/xml", 1_000);
        check("text/html;level=1;q=0.3, text/html;q=0.7", "text/html", 700);
        check("text/html;level=1;q=0.3, text/html;q=0.7", "text/html;level=1", 300);
        check("text/html;level=2", "text/html;level=1", 0);
        check("text/html;level=\"1\"", "text/html; Level=1", 1_000);
        check("text/html;x=\"a,b;q=0\";q=0.5", "text/html;x=\"a,b;q=0\"", 500);
        check("text/html;q=0.5;ext=1", "text/html", 500);
        check("bogus, application/xml;q=0.5", "application/xml", 500);
        check("*/xml, text/plain", "application/xml", 0);
        check("application/xml;q=1.5, */*;q=0.2", "application/xml", 200);
        check("application/xml;q=0.1234, */*;q=0.2", "application/xml", 200);
        check("application/xml;q=1.000", "application/xml", 1_000);
        check("application/xml;q=1.001, text/plain", "application/xml", 0);
        check("application/xml;q=, text/plain", "application/xml", 0);
        check(&format!("{}application/xml", "a/b,".repeat(32)), "application/xml", 0);
        check(&format!("{}application/xml", "a/b,".repeat(31)), "application/xml", 1_000);
    }

    #[test]
    fn media_types() {
        for text in ["", "json", "*/*", "text/*", "a/b/c", "a /b", "text/html;level", "text/html;=1", "é/x"] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
        assert_eq!(MediaType::parse("Text/HTML; charset=UTF-8"), MediaType::parse("text/html"));
        assert_ne!(MediaType::parse("text/html;level=1"), MediaType::parse("text/html"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn any_field_has_a_quality(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "[a-z*/;,=q0-9.\" ]{0,60}") {
            for field in [HeaderValue::from_bytes(&bytes), HeaderValue::from_str(&text)].into_iter().flatten() {
                let accept = Accept::read([&field]);
                prop_assert!(accept.quality(&MediaType::parse("a/b").unwrap()) <= 1_000);
                prop_assert!([Format::Json, Format::Xml, Format::Text].iter().all(|format| accept.format_quality(*format) <= 1_000));
            }
        }
    }
}
