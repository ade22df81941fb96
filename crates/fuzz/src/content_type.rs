//! What a request says its body is.

use engine::media_type::{ContentType, Malformed};
use regex::Regex;
use std::sync::OnceLock;

/// RFC 9110, 8.3.1, as far as the semicolon.
fn essence() -> &'static Regex {
    static ESSENCE: OnceLock<Regex> = OnceLock::new();
    ESSENCE.get_or_init(|| {
        let token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
        Regex::new(&format!("^[ \t]*({token})/({token})[ \t]*(?:;|$)")).expect("a pattern")
    })
}

/// The whole input is the field. Held against a pattern for type and subtype; what was read, written down again, reads the same.
pub fn content_type(data: &[u8]) {
    let Ok(field) = std::str::from_utf8(data) else { return };
    let reference = essence().captures(field);
    match ContentType::parse(field) {
        Ok(read) => {
            let parts = reference.expect("the pattern sees no type").extract::<2>().1;
            assert_eq!([read.kind, read.subtype], parts);
            assert!(read.is(&format!("{}/{}", read.kind, read.subtype).to_uppercase()));
            assert!(read.is(&format!("{}/*", read.kind)));
            let charset = read.charset.as_deref().map(|charset| charset.replace('\\', "\\\\").replace('"', "\\\""));
            let charset = charset.map(|charset| format!("; x=y ;CHARSET=\"{charset}\"")).unwrap_or_default();
            let written = format!("\t{}/{}{charset};", read.kind, read.subtype);
            let again = ContentType::parse(&written).expect("what was written is a type");
            assert_eq!(again, read);
            assert_eq!(again.is_utf8(), read.is_utf8());
        }
        Err(Malformed::Essence) => assert!(reference.is_none(), "the pattern sees a type"),
        Err(Malformed::Parameter | Malformed::TwoCharsets | Malformed::TooManyParameters) => {
            assert!(reference.is_some() && field.contains(';'), "a parameter without a type");
        }
    }
}
