//! Which bytes of a config nobody may see, and the text without them.
//!
//! Two nets: by line (works on text that is not even YAML) and by tree (`yaml.rs` reports the scalars under a secret key, whatever
//! lines they span).

use std::ops::Range;

/// Keys whose literal values are secrets wherever they stand; compared without case.
const SECRET_KEYS: &[&str] = &[
    // A `sha256` that is none may well be the key itself, put into the wrong place.
    "secret",
    "value",
    "sha256",
    "argon2id",
    "password",
    "passwd",
    "pass",
    "pwd",
    "passphrase",
    "requirepass",
    "token",
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-token",
    "access-token",
    "client-secret",
];

/// What holds secrets, and the keys in it whose values are none. Whatever else stands there may be one in the wrong place.
const VAULTS: &[(&str, &[&str])] = &[
    ("apiKeys", &["expires", "hideFromUpstream", "label", "location", "revoked"]),
    ("passwords", &["failuresPerMinute", "hideFromUpstream", "rememberFor", "user"]),
    (
        "keys",
        &[
            "caFile",
            "gatesReadiness",
            "jwksFile",
            "jwksUrl",
            "kid",
            "pemFile",
            "refetchInterval",
            "refresh",
            "staleFor",
            "timeout",
        ],
    ),
];

/// A longer line is hidden as a whole: nobody reads it, and looking for secrets in it would take long.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// Whether all that stands under this key is secret.
#[must_use]
pub(crate) fn is_secret_key(key: &str) -> bool {
    SECRET_KEYS.iter().any(|secret| key.eq_ignore_ascii_case(secret))
}

/// Whether all of a map or list is secret, by the key under which it stands and the one around that.
#[must_use]
pub(crate) fn hides_all(key: &str, around: Option<&str>) -> bool {
    around.and_then(vault).is_some_and(|open| !open.contains(&key))
}

fn vault(name: &str) -> Option<&'static [&'static str]> {
    VAULTS.iter().find(|(vault, _)| *vault == name).map(|(_, open)| *open)
}

/// Whether a scalar is a secret, by the key under which it stands, itself or as an item of a list, and the one around that.
#[must_use]
pub(crate) fn hides(key: &str, around: Option<&str>) -> bool {
    is_secret_key(key)
        || vault(key).is_some()
        || SECRET_KEYS.iter().any(|secret| is_slip(key, secret))
        || hides_all(key, around)
}

/// Whether the scalar at a JSON pointer is a secret.
#[must_use]
pub(crate) fn hides_at(pointer: &str) -> bool {
    let is_index = |token: &&str| token.bytes().all(|byte| byte.is_ascii_digit());
    let mut keys = pointer.rsplit('/').filter(|token| !is_index(token));
    let Some(key) = keys.next() else { return false };
    let around = keys.next();
    hides(key, around) || around.into_iter().chain(keys).any(is_secret_key)
}

/// One letter too many, too few or wrong, or two in each other's place.
fn is_slip(written: &str, meant: &str) -> bool {
    let (written, meant) = (written.as_bytes(), meant.as_bytes());
    if meant.len() < 5 || written.len().abs_diff(meant.len()) > 1 {
        return false;
    }
    let same = |(one, other): &(&u8, &u8)| one.eq_ignore_ascii_case(other);
    let begin = written.iter().zip(meant).take_while(same).count();
    let (written, meant) = (written.get(begin..).unwrap_or_default(), meant.get(begin..).unwrap_or_default());
    let end = written.iter().rev().zip(meant.iter().rev()).take_while(same).count();
    let left = |word: &[u8]| word.get(..word.len().saturating_sub(end)).unwrap_or_default().to_ascii_lowercase();
    match (left(written).as_slice(), left(meant).as_slice()) {
        ([_], [_] | []) | ([], [_]) => true,
        ([one, two], [three, four]) => one == four && two == three,
        (_, _) => false,
    }
}

/// Whether this scalar holds nothing but a placeholder, which may be shown.
#[must_use]
pub(crate) fn is_placeholder(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'']);
    text.strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|inner| !inner.contains([':', '{', '}']))
        || text.starts_with("${file:") && text.find('}') == text.len().checked_sub(1)
}

/// What follows `secret:` and its like on each line, for text that may not be YAML at all; and whatever looks like a JWT.
pub(crate) fn secrets_by_line(text: &str) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        let end = start.saturating_add(line.len());
        if line.len() > LINE_BYTES_MAX {
            secrets.push(start..end);
        } else {
            secrets.extend(
                values_of_secret_keys(line)
                    .into_iter()
                    .chain(tokens(line))
                    .chain(passwords_in_urls(line))
                    .map(|found| start.saturating_add(found.start)..start.saturating_add(found.end)),
            );
        }
        start = end;
    }
    secrets
}

