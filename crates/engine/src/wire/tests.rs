use super::{Framing, HeadEnd, HeadLimits, TargetForm, Version, check_head, head_end, oversized};
use crate::denial::Detail;
use proptest::prelude::*;

const LIMITS: HeadLimits = HeadLimits { head_bytes_max: 32 * 1024, lines_max: 100, uri_bytes_max: 8 * 1024 };

const GOOD: &[u8] =
    b"POST /a/b?c=d HTTP/1.1\r\nHost: api.example:8080\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\
    Expect: 100-continue\r\nX-Note: \"caf\xc3\xa9\"\t1\r\n\r\n";

/// `expected` is the reason's code and a part of the detail.
fn check(name: &str, head: &[u8], expected: &str, part: &str) {
    let denial = check_head(head, &LIMITS).expect_err(name);
    assert_eq!(denial.reason.code(), expected, "{name}: {:?}", denial.detail);
    let Detail::Text(text) = &denial.detail else { panic!("{name}: {:?}", denial.detail) };
    assert!(text.contains(part), "{name}: {text}");
    assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{name}: {text}");
}

#[test]
fn facts_of_a_good_head() {
    let head = check_head(GOOD, &LIMITS).expect("a good head");
    assert_eq!(head.start, 0);
    assert_eq!(head.method.of(GOOD), b"POST");
    assert_eq!(head.target.of(GOOD), b"/a/b?c=d");
    assert_eq!((head.target_form, head.version), (TargetForm::Origin, Version::Http11));
    assert_eq!(head.framing, Framing::Length(5));
    assert!(head.keep_alive && head.expect_continue);
}

