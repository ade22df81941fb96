//! The raw head and the chunked body: one reading, and the same one that the parser behind comes to.

use engine::announced::Announced;
use engine::denial::{Denial, Detail};
use engine::request::{RequestHead, RequestParts, RequestRules};
use engine::wire::chunked::Chunks;
use engine::wire::{CheckedHead, Framing, HeadEnd, HeadLimits, LINES_CEILING, Version, check_head, head_end};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::net::{IpAddr, Ipv4Addr};

const LIMITS: HeadLimits = HeadLimits { head_bytes_max: 32 * 1024, lines_max: 100, uri_bytes_max: 8 * 1024 };
const UNLIMITED: HeadLimits =
    HeadLimits { head_bytes_max: usize::MAX, lines_max: usize::MAX, uri_bytes_max: usize::MAX };

/// The input is what a client sends. Its first head, whatever follows, is checked and held against httparse and the engine's own
/// reading of the parsed fields; the end of the head is the same wherever the reads fall.
pub fn wire_head(data: &[u8]) {
    let whole = head_end(data, 0);
    assert_eq!(arriving(data), whole, "the end depends on how the bytes arrive");
    let head = match whole {
        HeadEnd::Found { length } => &data[..length],
        HeadEnd::Broken { length } => {
            assert!(check_head(&data[..length], &LIMITS).is_err(), "a broken head passes");
            assert!(check_head(&data[..length], &UNLIMITED).is_err(), "a broken head passes without limits");
            data
        }
        HeadEnd::Missing { .. } => {
            assert!(check_head(data, &UNLIMITED).is_err(), "a head without an end passes");
            return;
        }
    };
    match check_head(head, &LIMITS) {
        Ok(checked) => {
            assert_eq!(check_head(head, &UNLIMITED).as_ref(), Ok(&checked), "limits change the reading");
            means_the_same(head, &checked);
        }
        Err(denial) => is_presentable(&denial),
    }
}

/// The search resumed after each byte, as a slow client makes it.
fn arriving(data: &[u8]) -> HeadEnd {
    let mut resume = 0;
    for arrived in 0..=data.len() {
        match head_end(&data[..arrived], resume) {
            HeadEnd::Missing { resume: next } => resume = next,
            end @ (HeadEnd::Found { .. } | HeadEnd::Broken { .. }) => return end,
        }
    }
    HeadEnd::Missing { resume }
}

fn is_presentable(denial: &Denial) {
    if let Detail::Text(text) = &denial.detail {
        assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "a raw byte in {text:?}");
    }
}

fn means_the_same(head: &[u8], checked: &CheckedHead) {
    let mut lines = [httparse::EMPTY_HEADER; LINES_CEILING];
    let mut request = httparse::Request::new(&mut lines);
    assert_eq!(request.parse(head), Ok(httparse::Status::Complete(head.len())), "the parser behind refuses it");
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    assert_eq!(method.as_bytes(), checked.method.of(head));
    assert_eq!(target.as_bytes(), checked.target.of(head));
    assert_eq!(request.version, Some(u8::from(checked.version == Version::Http11)));
    assert_eq!(framing(request.headers), checked.framing);
    assert_eq!(keeps_alive(request.headers, checked.version), checked.keep_alive);

    let mut headers = HeaderMap::new();
    for line in request.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes()).expect("a name that the map can hold");
        headers.append(name, HeaderValue::from_bytes(line.value).expect("a value that the map can hold"));
    }
    let method = Method::from_bytes(method.as_bytes()).expect("a method that the type can hold");
    let parts =
        RequestParts { method: &method, target, headers: &headers, peer: IpAddr::V4(Ipv4Addr::LOCALHOST), tls: false };
    let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: LIMITS.uri_bytes_max };
    let Ok(parsed) = RequestHead::parse(parts, &rules) else { return };
    let announced = match checked.framing {
        Framing::None | Framing::Length(0) => Announced::None,
        Framing::Length(length) => Announced::Length(length),
        Framing::Chunked => Announced::Unknown,
    };
    assert_eq!(Announced::of(&parsed), announced, "the policy for bodies reads another length");
}