fn values_of_secret_keys(line: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in line.match_indices(':') {
        let (Some(before), Some(after)) = (line.get(..at), line.get(at.saturating_add(1)..)) else { continue };
        if found.last().is_some_and(|last| at < last.end) || !hides(last_word(before), None) {
            continue;
        }
        let value = value_of(after);
        let blank = after.len().saturating_sub(after.trim_start().len());
        let start = at.saturating_add(1).saturating_add(blank);
        if !value.is_empty() && !is_placeholder(value) && !is_collection(value) {
            found.push(start..start.saturating_add(value.len()));
        }
    }
    found
}

/// What stands between scheme and `@`: a user and a password, or a password alone.
fn passwords_in_urls(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, scheme) in line.match_indices("://") {
        let start = at.saturating_add(scheme.len());
        let rest = line.get(start..).unwrap_or_default();
        let rest = rest.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).next().unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let is_store = line.get(..at).is_some_and(|before| before.ends_with("redis") || before.ends_with("rediss"));
        // A password may hold what ends an authority: then no port is before it.
        let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let is_cut = !authority.contains('@') && authority.rsplit_once(':').is_some_and(|(_, port)| !is_port(port));
        let login = if is_store || is_cut { rest } else { authority };
        let Some((user, _)) = login.rsplit_once('@') else { continue };
        if user.contains(':') && !is_placeholder(user.split_once(':').map_or(user, |(_, password)| password)) {
            found.push(start..start.saturating_add(user.len()));
        }
    }
    found
}

/// JWTs begin with a JSON object in base64url.
fn tokens(line: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in line.match_indices("eyJ") {
        if found.last().is_none_or(|last| at >= last.end) {
            let length = line.get(at..).map_or(0, |rest| rest.find(|c| !is_token(c)).unwrap_or(rest.len()));
            found.push(at..at.saturating_add(length));
        }
    }
    found
}

/// Whether this URL brings a password along.
pub(crate) fn has_login(url: &str) -> bool {
    !passwords_in_urls(url).is_empty()
}

/// The word before a colon; looks back only as far as a secret key is long.
fn last_word(before: &str) -> &str {
    let mut from = before.len().saturating_sub(64);
    while !before.is_char_boundary(from) {
        from = from.saturating_add(1);
    }
    let trimmed = before.get(from..).unwrap_or_default().trim_end().trim_end_matches(['"', '\'']);
    trimmed.rsplit(|c: char| c.is_whitespace() || matches!(c, '{' | '[' | ',' | '"' | '\'')).next().unwrap_or(trimmed)
}

/// The scalar at the beginning of what follows a colon.
fn value_of(after: &str) -> &str {
    let after = after.trim();
    let after = after.split_once(" #").map_or(after, |(value, _)| value.trim_end());
    let quote = after.chars().next().filter(|first| matches!(first, '"' | '\''));
    let end = match quote {
        Some(quote) => after.char_indices().skip(1).find(|(_, c)| *c == quote).map(|(at, _)| at.saturating_add(1)),
        None if after.starts_with("${") => after.find('}').map(|at| at.saturating_add(1)),
        None => after.find([',', '}', ']']),
    };
    end.and_then(|end| after.get(..end)).unwrap_or(after)
}

/// A map, a list or the head of a block scalar: what is secret in it is found by its own key or by the tree.
fn is_collection(value: &str) -> bool {
    value.starts_with(['{', '[', '|', '>', '*', '&'])
}

const fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '=')
}

