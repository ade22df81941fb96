//! Field lines: names, values, folding, sizes (RFC 9112, 5; RFC 9110, 5).

use super::{HeadCase, LARGE, MALFORMED, ONE, fields};

pub(super) fn cases() -> Vec<HeadCase> {
    [
        fields("5.1", MALFORMED, NAMES),
        fields("5.2", MALFORMED, FOLDED),
        fields("9110 5.5", MALFORMED, VALUES),
        fields("5", ONE, GOOD),
        fields(
            "6585 5",
            LARGE,
            &[
                ("101 field lines", &b"X: y\r\n".repeat(100)),
                ("1,000 field lines", &b"X: y\r\n".repeat(1000)),
                ("one value of 40,000 bytes", &[b"X: ".as_slice(), &b"y".repeat(40_000), b"\r\n"].concat()),
                ("one name of 40,000 bytes", &[&b"x".repeat(40_000), b": y\r\n".as_slice()].concat()),
                ("a head without an end", &b"x".repeat(70_000)),
            ],
        ),
        fields("6585 5", ONE, &[("100 field lines", &b"X: y\r\n".repeat(99))]),
    ]
    .concat()
}

const NAMES: &[(&str, &[u8])] = &[
    ("space before the colon", b"X : y\r\n"),
    ("tab before the colon", b"X\t: y\r\n"),
    ("no colon", b"X y\r\n"),
    ("only a name", b"X\r\n"),
    ("no name", b": y\r\n"),
    ("only a colon", b":\r\n"),
    ("name with a space", b"X Y: z\r\n"),
    ("name with NUL", b"X\0: y\r\n"),
    ("name with a control byte", b"X\x01: y\r\n"),
    ("name with DEL", b"X\x7f: y\r\n"),
    ("name with a high byte", b"X\xe9: y\r\n"),
    ("name with a carriage return", b"X\r: y\r\n"),
    ("name in parentheses", b"(X): y\r\n"),
    ("name with a slash", b"X/Y: z\r\n"),
    ("name with an at sign", b"X@Y: z\r\n"),
    ("name with an equals sign", b"X=Y: z\r\n"),
    ("name in quotes", b"\"X\": y\r\n"),
    ("name in brackets", b"[X]: y\r\n"),
    ("name in braces", b"{X}: y\r\n"),
    ("name with a comma", b"X,Y: z\r\n"),
    ("name with a semicolon", b"X;Y: z\r\n"),
    ("name with a backslash", b"X\\Y: z\r\n"),
    ("a pseudo-header", b":authority: b.example\r\n"),
    ("a request line among the fields", b"GET /b HTTP/1.1\r\n"),
];

const FOLDED: &[(&str, &[u8])] = &[
    ("folded by a space", b"X: y\r\n z\r\n"),
    ("folded by a tab", b"X: y\r\n\tz\r\n"),
    ("folded and empty", b"X: y\r\n \r\n"),
    ("folded before another field", b"X: y\r\n z\r\nA: b\r\n"),
    ("a hidden Content-Length", b"X: y\r\n Content-Length: 5\r\n"),
];

const VALUES: &[(&str, &[u8])] = &[
    ("value with NUL", b"X: a\0b\r\n"),
    ("value of NUL", b"X: \0\r\n"),
    ("value with a carriage return", b"X: a\rb\r\n"),
    ("value with a carriage return and a field", b"X: a\rContent-Length: 5\r\n"),
    ("value with a line feed and a field", b"X: a\nContent-Length: 5\r\n"),
    ("value with backspace", b"X: a\x08b\r\n"),
    ("value with escape", b"X: \x1b[31m\r\n"),
    ("value with a form feed", b"X: a\x0cb\r\n"),
    ("value with a vertical tab", b"X: a\x0bb\r\n"),
    ("value with unit separator", b"X: a\x1fb\r\n"),
    ("value with DEL", b"X: a\x7fb\r\n"),
];

const GOOD: &[(&str, &[u8])] = &[
    ("empty value", b"X:\r\n"),
    ("value of spaces", b"X:   \r\n"),
    ("value without a space before it", b"X:y\r\n"),
    ("value between tabs", b"X:\t y \t\r\n"),
    ("value with a tab inside", b"X: a\tb\r\n"),
    ("value with high bytes", b"X: caf\xc3\xa9 \x80\xff\r\n"),
    ("value with colons", b"X: a:b: c\r\n"),
    ("value of signs", b"X: \"<>\\^`{|}#[]()@,;/?=\r\n"),
    ("name of token signs", b"X!#$%&'*+-.^_`|~9: y\r\n"),
    ("the same field twice", b"X: a\r\nX: b\r\n"),
    ("a field with an underscore", b"X_Y: z\r\n"),
    ("a value of 16,000 bytes in many fields", b"A: b\r\nC: d\r\nE: f\r\n"),
];
