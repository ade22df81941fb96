//! What the client says about the connection (RFC 9112, 9; RFC 9110, 7.6.1 and 10.1.1).

use super::{HeadCase, MALFORMED, ONE, bodies, fields};

pub(super) fn cases() -> Vec<HeadCase> {
    [
        fields("9110 7.6.1", MALFORMED, NOMINATED),
        fields("9110 7.6.1", ONE, GOOD),
        bodies("9110 10.1.1", MALFORMED, EXPECT),
        bodies(
            "9110 10.1.1",
            ONE,
            &[("Expect: 100-continue", b"Expect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc")],
        ),
    ]
    .concat()
}

const NOMINATED: &[(&str, &[u8])] = &[
    ("Connection names Host", b"Connection: Host\r\n"),
    ("Connection names Content-Length", b"Connection: close, Content-Length\r\n"),
    ("Connection names Transfer-Encoding", b"Connection: transfer-encoding\r\n"),
    ("Connection names X-Forwarded-For", b"Connection: X-Forwarded-For\r\n"),
    ("Connection names X-Forwarded-Proto", b"Connection: keep-alive,x-forwarded-proto\r\n"),
    ("Connection names Forwarded", b"Connection: Forwarded\r\n"),
    ("Connection names X-Real-IP", b"Connection: X-Real-IP\r\n"),
    ("Connection names Authorization", b"Connection: AUTHORIZATION\r\n"),
    ("Connection names Cookie", b"Connection: cookie\r\n"),
    ("Connection names x-api-key", b"Connection: x-api-key\r\n"),
    ("a second Connection names Cookie", b"Connection: close\r\nConnection: Cookie\r\n"),
    ("Connection names a field of this hop", b"Connection: X-Hop\r\nX-Hop: 1\r\n"),
    ("Connection names a field of the head", b"X-A: b\r\nConnection: close, x-a\r\n"),
    ("Connection names Content-Type, which is there", b"Connection: Content-Type\r\nContent-Type: a/b\r\n"),
    ("Connection with a quoted string", b"Connection: \"close\"\r\n"),
    ("Connection with a parameter", b"Connection: close;a=b\r\n"),
    ("Connection with a space in a name", b"Connection: close X-A\r\n"),
    ("Connection with a colon", b"Connection: close:\r\n"),
    ("Connection with a high byte", b"Connection: clos\xe9\r\n"),
];

const GOOD: &[(&str, &[u8])] = &[
    ("Connection names a field that is not there", b"Connection: X-A\r\n"),
    ("Connection: close", b"Connection: close\r\n"),
    ("Connection: keep-alive", b"Connection: keep-alive\r\n"),
    ("Connection with both", b"Connection: keep-alive, close\r\n"),
    ("Connection with empty elements", b"Connection: , close ,,\r\n"),
    ("an empty Connection", b"Connection:\r\n"),
    ("TE and its nomination", b"Connection: TE\r\nTE: trailers\r\n"),
    ("Keep-Alive", b"Keep-Alive: timeout=5\r\n"),
];

const EXPECT: &[(&str, &[u8])] = &[
    ("Expect: 200-ok", b"Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc"),
    ("Expect twice in a list", b"Expect: 100-continue, 100-continue\r\nContent-Length: 3\r\n\r\nabc"),
    ("Expect twice in two fields", b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"),
    ("an empty Expect", b"Expect:\r\nContent-Length: 3\r\n\r\nabc"),
    ("Expect with a parameter", b"Expect: 100-continue;a=b\r\nContent-Length: 3\r\n\r\nabc"),
];
