//! Names for things that the document names in other ways.

use std::collections::{HashMap, HashSet};

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

/// Names that are given already.
#[derive(Debug, Default)]
pub(super) struct Taken {
    names: HashSet<String>,
    /// The number that was given last to a name, so that many of one name do not try all numbers.
    last: HashMap<String, usize>,
}

impl Taken {
    /// The name itself, or with the first number that makes it another one. It is taken from then on.
    pub(super) fn unlike(&mut self, name: &str) -> String {
        if self.names.insert(name.to_owned()) {
            return name.to_owned();
        }
        let last = self.last.entry(name.to_owned()).or_insert(1);
        loop {
            *last = last.saturating_add(1);
            let numbered = format!("{name}-{last}");
            if self.names.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Taken, word};

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
        let mut taken = Taken::default();
        let given: Vec<String> = ["a", "a", "a-2", "a", "b", "a-2"].iter().map(|name| taken.unlike(name)).collect();
        assert_eq!(given, ["a", "a-2", "a-2-2", "a-3", "b", "a-2-3"]);
    }
}