/// Each secret character becomes one of the same width in bytes, so that columns and offsets stay what they were.
pub(crate) fn masked(text: &str, secrets: &[Range<usize>]) -> String {
    let mut ranges: Vec<&Range<usize>> = secrets.iter().collect();
    ranges.sort_by_key(|range| range.start);
    let mut ranges = ranges.into_iter().peekable();
    let mut hidden_until = 0_usize;
    text.char_indices()
        .map(|(at, character)| {
            while let Some(range) = ranges.next_if(|range| range.start <= at) {
                hidden_until = hidden_until.max(range.end);
            }
            match character {
                '\n' | '\r' => character,
                _ if at >= hidden_until => character,
                _ => match character.len_utf8() {
                    1 => '*',
                    2 => '\u{b7}',
                    3 => '\u{2022}',
                    _ => '\u{1f7c4}',
                },
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(masked(text, &secrets_by_line(text)), expected);
    }

    #[test]
    fn literal_secrets_are_hidden_and_placeholders_are_not() {
        check("secret: hunter2\nname: a", "secret: *******\nname: a");
        check("- { kid: a, secret: 'x, y', alg: HS256 }", "- { kid: a, secret: ******, alg: HS256 }");
        check("{\"value\": \"abc\"}", "{\"value\": *****}");
        check("secret: ${KEY}  # ours", "secret: ${KEY}  # ours");
        check("secret: hunter2 # theirs", "secret: ******* # theirs");
        check("- { secret: ${KEY}, kid: a }", "- { secret: ${KEY}, kid: a }");
        check("secret: ${KEY:-hunter2}", "secret: ***************");
        check("secret: \"${file:/run/key}\"", "secret: \"${file:/run/key}\"");
        check("  - value: a b c\n", "  - value: *****\n");
        check("X-Api-Key: tg_1", "X-Api-Key: ****");
        check("keys: [{ value: a }]", "keys: [{ value: **}]");
        check("x: Bearer eyJhbGciOi.J9.x end", "x: Bearer *************** end");
        check("url: http://gate:hunter2@a.example/x@y", "url: http://************@a.example/x@y");
        check("url: redis://:hunter2@a", "url: redis://********@a");
        check("url: http://gate:${PASSWORD}@a.example/", "url: http://gate:${PASSWORD}@a.example/");
        check("url: http://a.example/x:y@z", "url: http://a.example/x:y@z");
        check("secret: aü€b", "secret: *\u{b7}\u{2022}*");
        check("consumerId: value", "consumerId: value");
        check("url: \"rediss://gate:p@ss@host:6379/0\" # ours", "url: \"rediss://*********@host:6379/0\" # ours");
        check("url: redis://host", "url: redis://host");
        check("url: redis://:abc/def==@10.0.0.1:6379", "url: redis://**********@10.0.0.1:6379");
        check("url: redis://:1/2@host/0", "url: redis://****@host/0");
        check("url: http://gate:hun?ter#2@host/", "url: http://**************@host/");
        check("url: http://a.example:8080/x:y@z", "url: http://a.example:8080/x:y@z");
        check("apiKeys: hunter2", "apiKeys: *******");
        check("vaule: hunter2", "vaule: *******");
        let long = "secret:".repeat(1_500);
        check(&long, &"*".repeat(long.len()));
        check("secret: a:b secret: c", "secret: *************");
    }

    #[test]
    fn a_place_is_secret_by_its_keys() {
        let check = |pointer: &str, expected: bool| assert_eq!(hides_at(pointer), expected, "{pointer}");
        check("/consumers/0/apiKeys", true);
        check("/consumers/0/apiKeys/3", true);
        check("/consumers/0/apiKeys/3/value/0", true);
        check("/consumers/0/apiKeys/3/vaule", true);
        check("/consumers/0/apiKeys/3/key", true);
        check("/consumers/0/apiKeys/3/label", false);
        check("/consumers/0/passwords/0/pasword", true);
        check("/consumers/0/passwords/0/user", false);
        check("/apiKeys/location/header", false);
        check("/apiKeys/hideFromUpstream", false);
        check("/jwtProviders/main/keys/0/kid", false);
        check("/jwtProviders/main/keys/0/k", true);
        check("/routes/0/rateLimit/key", false);
        check("/store/redis/url", false);
        check("/store/redis/pass", true);
        check("/a/secret/b/c", true);
        check("/routes/0/name", false);
        check("", false);
    }

    /// Keys of the format that are no secrets are not taken for one, and those of a vault are all listed.
    #[test]
    fn the_formats_own_keys_are_known() {
        let schema = crate::schema::schema();
        let definition = |name: &str| {
            schema.pointer(&format!("/definitions/{name}/properties")).and_then(|keys| keys.as_object()).unwrap()
        };
        let vaults = [("ApiKey", "apiKeys"), ("User", "passwords"), ("JwtKey", "keys")];
        for (section, vault) in vaults {
            let open = VAULTS.iter().find(|(name, _)| *name == vault).unwrap().1;
            for key in definition(section).keys() {
                assert_eq!(open.contains(&key.as_str()), !is_secret_key(key), "{section}: {key}");
            }
        }
        let mut slips: Vec<String> = crate::schema::keys().into_iter().collect();
        slips.retain(|key| hides(key, None) && !is_secret_key(key));
        assert_eq!(slips, ["apiKeys", "keys", "passwords"]);
    }
}
