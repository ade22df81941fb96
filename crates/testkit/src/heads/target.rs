//! The request target: its four forms, its bytes and its length (RFC 9112, 3.2).

use super::{HOST, HeadCase, LARGE, ONE, PATH, URI, raw, targets};

pub(super) fn cases() -> Vec<HeadCase> {
    [
        targets("3.2", PATH, BYTES),
        targets("3.2.1", PATH, FORMS),
        targets("3.2.1", ONE, GOOD),
        raw("3.2.2", HOST, AUTHORITIES),
        raw("3.2.2", ONE, ABSOLUTE),
        raw("3.2.4", PATH, ASTERISKS),
        targets(
            "9110 15.5.15",
            URI,
            &[
                ("target one byte too long", &path(8 * 1024 + 1)),
                ("target of 20,000 bytes", &path(20_000)),
                ("target longer than a head may be", &path(40_000)),
            ],
        ),
        targets("9110 15.5.15", ONE, &[("target as long as allowed", &path(8 * 1024))]),
        targets("6585 5", LARGE, &[("a head of 33,000 bytes", &long_head())]),
    ]
    .concat()
}

fn path(length: usize) -> Vec<u8> {
    let mut path = vec![b'a'; length];
    if let Some(first) = path.first_mut() {
        *first = b'/';
    }
    path
}

/// Ends where the target does, so that the common rest of the head follows.
fn long_head() -> Vec<u8> {
    [b"/ HTTP/1.1\r\nHost: a.example\r\nX-Long: ".as_slice(), &b"a".repeat(33_000), b"\r\nX-Rest:"].concat()
}

const BYTES: &[(&str, &[u8])] = &[
    ("target with a high byte", b"/caf\xe9"),
    ("target in raw UTF-8", b"/caf\xc3\xa9"),
    ("query with a high byte", b"/?q=\xff"),
    ("target with NUL", b"/a\0b"),
    ("target with a tab", b"/a\tb"),
    ("target with a control byte", b"/a\x1fb"),
    ("target with DEL", b"/a\x7fb"),
    ("target with a fragment", b"/a#b"),
    ("query with a fragment", b"/a?b#c"),
    ("target with a double quote", b"/a\"b"),
    ("target with less-than", b"/a<b"),
    ("target with greater-than", b"/a>b"),
    ("target with a backslash", b"/a\\b"),
    ("target with a backslash for the dots", b"/..\\..\\etc"),
    ("target with a caret", b"/a^b"),
    ("target with a backtick", b"/a`b"),
    ("target with an opening brace", b"/a{b"),
    ("target with a closing brace", b"/a}b"),
    ("target with a bar", b"/a|b"),
];

const FORMS: &[(&str, &[u8])] = &[
    ("target without a slash", b"a/b"),
    ("target that is a query", b"?a=b"),
    ("target that is a dot path", b"../a"),
    ("authority form without CONNECT", b"a.example:80"),
    ("absolute form of ftp", b"ftp://a.example/"),
    ("absolute form of a file", b"file:///etc/passwd"),
    ("absolute form of a mail address", b"mailto:a@a.example"),
    ("absolute form of javascript", b"javascript:alert(1)"),
    ("scheme without slashes", b"http:a.example/"),
    ("scheme with one slash", b"http:/a.example/"),
    ("scheme with a backslash", b"http:\\\\a.example/"),
    ("scheme with a space before it", b"\xa0http://a.example/"),
    ("a percent sign first", b"%2f"),
    ("a backslash first", b"\\a"),
    ("two asterisks", b"**"),
    ("an asterisk and a path", b"*/a"),
];

const GOOD: &[(&str, &[u8])] = &[
    ("every sign that a path may have", b"/-._~!$&'()*+,;=:@%41"),
    ("every sign that a query may have", b"/?-._~!$&'()*+,;=:@/?%41"),
    ("brackets in a query", b"/?a[]=1&b[c]=2"),
    ("an empty query", b"/a?"),
    ("encoded space and percent", b"/a%20b%25"),
    ("encoded UTF-8", b"/caf%C3%A9"),
    ("a path with a parameter", b"/a;b=c"),
    ("a path that holds a URI", b"/http://b.example/"),
];

const AUTHORITIES: &[(&str, &[u8])] = &[
    ("absolute form without an authority", b"GET http:///a HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("absolute form with user information", b"GET http://u:p@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("absolute form with an empty user", b"GET http://@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("absolute form with a port of letters", b"GET http://a.example:http/ HTTP/1.1\r\nHost: a.example:http\r\n\r\n"),
    ("absolute form with a port too high", b"GET http://a.example:65536/ HTTP/1.1\r\nHost: a.example:65536\r\n\r\n"),
    ("absolute form with an encoded host", b"GET http://a%2eexample/ HTTP/1.1\r\nHost: a%2eexample\r\n\r\n"),
    ("absolute form with a broken IPv6 literal", b"GET http://[::1/ HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    ("absolute form with another Host", b"GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("absolute form with another port in Host", b"GET http://a.example:81/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("absolute form with Host in another case", b"GET http://A.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("absolute form without Host", b"GET http://a.example/ HTTP/1.1\r\n\r\n"),
    ("absolute form with an empty Host", b"GET http://a.example/ HTTP/1.1\r\nHost:\r\n\r\n"),
    ("absolute form with two Hosts", b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n"),
];

const ABSOLUTE: &[(&str, &[u8])] = &[
    ("absolute form", b"GET http://a.example/a HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("absolute form of https in capitals", b"GET HTTPS://a.example/a HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("absolute form with a port", b"GET http://a.example:8080/a HTTP/1.1\r\nHost: a.example:8080\r\n\r\n"),
    ("absolute form without a path", b"GET http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("absolute form with a query only", b"GET http://a.example?b=c HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("absolute form with an IPv6 literal", b"GET http://[2001:db8::1]:80/a HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n"),
];

const ASTERISKS: &[(&str, &[u8])] = &[
    ("the asterisk with GET", b"GET * HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("the asterisk with POST", b"POST * HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n"),
    ("the asterisk with options in lower case", b"options * HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("the asterisk with a query", b"OPTIONS *?a HTTP/1.1\r\nHost: a.example\r\n\r\n"),
];
