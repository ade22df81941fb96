//! How parts of a token look in a sentence for the operator: short, and harmless in a terminal.

use crate::calendar::Rfc3339;
use limits::clock::Now;
use serde_json::Value;

const CHARACTERS_MAX: usize = 64;

/// In quotes, control characters escaped, cut off after 64 characters.
pub(super) fn text(text: &str) -> String {
    let cut = cut(text);
    let rest = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{rest}")
}

/// As JSON, under the same bounds.
pub(super) fn value(value: &Value) -> String {
    if let Value::String(string) = value {
        return text(string);
    }
    let json = value.to_string();
    let cut = cut(&json);
    let rest = if cut.len() < json.len() { "…" } else { "" };
    let plain = cut.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect::<String>();
    format!("{plain}{rest}")
}

/// RFC 3339.
pub(super) fn instant(unix_s: u64) -> String {
    Rfc3339::from_unix_seconds(unix_s).to_string()
}

/// RFC 3339, and how far that is from now.
pub(super) fn time(unix_s: u64, now: Now) -> String {
    let now = now.unix_seconds();
    let far = match (unix_s.checked_sub(now), now.checked_sub(unix_s)) {
        (Some(0), _) => "now".to_owned(),
        (Some(ahead), _) => format!("{ahead} s ahead"),
        (None, ago) => format!("{} s ago", ago.unwrap_or_default()),
    };
    format!("{}, {far}", instant(unix_s))
}

/// Without quotes: a name in a list. What could act on a terminal is replaced.
pub(super) fn plain(text: &str) -> String {
    let quoted = self::text(text);
    match quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) => plain.to_owned(),
        None => quoted,
    }
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(CHARACTERS_MAX).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{instant, text, value};
    use serde_json::json;

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(text("a\n\u{1b}[31m\u{9b}\u{202e}"), r#""a\n\u{1b}[31m\u{9b}\u{202e}""#);
        assert_eq!(text(&"ä".repeat(65)), format!("\"{}\"…", "ä".repeat(64)));
        assert_eq!(text(&"ä".repeat(64)), format!("\"{}\"", "ä".repeat(64)));
        assert_eq!(value(&json!(["a", 1])), r#"["a",1]"#);
        assert_eq!(value(&json!(["\u{7f}\u{9b}"])), r#"["??"]"#);
        assert_eq!(value(&json!(vec![1_000_000; 20])).chars().count(), 65);
        assert_eq!(instant(1_795_269_731), "2026-11-21T14:02:11Z");
    }
}
