//! Names for things that the document names in other ways.

/// The longest name that is made.
const CHARS_MAX: usize = 80;

/// Letters, digits, `_`, `.` and `-`; anything else is a dash, and several are one.
pub(super) fn word(text: &str) -> String {
    let mut word = String::new();
    for character in text.chars().take(CHARS_MAX) {
        if character.is_ascii_alphanumeric() || matches!(character, '_' | '.') {
            word.push(character);
        } else if !word.ends_with('-') && !word.is_empty() {
            word.push('-');
        }
    }
    let word = word.trim_matches(['-', '.']);
    if word.is_empty() { "unnamed".to_owned() } else { word.to_owned() }
}

/// The name itself, or with the first number that makes it another one.
pub(super) fn unlike(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(name) {
        return name.to_owned();
    }
    let mut number = 2_usize;
    loop {
        let numbered = format!("{name}-{number}");
        if !is_taken(&numbered) {
            return numbered;
        }
        number = number.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{unlike, word};

    #[test]
    fn names_are_words() {
        let check = |text: &str, expected: &str| assert_eq!(word(text), expected, "{text}");
        check("getPet", "getPet");
        check("GET /pets/{petId}.json", "GET-pets-petId-.json");
        check("  Pet Store (v1.2) ", "Pet-Store-v1.2");
        check("日本", "unnamed");
        check("", "unnamed");
    }

    #[test]
    fn a_name_is_given_once() {
        assert_eq!(unlike("a", |_| false), "a");
        assert_eq!(unlike("a", |name| matches!(name, "a" | "a-2")), "a-3");
    }
}
