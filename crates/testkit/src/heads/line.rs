//! The message as a whole, the request line, the method and the version (RFC 9112, 2 and 3; RFC 9110, 9).

use super::{HeadCase, MALFORMED, METHOD, ONE, lines, raw};

pub(super) fn cases() -> Vec<HeadCase> {
    [
        raw("2.2", MALFORMED, LINE_ENDS),
        raw(
            "2.2",
            ONE,
            &[("one empty line before the request line", b"\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n")],
        ),
        raw("2.1", MALFORMED, NO_HTTP),
        lines("3", MALFORMED, REQUEST_LINES),
        lines("3.1", MALFORMED, METHODS),
        lines("3.1", ONE, GOOD_METHODS),
        raw("9110 9.3", METHOD, FORBIDDEN),
        lines("2.3", MALFORMED, VERSIONS),
        raw("2.3", ONE, OLD),
    ]
    .concat()
}

const LINE_ENDS: &[(&str, &[u8])] = &[
    ("line feeds only", b"GET / HTTP/1.1\nHost: a.example\n\n"),
    ("line feed behind the request line", b"GET / HTTP/1.1\nHost: a.example\r\n\r\n"),
    ("line feed behind a field", b"GET / HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n"),
    ("line feed as the empty line", b"GET / HTTP/1.1\r\nHost: a.example\r\n\n"),
    ("carriage returns only", b"GET / HTTP/1.1\rHost: a.example\r\r\n\r\n"),
    ("carriage return behind a field", b"GET / HTTP/1.1\r\nHost: a.example\rX: y\r\n\r\n"),
    ("two carriage returns before a line feed", b"GET / HTTP/1.1\r\r\nHost: a.example\r\n\r\n"),
    ("two carriage returns behind a field", b"GET / HTTP/1.1\r\nHost: a.example\r\r\n\r\n"),
    ("line feed before carriage return", b"GET / HTTP/1.1\n\rHost: a.example\r\n\r\n"),
    ("two empty lines before the request line", b"\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("empty line of a bare line feed first", b"\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("empty line, then bare line feeds", b"\r\n\n\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("white space before the request line", b" GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("tab before the request line", b"\tGET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("white space before the first field", b"GET / HTTP/1.1\r\n Host: a.example\r\n\r\n"),
    ("tab before the first field", b"GET / HTTP/1.1\r\n\tX: y\r\nHost: a.example\r\n\r\n"),
    ("white space in the empty line", b"GET / HTTP/1.1\r\nHost: a.example\r\n \r\n\r\n"),
];

const NO_HTTP: &[(&str, &[u8])] = &[
    ("nothing but empty lines", b"\r\n\r\n"),
    ("a TLS greeting", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"),
    ("the HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("HTTP/0.9", b"GET /\r\n\r\n"),
    ("HTTP/0.9 with a space", b"GET / \r\n\r\n"),
    ("a status line", b"HTTP/1.1 200 OK\r\nHost: a.example\r\n\r\n"),
    ("a field where the request line should be", b"Host: a.example\r\n\r\n"),
    ("a word", b"hello\r\n\r\n"),
    ("NULs", b"\0\0\0\0\r\n\r\n"),
    ("a byte order mark", b"\xef\xbb\xbfGET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("a PROXY line", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
];

const REQUEST_LINES: &[(&str, &[u8])] = &[
    ("two spaces before the target", b"GET  / HTTP/1.1"),
    ("two spaces before the version", b"GET /  HTTP/1.1"),
    ("space behind the version", b"GET / HTTP/1.1 "),
    ("tab behind the version", b"GET / HTTP/1.1\t"),
    ("tab before the target", b"GET\t/ HTTP/1.1"),
    ("vertical tab before the target", b"GET\x0b/ HTTP/1.1"),
    ("no space before the target", b"GET/ HTTP/1.1"),
    ("no target", b"GET HTTP/1.1"),
    ("nothing where the target stands", b"GET  HTTP/1.1"),
    ("no method", b" / HTTP/1.1"),
    ("only a method", b"GET"),
    ("something behind the version", b"GET / HTTP/1.1 x"),
    ("a second version", b"GET / HTTP/1.1 HTTP/1.1"),
    ("NUL behind the version", b"GET / HTTP/1.1\0"),
    ("the target in quotes with a space", b"GET /a b HTTP/1.1"),
];

const METHODS: &[(&str, &[u8])] = &[
    ("method with a colon", b"GE:T / HTTP/1.1"),
    ("method with a slash", b"G/T / HTTP/1.1"),
    ("method in parentheses", b"(GET) / HTTP/1.1"),
    ("method in brackets", b"[GET] / HTTP/1.1"),
    ("method with a comma", b"GET,POST / HTTP/1.1"),
    ("method in quotes", b"\"GET\" / HTTP/1.1"),
    ("method with an at sign", b"GET@ / HTTP/1.1"),
    ("method with NUL", b"GE\0T / HTTP/1.1"),
    ("method with a control byte", b"GE\x01T / HTTP/1.1"),
    ("method with a high byte", b"GE\xc3\x89 / HTTP/1.1"),
    ("method with DEL", b"GET\x7f / HTTP/1.1"),
];

const GOOD_METHODS: &[(&str, &[u8])] = &[
    ("method in lower case is another method", b"get / HTTP/1.1"),
    ("method that nobody knows", b"BREW / HTTP/1.1"),
    ("method of token signs", b"M-SEARCH!#$%&'*+.^_`|~1 / HTTP/1.1"),
];

const FORBIDDEN: &[(&str, &[u8])] = &[
    ("CONNECT to an authority", b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
    ("CONNECT to a path", b"CONNECT / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("CONNECT with a body", b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nContent-Length: 3\r\n\r\nabc"),
    ("connect in lower case", b"connect a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
    ("TRACE", b"TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("TRACE with Max-Forwards", b"TRACE / HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 0\r\n\r\n"),
    ("Trace in mixed case", b"Trace / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
];

const VERSIONS: &[(&str, &[u8])] = &[
    ("HTTP/0.9 by name", b"GET / HTTP/0.9"),
    ("HTTP/1.2", b"GET / HTTP/1.2"),
    ("HTTP/2.0", b"GET / HTTP/2.0"),
    ("HTTP/2", b"GET / HTTP/2"),
    ("HTTP/1", b"GET / HTTP/1"),
    ("HTTP/1.10", b"GET / HTTP/1.10"),
    ("HTTP/1.01", b"GET / HTTP/1.01"),
    ("HTTP/01.1", b"GET / HTTP/01.1"),
    ("HTTP/1,1", b"GET / HTTP/1,1"),
    ("HTTP/ 1.1", b"GET / HTTP/ 1.1"),
    ("http/1.1 in lower case", b"GET / http/1.1"),
    ("HTTPS/1.1", b"GET / HTTPS/1.1"),
    ("ICAP/1.0", b"GET / ICAP/1.0"),
    ("version with letters", b"GET / HTTP/1.x"),
    ("version with a sign", b"GET / HTTP/+1.1"),
];

const OLD: &[(&str, &[u8])] = &[
    ("HTTP/1.0 with Host", b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n"),
    ("HTTP/1.0 that lives on", b"GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n"),
    ("HTTP/1.0 with a body", b"POST /body HTTP/1.0\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc"),
];
