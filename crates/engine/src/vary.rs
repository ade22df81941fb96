//! `Vary` (RFC 9110, 12.5.5): what is added to it, and what is there already.

use http::header::{self, HeaderMap, HeaderValue};

/// Sees to it that `names` are in `Vary`, as one line and none of them twice. `*` says more than any name and stays.
pub fn add(headers: &mut HeaderMap, names: &[&str]) {
    if let Some(value) = extended(|| headers.get_all(header::VARY).iter(), names) {
        headers.insert(header::VARY, value);
    }
}

/// What stands in the place of all `lines` then; none where nothing is to be added.
#[must_use]
pub fn extended<'a, I>(lines: impl Fn() -> I, names: &[&str]) -> Option<HeaderValue>
where
    I: Iterator<Item = &'a HeaderValue>,
{
    let lines = || lines().map(|line| line.as_bytes().trim_ascii());
    let items = || lines().flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    if items().any(|item| item == b"*") {
        return None;
    }
    let missing = |name: &&&str| !items().any(|item| item.eq_ignore_ascii_case(name.as_bytes()));
    let mut missing = names.iter().filter(missing).peekable();
    missing.peek()?;
    let mut list = Vec::with_capacity(64);
    for item in lines().filter(|line| !line.is_empty()).chain(missing.map(|name| name.as_bytes())) {
        if !list.is_empty() {
            list.extend_from_slice(b", ");
        }
        list.extend_from_slice(item);
    }
    HeaderValue::from_bytes(&list).ok()
}

#[cfg(test)]
mod tests {
    use super::add;
    use http::header::{self, HeaderMap, HeaderValue};

    #[test]
    fn names_are_added_once() {
        let check = |before: &[&'static str], names: &[&str], after: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in before {
                headers.append(header::VARY, HeaderValue::from_static(line));
            }
            add(&mut headers, names);
            let found: Vec<_> = headers.get_all(header::VARY).iter().map(|line| line.to_str().unwrap()).collect();
            assert_eq!(found, after, "{before:?} and {names:?}");
        };
        check(&[], &["Origin"], &["Origin"]);
        check(&["Origin"], &["Origin"], &["Origin"]);
        check(&["accept-encoding,origin"], &["Origin"], &["accept-encoding,origin"]);
        check(&["Accept-Encoding"], &["Origin"], &["Accept-Encoding, Origin"]);
        check(&["Accept-Encoding", "Accept"], &["Origin"], &["Accept-Encoding, Accept, Origin"]);
        check(&["Accept-Encoding", "Origin"], &["Origin"], &["Accept-Encoding", "Origin"]);
        check(&["*"], &["Origin"], &["*"]);
        check(&["Accept, *"], &["Origin"], &["Accept, *"]);
        check(&["X-Origin"], &["Origin"], &["X-Origin, Origin"]);
        check(&[""], &["Origin"], &["Origin"]);
        check(&["Origin"], &["Origin", "X-Version"], &["Origin, X-Version"]);
    }
}