#[test]
fn facts_that_differ() {
    let facts = |bytes: &[u8]| check_head(bytes, &LIMITS).expect("a good head");
    let old = facts(b"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(
        (old.version, old.framing, old.keep_alive, old.expect_continue),
        (Version::Http10, Framing::None, false, false)
    );
    assert!(facts(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
    assert!(!facts(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, ,CLOSE\r\n\r\n").keep_alive);
    assert!(!facts(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n").keep_alive);
    assert_eq!(facts(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").start, 2);
    assert_eq!(facts(b"PUT / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:\tCHUNKED \r\n\r\n").framing, Framing::Chunked);
    assert_eq!(facts(b"GET HTTP://a/ HTTP/1.1\r\nHost: a\r\n\r\n").target_form, TargetForm::Absolute);
    assert_eq!(facts(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").target_form, TargetForm::Asterisk);
}

#[test]
fn details_name_rule_section_and_byte() {
    check(
        "NUL",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
        "header_malformed",
        "the value of X holds a control byte: \\x00 (RFC 9110, 5.5)",
    );
    check("raw byte", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", "path_malformed", "\\xff (RFC 9112, 3.2)");
    check("host byte", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "host_missing", "\\x2f (RFC 9112, 3.2)");
    check(
        "sign",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        "framing_ambiguous",
        "\\x2b (RFC 9110, 8.6)",
    );
    check(
        "nominated",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For\r\n\r\n",
        "header_malformed",
        "X-Forwarded-For",
    );
}

/// What policies judge is what upstream gets.
#[test]
fn connection_names_no_field_that_is_there() {
    let check = |lines: &str, expected: Option<&str>| {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let said = check_head(head.as_bytes(), &LIMITS).err().map(|denial| denial.detail);
        assert_eq!(said, expected.map(|text| Detail::Text(text.into())), "{lines}");
    };
    check("Connection: X-Req\r\n", None);
    check("Connection: close, , X-Req\r\nX-Request: 1\r\n", None);
    check("Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", None);
    check("TE: trailers\r\nConnection: TE\r\n", None);
    check("Keep-Alive: timeout=5\r\nConnection: keep-alive\r\nProxy-Connection: keep-alive\r\n", None);
    let said = |name: &str| Some(format!("Connection names {name}, a field of this request (RFC 9110, 7.6.1)"));
    check("Connection: X-Req\r\nX-Req: 5\r\n", said("X-Req").as_deref());
    check("x-req: 5\r\nConnection: close\r\nConnection: te ,\tX-REQ\r\n", said("X-REQ").as_deref());
    check("Content-Type: a/b\r\nConnection: Content-Type\r\n", said("Content-Type").as_deref());
    check("Content-Encoding: gzip\r\nConnection: content-encoding\r\n", said("content-encoding").as_deref());
    check("Connection: connection\r\n", said("connection").as_deref());
    let many = format!("Connection: {}\r\n", ["x"; 17].join(","));
    check(&many, Some("Connection has more than 16 options (RFC 9110, 7.6.1)"));
}

#[test]
fn limits_are_exact() {
    let head = b"GET /abc HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
    let exact = HeadLimits { head_bytes_max: head.len(), lines_max: 2, uri_bytes_max: 4 };
    assert!(check_head(head, &exact).is_ok());
    let code = |limits: HeadLimits| check_head(head, &limits).expect_err("too large").reason.code();
    assert_eq!(code(HeadLimits { head_bytes_max: head.len() - 1, ..exact }), "headers_too_large");
    assert_eq!(code(HeadLimits { lines_max: 1, ..exact }), "headers_too_large");
    assert_eq!(code(HeadLimits { uri_bytes_max: 3, ..exact }), "uri_too_long");
    let unending = [b"GET /".as_slice(), &[b'a'; 9000]].concat();
    assert_eq!(oversized(&unending, &LIMITS).reason.code(), "uri_too_long");
    assert_eq!(
        oversized(&[b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'a'; 9000]].concat(), &LIMITS).reason.code(),
        "headers_too_large"
    );
}

#[test]
fn the_ceilings_hold_whatever_the_config_says() {
    let limits = HeadLimits { head_bytes_max: usize::MAX, lines_max: usize::MAX, uri_bytes_max: usize::MAX };
    let lines = [b"GET / HTTP/1.1\r\nHost: a\r\n".as_slice(), &b"A: b\r\n".repeat(256), b"\r\n"].concat();
    assert_eq!(check_head(&lines, &limits).expect_err("257 lines").reason.code(), "headers_too_large");
    let target = [b"GET /".as_slice(), &b"a".repeat(65_534), b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    assert_eq!(check_head(&target, &limits).expect_err("65,535 bytes").reason.code(), "uri_too_long");
    let name = [b"GET / HTTP/1.1\r\nHost: a\r\n".as_slice(), &b"a".repeat(65_536), b": b\r\n\r\n"].concat();
    assert_eq!(check_head(&name, &limits).expect_err("a long name").reason.code(), "headers_too_large");
}

#[test]
fn the_end_is_found_wherever_the_reads_fall() {
    let bytes = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbody\n";
    let mut resume = 0;
    for arrived in 0..=bytes.len() {
        match head_end(&bytes[..arrived], resume) {
            HeadEnd::Missing { resume: next } => resume = next,
            HeadEnd::Found { length } => {
                assert_eq!((length, arrived), (29, 29));
                return;
            }
            HeadEnd::Broken { .. } => panic!("broken after {arrived} bytes"),
        }
    }
    panic!("no end");
}

#[test]
fn what_cannot_become_a_head_ends_the_wait() {
    for bytes in
        [b"\x16\x03\x01".as_slice(), b"\n", b" GET", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: a\n", b"\r\n\nGET"]
    {
        let HeadEnd::Broken { length } = head_end(bytes, 0) else { panic!("{}", bytes.escape_ascii()) };
        assert!(check_head(&bytes[..length], &LIMITS).is_err(), "{}", bytes.escape_ascii());
    }
}

/// What is accepted means the same to the parser behind.
fn agrees_with_httparse(head: &[u8]) -> Result<(), TestCaseError> {
    let Ok(checked) = check_head(head, &LIMITS) else { return Ok(()) };
    let mut lines = [httparse::EMPTY_HEADER; super::LINES_CEILING];
    let mut request = httparse::Request::new(&mut lines);
    prop_assert_eq!(request.parse(head), Ok(httparse::Status::Complete(head.len())));
    prop_assert_eq!(request.method.map(str::as_bytes), Some(checked.method.of(head)));
    prop_assert_eq!(request.path.map(str::as_bytes), Some(checked.target.of(head)));
    prop_assert_eq!(request.version, Some(u8::from(checked.version == Version::Http11)));
    let values = |name: &str| {
        request
            .headers
            .iter()
            .filter(|line| line.name.eq_ignore_ascii_case(name))
            .map(|line| line.value)
            .collect::<Vec<_>>()
    };
    prop_assert!(values("host").len() <= 1);
    let expected = match checked.framing {
        Framing::None => (0, 0),
        Framing::Length(length) => {
            let value = values("content-length");
            prop_assert_eq!(std::str::from_utf8(value[0]).unwrap().parse(), Ok(length));
            (1, 0)
        }
        Framing::Chunked => (0, 1),
    };
    prop_assert_eq!((values("content-length").len(), values("transfer-encoding").len()), expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_byte_changed(at in 0..GOOD.len(), byte: u8) {
        let mut head = GOOD.to_vec();
        head[at] = byte;
        agrees_with_httparse(&head)?;
    }

    #[test]
    fn one_byte_more_or_less(at in 0..GOOD.len(), byte: u8, more: bool) {
        let mut head = GOOD.to_vec();
        if more { head.insert(at, byte); } else { head.remove(at); }
        agrees_with_httparse(&head)?;
        prop_assert!(check_head(&GOOD[..at], &LIMITS).is_err(), "a head that is cut off");
    }

    #[test]
    fn parts_in_any_order(parts in prop::collection::vec(prop::sample::select(PARTS), 0..12)) {
        let head = [b"POST / HTTP/1.1\r\n".as_slice(), &parts.concat(), b"\r\n"].concat();
        agrees_with_httparse(&head)?;
    }

    #[test]
    fn anything(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        agrees_with_httparse(&bytes)?;
        match head_end(&bytes, 0) {
            HeadEnd::Broken { length } => prop_assert!(check_head(&bytes[..length], &LIMITS).is_err()),
            HeadEnd::Found { length } => prop_assert!(length <= bytes.len()),
            HeadEnd::Missing { .. } => {}
        }
    }
}

const PARTS: &[&[u8]] = &[
    b"Host: a\r\n",
    b"Host: b\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Content-Length:\t7 \r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: te, keep-alive\r\n",
    b"X: y\r\n",
    b"X:\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\n",
    b"X : y\r\n",
];

/// Every head of the corpus, rule by rule.
#[test]
fn the_corpus() {
    use testkit::heads::Expect;
    let mut wrong = Vec::new();
    for case in testkit::heads::corpus() {
        let length = match head_end(&case.bytes, 0) {
            HeadEnd::Found { length } | HeadEnd::Broken { length } => length,
            HeadEnd::Missing { .. } => case.bytes.len(),
        };
        let found = match check_head(&case.bytes[..length], &LIMITS) {
            Ok(_) => Expect::OneRequest,
            Err(denial) => Expect::Refused(denial.reason.code(), denial.kind().status()),
        };
        if found != case.expect {
            wrong.push(format!("{} (RFC {}): {found:?}, not {:?}", case.name, case.rfc, case.expect));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
