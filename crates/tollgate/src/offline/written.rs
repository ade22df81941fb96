//! A request that a user has written down, as the wire would have it.

use super::OfflineRequest;
use engine::denial::Denial;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::borrow::Cow;

/// The request as bytes on the wire.
pub(super) struct Written {
    pub(super) head: Vec<u8>,
    method: String,
    target: String,
    fields: Vec<(String, String)>,
}

/// And as the parsed parts of a head that is well-formed.
pub(super) struct Lines {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
}

impl Written {
    pub(super) fn of(request: &OfflineRequest) -> Self {
        let (authority, target) = split_url(&request.url);
        let mut fields = request.headers.clone();
        let has =
            |fields: &[(String, String)], name: &str| fields.iter().any(|(field, _)| field.eq_ignore_ascii_case(name));
        if !has(&fields, "host") {
            fields.insert(0, ("Host".into(), authority.to_owned()));
        }
        if let Some(body) = &request.body
            && !has(&fields, "content-length")
            && !has(&fields, "transfer-encoding")
        {
            fields.push(("Content-Length".into(), body.len().to_string()));
        }
        let mut head = format!("{} {target} HTTP/1.1\r\n", request.method).into_bytes();
        for (name, value) in &fields {
            head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        Self { head, method: request.method.clone(), target: target.into_owned(), fields }
    }

    /// After the wire check nothing of this fails.
    pub(super) fn parse(self) -> Result<Lines, Denial> {
        use engine::reason::Reason::HeaderMalformed;
        let unfit = |what: &str| Denial::new(HeaderMalformed).because(format!("{what} cannot stand in a request"));
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|_| unfit("the method"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.fields {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit("a header name"))?;
            // Bytes above ASCII may stand in a value, and spaces around it are not part of it.
            let value = HeaderValue::from_bytes(value.trim_matches([' ', '\t']).as_bytes());
            headers.append(name, value.map_err(|_| unfit("a header value"))?);
        }
        Ok(Lines { method, target: self.target, headers })
    }
}

/// Authority and origin form of an absolute URL; what has no scheme is taken as curl does, for `http`.
pub(crate) fn split_url(url: &str) -> (&str, Cow<'_, str>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or_default();
    match rest.find(['/', '?']).and_then(|at| rest.split_at_checked(at)) {
        Some((authority, target)) if target.starts_with('/') => (authority, target.into()),
        Some((authority, query)) => (authority, format!("/{query}").into()),
        None => (rest, "/".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::split_url;

    #[test]
    fn urls_are_split_as_curl_does() {
        let check = |url: &str, authority: &str, target: &str| {
            let (found, found_target) = split_url(url);
            assert_eq!((found, &*found_target), (authority, target), "{url}");
        };
        check("http://a.example/x?y=1#z", "a.example", "/x?y=1");
        check("https://a.example", "a.example", "/");
        check("a.example:8080/x", "a.example:8080", "/x");
        check("http://a.example?q", "a.example", "/?q");
    }
}
