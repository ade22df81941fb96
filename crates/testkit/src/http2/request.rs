//! A request as HTTP/2 has it: a list of fields, of which the first ones say what HTTP/1.1 says in its first line, and a body in pieces.
//! May be as wrong as a test wants it to be.

use crate::http1::Headers;
use std::fmt;

type Field = (Vec<u8>, Vec<u8>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// In the order in which they are sent, pseudo-headers included.
    pub(super) fields: Vec<Field>,
    /// Each is a DATA frame of its own, or several if it is large.
    pub(super) pieces: Vec<Vec<u8>>,
}

impl Request {
    /// Method, `:scheme` http, `:authority` and `:path`, without a body.
    #[must_use]
    pub fn new(method: &str, authority: &str, path: &str) -> Self {
        let fields = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path)];
        Self { fields: fields.map(|(name, value)| (name.into(), value.into())).to_vec(), pieces: Vec::new() }
    }

    #[must_use]
    pub fn get(authority: &str, path: &str) -> Self {
        Self::new("GET", authority, path)
    }

    /// Adds a field behind the others.
    #[must_use]
    pub fn field(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Gives another value to a field that is there.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for (known, old) in &mut self.fields {
            if known == name.as_bytes() {
                *old = value.as_ref().to_vec();
            }
        }
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| known != name.as_bytes());
        self
    }

    /// One piece, and its length in `content-length`.
    #[must_use]
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len().to_string();
        self.field("content-length", length).pieces([body])
    }

    /// These pieces, whose length nobody declares.
    #[must_use]
    pub fn pieces(mut self, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        self.pieces.extend(pieces.into_iter().map(|piece| piece.as_ref().to_vec()));
        self
    }

    /// The same request as HTTP/1.1 would have it, for as long as that is no fault of HTTP/1.1 alone: of its line ends, folded lines,
    /// versions and framing, or two Hosts. What belongs to an HTTP/1.1 connection is left out. `Host` becomes `:authority`, and stays a field
    /// where the target says it already.
    #[must_use]
    pub fn of_http1(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, body) = (bytes.get(..end)?, bytes.get(end.saturating_add(4)..)?);
        let mut lines = Vec::new();
        let mut rest = head;
        while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
            lines.push(rest.get(..at)?);
            rest = rest.get(at.saturating_add(2)..)?;
        }
        lines.push(rest);
        if lines.iter().any(|line| line.contains(&b'\n') || line.contains(&b'\r')) {
            return None;
        }
        if lines.iter().any(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
            return None;
        }
        let (start, lines) = lines.split_first()?;
        let [method, target, b"HTTP/1.1"] = *start.split(|byte| *byte == b' ').collect::<Vec<_>>() else {
            return None;
        };
        let fields = lines.iter().map(|line| field(line)).collect::<Option<Vec<_>>>()?;
        if fields.iter().filter(|(name, _)| name == b"host").count() > 1 {
            return None;
        }
        let chunked = fields.iter().find(|(name, _)| name == b"transfer-encoding").map(|(_, coding)| coding.as_slice());
        let pieces = match chunked {
            None if body.is_empty() => Vec::new(),
            None => vec![body.to_vec()],
            Some(b"chunked") => chunks(body)?,
            Some(_) => return None,
        };
        Some(Self { fields: pseudo(method, target, fields), pieces })
    }

    /// All fields as the payload of a HEADERS frame.
    #[must_use]
    pub fn block(&self) -> Vec<u8> {
        super::block(&self.fields)
    }

    fn value(&self, name: &str) -> String {
        let named = self.fields.iter().find(|(known, _)| known == name.as_bytes());
        named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }

    /// What the `h2` crate sends; what it cannot is said.
    pub(super) fn head(&self) -> Result<http::Request<()>, String> {
        let mut uri = http::uri::Builder::new();
        let mut request = http::Request::builder();
        for (name, value) in &self.fields {
            let value = value.as_slice();
            match name.as_slice() {
                b":method" => request = request.method(value),
                b":scheme" => uri = uri.scheme(value),
                b":authority" => uri = uri.authority(value),
                b":path" => uri = uri.path_and_query(value),
                name if name.starts_with(b":") => return Err(format!("{} {}", name.escape_ascii(), self)),
                name => request = request.header(name, value),
            }
        }
        let uri = uri.build().map_err(|error| error.to_string())?;
        request.uri(uri).version(http::Version::HTTP_2).body(()).map_err(|error| error.to_string())
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.value(":method"), self.value(":path"))
    }
}

fn field(line: &[u8]) -> Option<Field> {
    let at = line.iter().position(|byte| *byte == b':').filter(|at| *at > 0)?;
    let value = line.get(at.saturating_add(1)..)?;
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let from = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let to = value.iter().rposition(|byte| !blank(byte)).map_or(from, |last| last.saturating_add(1));
    Some((line.get(..at)?.to_ascii_lowercase(), value.get(from..to)?.to_vec()))
}

/// What HTTP/2 forbids because it is about an HTTP/1.1 connection (RFC 9113, 8.2.2).
const OF_A_CONNECTION: [&[u8]; 5] =
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];

fn pseudo(method: &[u8], target: &[u8], mut fields: Vec<Field>) -> Vec<Field> {
    fields.retain(|(name, _)| !OF_A_CONNECTION.contains(&name.as_slice()));
    let mut all = vec![(b":method".to_vec(), method.to_vec())];
    let absolute = target.windows(3).position(|window| window == b"://").filter(|_| !target.starts_with(b"/"));
    if let Some((scheme, rest)) = absolute.and_then(|at| Some((target.get(..at)?, target.get(at.saturating_add(3)..)?)))
    {
        // The authority of the target is the request's, and Host has to agree with it.
        let path = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(path).unwrap_or((rest, b""));
        let slash: &[u8] = if path.starts_with(b"/") { b"" } else { b"/" };
        all.push((b":scheme".to_vec(), scheme.to_vec()));
        all.push((b":authority".to_vec(), authority.to_vec()));
        all.push((b":path".to_vec(), [slash, path].concat()));
    } else {
        all.push((b":scheme".to_vec(), b"http".to_vec()));
        if let Some(host) = fields.iter().position(|(name, _)| name == b"host") {
            all.push((b":authority".to_vec(), fields.remove(host).1));
        }
        all.push((b":path".to_vec(), target.to_vec()));
    }
    all.append(&mut fields);
    all
}

/// The chunks of a body that is whole and framed as it should be.
fn chunks(mut body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut pieces = Vec::new();
    loop {
        let at = body.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(body.get(..at)?).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(pieces);
        }
        let from = at.saturating_add(2);
        let to = from.saturating_add(size);
        pieces.push(body.get(from..to)?.to_vec());
        body = body.get(to..)?.strip_prefix(b"\r\n")?;
    }
}

/// Names and values as tests compare them; bytes above ASCII as Latin-1.
pub(super) fn told(fields: &http::HeaderMap) -> Headers {
    let text = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect();
    fields.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}