/// What any reader of RFC 9112, 6.3 has to come to; a panic where there is more than one answer.
fn framing(lines: &[httparse::Header<'_>]) -> Framing {
    let values = |name: &str| -> Vec<&str> {
        let lines = lines.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
        lines.map(|line| std::str::from_utf8(line.value).expect("a framing field of ASCII")).collect()
    };
    match (values("transfer-encoding").as_slice(), values("content-length").as_slice()) {
        ([], []) => Framing::None,
        ([], [length]) => Framing::Length(length.parse().expect("a number")),
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Framing::Chunked,
        other => panic!("more than one length: {other:?}"),
    }
}

fn keeps_alive(lines: &[httparse::Header<'_>], version: Version) -> bool {
    let fields = lines.iter().filter(|line| line.name.eq_ignore_ascii_case("connection"));
    let text: Vec<String> = fields.map(|line| String::from_utf8_lossy(line.value).to_ascii_lowercase()).collect();
    let has = |option: &str| text.iter().flat_map(|value| value.split(',')).any(|part| part.trim() == option);
    !has("close") && (version == Version::Http11 || has("keep-alive"))
}

/// More than this is split at some places only.
const SPLITS_MAX: usize = 128;

/// The input is a body as it arrives, with whatever follows it. A reader that has it all at once, and httparse for each size, come
/// to the same end; so does one that gets it in two parts, or byte by byte.
pub fn chunked(data: &[u8]) {
    let expected = Body { rest: data }.read().map(|rest| data.len() - rest.len());
    let step = data.len().div_ceil(SPLITS_MAX).max(1);
    for at in (0..=data.len()).step_by(step) {
        let (first, second) = data.split_at(at);
        check_chunks(&[first, second], expected);
    }
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    check_chunks(&bytes, expected);
}

fn check_chunks(parts: &[&[u8]], expected: Result<usize, Stop>) {
    let mut chunks = Chunks::new();
    let mut taken = 0;
    for part in parts {
        match chunks.follow(part) {
            Ok(count) => {
                assert!(count == part.len() || chunks.is_done(), "bytes are left before the end");
                taken += count;
            }
            Err(fault) => return assert_eq!(expected, Err(Stop::Fault), "{fault}"),
        }
    }
    assert_eq!(expected, if chunks.is_done() { Ok(taken) } else { Err(Stop::More) });
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    More,
    Fault,
}

/// RFC 9112, 7.1 read straight down.
struct Body<'a> {
    rest: &'a [u8],
}

impl<'a> Body<'a> {
    fn next(&mut self) -> Result<u8, Stop> {
        let (first, rest) = self.rest.split_first().ok_or(Stop::More)?;
        self.rest = rest;
        Ok(*first)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        if self.next()? == byte { Ok(()) } else { Err(Stop::Fault) }
    }

    fn read(mut self) -> Result<&'a [u8], Stop> {
        loop {
            let line = self.rest;
            let size = self.size()?;
            let length = line.len() - self.rest.len();
            let behind = httparse::parse_chunk_size(line);
            assert_eq!(behind, Ok(httparse::Status::Complete((length, size))), "the parser behind reads another size");
            if size == 0 {
                return self.trailers();
            }
            let size = usize::try_from(size).map_err(|_| Stop::More)?;
            self.rest = self.rest.get(size..).ok_or(Stop::More)?;
            self.expect(b'\r')?;
            self.expect(b'\n')?;
        }
    }

    fn size(&mut self) -> Result<u64, Stop> {
        let mut digits = String::new();
        let mut byte = self.next()?;
        while byte.is_ascii_hexdigit() {
            digits.push(char::from(byte));
            // 17 digits or a 64th bit.
            if digits.len() > 16 || u64::from_str_radix(&digits, 16).is_ok_and(|size| size > u64::MAX / 2) {
                return Err(Stop::Fault);
            }
            byte = self.next()?;
        }
        if digits.is_empty() {
            return Err(Stop::Fault);
        }
        let (mut extension, mut named) = (0, false);
        while byte != b'\r' {
            extension += 1;
            named |= byte == b';';
            let allowed = if named { is_value(byte) } else { matches!(byte, b' ' | b'\t') };
            if extension > 256 || !allowed {
                return Err(Stop::Fault);
            }
            byte = self.next()?;
        }
        self.expect(b'\n')?;
        u64::from_str_radix(&digits, 16).map_err(|_| Stop::Fault)
    }

    fn trailers(mut self) -> Result<&'a [u8], Stop> {
        // Every byte but the line feeds.
        let mut left = 8 * 1024;
        let mut next = |body: &mut Self| -> Result<u8, Stop> {
            let byte = body.next()?;
            left = i32::checked_sub(left, 1).filter(|left| *left >= 0).ok_or(Stop::Fault)?;
            Ok(byte)
        };
        loop {
            let mut byte = next(&mut self)?;
            if byte == b'\r' {
                self.expect(b'\n')?;
                return Ok(self.rest);
            }
            if !is_token(byte) {
                return Err(Stop::Fault);
            }
            while byte != b':' {
                byte = next(&mut self)?;
                if byte != b':' && !is_token(byte) {
                    return Err(Stop::Fault);
                }
            }
            while byte != b'\r' {
                byte = next(&mut self)?;
                if byte != b'\r' && !is_value(byte) {
                    return Err(Stop::Fault);
                }
            }
            self.expect(b'\n')?;
        }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
