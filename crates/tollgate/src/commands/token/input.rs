//! The token in what a user has at hand: the token itself, a header line, the answer of a token endpoint.

use super::Failure;
use serde_json::Value;
use std::io::Read as _;
use std::path::Path;

/// A file larger than this holds no token that a gateway would look at.
const INPUT_BYTES_MAX: u64 = 64 * 1024;

pub(super) struct Input {
    pub(super) token: String,
    /// What was done to find it.
    pub(super) notes: Vec<&'static str>,
}

pub(super) fn read(path: &Path) -> Result<Input, Failure> {
    let shown = path.display().to_string();
    let failed = |source| Failure::Read { path: shown.clone(), source };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(INPUT_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(INPUT_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > INPUT_BYTES_MAX) {
        return Err(Failure::Usage(format!("{shown} is larger than 64 KiB: that is no token")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{shown} is no text")))?;
    find(&text).map_err(|why| Failure::Usage(format!("{shown}: {why}")))
}

fn find(text: &str) -> Result<Input, String> {
    let mut notes = Vec::new();
    let mut text = unquoted(text.trim_start_matches('\u{feff}').trim());
    let json: Value;
    if text.starts_with('{') {
        json = serde_json::from_str(text).map_err(|_| "it begins like JSON and is none".to_owned())?;
        text = of_json(&json, &mut notes)?.trim();
    } else if let Some(value) = text.lines().find_map(authorization) {
        text = unquoted(value.trim());
    }
    match text.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => text = token.trim(),
        Some((scheme, _)) if is_scheme(scheme) => return Err(format!("the scheme is {scheme}, not Bearer")),
        None if text.eq_ignore_ascii_case("Bearer") => text = "",
        Some(_) | None => {}
    }
    let token: String = text.split_whitespace().collect();
    if token.len() != text.len() {
        notes.push("white space within the token was taken out: with it the gateway would refuse it");
    }
    if token.is_empty() {
        return Err("there is no token in it".to_owned());
    }
    Ok(Input { token, notes })
}

/// The value of an `Authorization` line, also of one that was copied with curl's `-H`.
fn authorization(line: &str) -> Option<&str> {
    const NAME: &str = "authorization:";
    let line = line.trim();
    let line = unquoted(line.strip_prefix("-H").map_or(line, str::trim_start));
    let (name, value) = line.split_at_checked(NAME.len())?;
    name.eq_ignore_ascii_case(NAME).then_some(value)
}

fn of_json<'j>(json: &'j Value, notes: &mut Vec<&'static str>) -> Result<&'j str, String> {
    let member = |name: &str| json.get(name).and_then(Value::as_str);
    if let Some(token) = member("access_token") {
        notes.push("this is JSON: its access_token was taken. A client has to send that alone");
        return Ok(token);
    }
    if let Some(token) = member("id_token") {
        notes.push(
            "this is JSON without access_token: its id_token was taken, which is for the client and not for an API",
        );
        return Ok(token);
    }
    Err("it is JSON without access_token".to_owned())
}

/// `Basic` and its like: short words, which no token is.
fn is_scheme(word: &str) -> bool {
    (1..=16).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
}

fn unquoted(text: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).map_or(text, str::trim)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_token_is_found_in_what_users_have_at_hand() {
        #[track_caller]
        fn check(text: &str, expected: Result<(&str, usize), &str>) {
            match (find(text), expected) {
                (Ok(found), Ok((token, notes))) => {
                    assert_eq!((&*found.token, found.notes.len()), (token, notes), "{text:?}");
                }
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{text:?}: {why}"),
                (found, _) => panic!("{text:?}: {:?}", found.map(|found| found.token)),
            }
        }
        check("a.b.c", Ok(("a.b.c", 0)));
        check("\u{feff} a.b.c\r\n", Ok(("a.b.c", 0)));
        check("\"a.b.c\"\n", Ok(("a.b.c", 0)));
        check("Bearer a.b.c", Ok(("a.b.c", 0)));
        check("bearer\ta.b.c\n", Ok(("a.b.c", 0)));
        check("Authorization: Bearer a.b.c\r\n", Ok(("a.b.c", 0)));
        check("authorization:a.b.c", Ok(("a.b.c", 0)));
        check("-H 'Authorization: Bearer a.b.c'", Ok(("a.b.c", 0)));
        check("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a.b.c\r\nAccept: */*\r\n", Ok(("a.b.c", 0)));
        check("a.b\n.c\n", Ok(("a.b.c", 1)));
        check(r#"{"access_token":"a.b.c","refresh_token":"x"}"#, Ok(("a.b.c", 1)));
        check(r#"{"id_token":"a.b.c"}"#, Ok(("a.b.c", 1)));
        check(r#"{"token":"a.b.c"}"#, Err("without access_token"));
        check(r#"{"access_token":"#, Err("is none"));
        check("Authorization: Basic YTpi", Err("the scheme is Basic"));
        check(" \n", Err("no token"));
        check("Bearer ", Err("no token"));
    }
}
