//! The operator's own words in messages.

/// How many characters of them a message quotes.
const QUOTED_CHARS_MAX: usize = 80;

/// The operator's own words inside a message: in backticks, on one line, without control characters, not endless.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut shown = String::from("`");
    for (count, character) in text.chars().enumerate() {
        if count >= QUOTED_CHARS_MAX {
            shown.push('…');
            break;
        }
        if character.is_control() || is_directional(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.push('`');
    shown
}

/// Characters that reorder the line on a terminal.
const fn is_directional(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `a`, `b` or `c`.
#[must_use]
pub fn listed<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| quoted(word.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
