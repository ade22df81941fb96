//! The Host field: how many, and what is one (RFC 9112, 3.2; RFC 9110, 7.2).

use super::{HOST, HeadCase, MALFORMED, ONE, hosts, raw};

pub(super) fn cases() -> Vec<HeadCase> {
    [
        raw("3.2", HOST, NUMBER),
        hosts("3.2", HOST, NO_HOST),
        hosts("3.2", HOST, &[("host of 254 bytes", &labels(254)), ("host with a label of 64 bytes", &[b'a'; 64])]),
        hosts("5.5", MALFORMED, CONTROL),
        hosts("3.2", ONE, GOOD),
        hosts("3.2", ONE, &[("host of 253 bytes", &labels(253)), ("host with a label of 63 bytes", &[b'a'; 63])]),
    ]
    .concat()
}

/// Labels of up to 9 bytes.
fn labels(length: usize) -> Vec<u8> {
    b"abcdefghi.".iter().copied().cycle().take(length).collect()
}

const NUMBER: &[(&str, &[u8])] = &[
    ("no Host", b"GET / HTTP/1.1\r\nX: y\r\n\r\n"),
    ("no field at all", b"GET / HTTP/1.1\r\n\r\n"),
    ("two Hosts", b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n"),
    ("two equal Hosts", b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n"),
    ("two Hosts in two cases", b"GET / HTTP/1.1\r\nHost: a.example\r\nX: y\r\nhOST: b.example\r\n\r\n"),
    ("an empty Host before the real one", b"GET / HTTP/1.1\r\nHost:\r\nHost: a.example\r\n\r\n"),
    ("an empty Host behind the real one", b"GET / HTTP/1.1\r\nHost: a.example\r\nHost:\r\n\r\n"),
    ("two Hosts on HTTP/1.0", b"GET / HTTP/1.0\r\nHost: a.example\r\nHost: b.example\r\n\r\n"),
    ("OPTIONS * without Host", b"OPTIONS * HTTP/1.1\r\n\r\n"),
];

const NO_HOST: &[(&str, &[u8])] = &[
    ("empty host", b""),
    ("host of spaces", b"   "),
    ("host with user information", b" user@a.example"),
    ("host with a password", b" user:pass@a.example"),
    ("host with a path", b" a.example/b"),
    ("host with a scheme", b" http://a.example"),
    ("host with a query", b" a.example?b"),
    ("host with a fragment", b" a.example#b"),
    ("host list", b" a.example, b.example"),
    ("host with a comma", b" a.example,b.example"),
    ("host with a space", b" a.example b.example"),
    ("host with a tab", b" a.example\tb.example"),
    ("host with a semicolon", b" a.example;b"),
    ("host with a backslash", b" a.example\\b"),
    ("host with a high byte", b" caf\xe9.example"),
    ("host in raw UTF-8", b" caf\xc3\xa9.example"),
    ("host with an encoded byte", b" a%2eexample"),
    ("host with an encoded NUL", b" a%00.example"),
    ("host in quotes", b" \"a.example\""),
    ("host with a template", b" ${jndi:ldap://a}"),
    ("host with a star", b" *.example"),
    ("host with an empty label", b" a..example"),
    ("host with a dot first", b" .a.example"),
    ("host of one dot", b" ."),
    ("host with two dots last", b" a.example.."),
    ("only a port", b" :80"),
    ("port of letters", b" a.example:http"),
    ("port with a sign", b" a.example:+80"),
    ("port below zero", b" a.example:-1"),
    ("port 65536", b" a.example:65536"),
    ("port of six digits", b" a.example:000080"),
    ("port of twenty digits", b" a.example:18446744073709551696"),
    ("port with a space", b" a.example: 80"),
    ("port in hexadecimal", b" a.example:0x50"),
    ("two ports", b" a.example:80:81"),
    ("colon without a port", b" a.example:"),
    ("IPv6 without brackets", b" 2001:db8::1"),
    ("IPv6 without the closing bracket", b" [2001:db8::1"),
    ("IPv6 without the opening bracket", b" 2001:db8::1]"),
    ("IPv6 with a zone", b" [fe80::1%25eth0]"),
    ("IPv6 with a raw zone", b" [fe80::1%eth0]"),
    ("IPv6 with nine groups", b" [1:2:3:4:5:6:7:8:9]"),
    ("IPv6 with something behind", b" [::1]a"),
    ("IPv6 with a port too high", b" [::1]:70000"),
    ("IPv4 in brackets", b" [192.0.2.1]"),
    ("empty brackets", b" []"),
    ("a future literal", b" [v1.fe80]"),
];

const CONTROL: &[(&str, &[u8])] = &[
    ("host with NUL", b" a.example\0"),
    ("host with DEL", b" a.exa\x7fmple"),
    ("host with a vertical tab", b"\x0ba.example"),
    ("host on a folded line", b"\r\n a.example"),
];

const GOOD: &[(&str, &[u8])] = &[
    ("host without a space before it", b"a.example"),
    ("host between tabs", b"\ta.example\t"),
    ("host with a port", b" a.example:8080"),
    ("port 65535", b" a.example:65535"),
    ("host in capitals", b" A.EXAMPLE"),
    ("host with a final dot", b" a.example."),
    ("host with an underscore", b" my_service"),
    ("host of digits", b" 1234"),
    ("an IPv4 address", b" 192.0.2.1:80"),
    ("an IPv6 address", b" [2001:db8::1]"),
    ("an IPv6 address with a port", b" [::ffff:192.0.2.1]:443"),
    ("a punycode host", b" xn--caf-dma.example"),
];
