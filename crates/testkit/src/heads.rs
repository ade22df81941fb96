//! Request heads that are malformed, ambiguous or only look so, rule by rule of RFC 9112.
//!
//! Each case is what a client sends on a connection of its own. A refused one gets its status and a close, and no upstream hears of
//! it; an accepted one is exactly one well-formed request at the upstream, whatever its body looks like.

mod connection;
mod field;
mod framing;
mod host;
mod line;
mod target;

/// What has to come of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The reason's code and the status, with the connection closed.
    Refused(&'static str, u16),
    /// One request at the upstream, and an answer.
    OneRequest,
}

/// One connection's worth of bytes.
#[derive(Clone, Debug)]
pub struct HeadCase {
    pub name: &'static str,
    /// The section that decides, of RFC 9112 unless another number stands before it.
    pub rfc: &'static str,
    /// The whole request, body included.
    pub bytes: Vec<u8>,
    pub expect: Expect,
}

const MALFORMED: Expect = Expect::Refused("header_malformed", 400);
const AMBIGUOUS: Expect = Expect::Refused("framing_ambiguous", 400);
const PATH: Expect = Expect::Refused("path_malformed", 400);
const HOST: Expect = Expect::Refused("host_missing", 400);
const METHOD: Expect = Expect::Refused("method_not_allowed", 405);
const URI: Expect = Expect::Refused("uri_too_long", 414);
const LARGE: Expect = Expect::Refused("headers_too_large", 431);
const ONE: Expect = Expect::OneRequest;

/// All cases, in the order of the RFC's sections. For limits of 32 KiB, 100 lines and 8 KiB for the target.
#[must_use]
pub fn corpus() -> Vec<HeadCase> {
    [line::cases(), target::cases(), host::cases(), field::cases(), framing::cases(), connection::cases()].concat()
}

/// Whole requests.
fn raw(rfc: &'static str, expect: Expect, cases: &[(&'static str, &[u8])]) -> Vec<HeadCase> {
    cases.iter().map(|(name, bytes)| HeadCase { name, rfc, bytes: bytes.to_vec(), expect }).collect()
}

/// Request lines, without their end, before good fields.
fn lines(rfc: &'static str, expect: Expect, cases: &[(&'static str, &[u8])]) -> Vec<HeadCase> {
    wrap(rfc, expect, cases, b"", b"\r\nHost: a.example\r\n\r\n")
}

/// Targets of a GET.
fn targets(rfc: &'static str, expect: Expect, cases: &[(&'static str, &[u8])]) -> Vec<HeadCase> {
    wrap(rfc, expect, cases, b"GET ", b" HTTP/1.1\r\nHost: a.example\r\n\r\n")
}

/// Values of the only Host field.
fn hosts(rfc: &'static str, expect: Expect, cases: &[(&'static str, &[u8])]) -> Vec<HeadCase> {
    wrap(rfc, expect, cases, b"GET / HTTP/1.1\r\nHost:", b"\r\n\r\n")
}

/// Field lines with their ends, between a good Host and the end of a head without body.
fn fields(rfc: &'static str, expect: Expect, cases: &[(&'static str, &[u8])]) -> Vec<HeadCase> {
    wrap(rfc, expect, cases, b"GET / HTTP/1.1\r\nHost: a.example\r\n", b"\r\n")
}

/// Field lines with their ends, the empty line and the body, behind a good Host.
fn bodies(rfc: &'static str, expect: Expect, cases: &[(&'static str, &[u8])]) -> Vec<HeadCase> {
    wrap(rfc, expect, cases, b"POST /body HTTP/1.1\r\nHost: a.example\r\n", b"")
}

fn wrap(
    rfc: &'static str,
    expect: Expect,
    cases: &[(&'static str, &[u8])],
    before: &[u8],
    behind: &[u8],
) -> Vec<HeadCase> {
    let case =
        |(name, bytes): &(&'static str, &[u8])| HeadCase { name, rfc, bytes: [before, bytes, behind].concat(), expect };
    cases.iter().map(case).collect()
}

#[cfg(test)]
mod tests {
    use super::{Expect, corpus};
    use std::collections::HashSet;

    #[test]
    fn the_corpus_is_large_and_every_name_its_own() {
        let cases = corpus();
        assert!(cases.len() >= 200, "{}", cases.len());
        let names: HashSet<_> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len());
        assert!(cases.iter().filter(|case| case.expect == Expect::OneRequest).count() >= 40);
    }
}
