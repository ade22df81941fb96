//! Did you mean …?

/// The candidate that a slip of the fingers or of the convention (`rate_limit`, `ratelimit`) most likely meant.
#[must_use]
pub(crate) fn closest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let bare = bare(written);
    let distance_max = match bare.chars().count() {
        0..=2 => 0,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&bare, &self::bare(candidate)), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, candidate)| (*distance, written.len().abs_diff(candidate.len())))
        .map(|(_, candidate)| candidate)
}

/// Without case, `_`, `-` and spaces; bounded, as the distance costs the product of both lengths.
fn bare(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).take(64).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let keys = ["rateLimit", "upstream", "host", "hosts", "paths", "auth", "body", "ip"];
        let check = |written: &str, expected: Option<&str>| assert_eq!(closest(written, keys), expected, "{written}");
        check("rate_limit", Some("rateLimit"));
        check("ratelimt", Some("rateLimit"));
        check("upstraem", Some("upstream"));
        check("path", Some("paths"));
        check("hots", Some("host"));
        check("cors", None);
        check("backend", None);
        check("pi", None);
        check(&"x".repeat(100_000), None);
    }
}
