//! The length of the body (RFC 9112, 6 and 7).

use super::{AMBIGUOUS, HeadCase, MALFORMED, ONE, bodies, raw};

pub(super) fn cases() -> Vec<HeadCase> {
    [
        bodies("6.1", AMBIGUOUS, BOTH),
        bodies("6.1", AMBIGUOUS, CODINGS),
        bodies("5.1", MALFORMED, HIDDEN_CODINGS),
        raw("6.1", AMBIGUOUS, OLD),
        bodies("6.3", AMBIGUOUS, LENGTHS),
        bodies("5.1", MALFORMED, HIDDEN_LENGTHS),
        bodies("9110 17.10", AMBIGUOUS, LOOKALIKES),
        bodies("6.3", ONE, GOOD),
        bodies("7.1", ONE, CHUNKED),
    ]
    .concat()
}

const BOTH: &[(&str, &[u8])] = &[
    ("length, then coding", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("coding, then length", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    ("length of zero and coding", b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (
        "a second request behind the end of chunks",
        b"Content-Length: 53\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\r\n",
    ),
    (
        "a second request behind the length",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n",
    ),
    ("an empty coding and a length", b"Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc"),
    ("an unknown coding and a length", b"Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\nabc"),
];

const CODINGS: &[(&str, &[u8])] = &[
    ("gzip, then chunked", b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked, then gzip", b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ("chunked, then identity", b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ("identity", b"Transfer-Encoding: identity\r\n\r\n"),
    ("gzip only", b"Transfer-Encoding: gzip\r\n\r\n"),
    ("chunked twice in a list", b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked twice in two fields", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("gzip and chunked in two fields", b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunked and nonsense in two fields", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"),
    ("chunked with a comma", b"Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"),
    ("a comma before chunked", b"Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n"),
    ("chunked with a parameter", b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    ("chunked in quotes", b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ("xchunked", b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("chunkedx", b"Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n"),
    ("chunked with a space inside", b"Transfer-Encoding: chun ked\r\n\r\n0\r\n\r\n"),
    ("chunked with a high byte", b"Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n"),
    ("chunked with another letter k", b"Transfer-Encoding: chun\xe2\x84\xaaed\r\n\r\n0\r\n\r\n"),
    ("an empty coding", b"Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    ("an empty coding before chunked", b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
];

const HIDDEN_CODINGS: &[(&str, &[u8])] = &[
    ("space behind Transfer-Encoding", b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ("tab behind Transfer-Encoding", b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    ("space before Transfer-Encoding", b" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("folded Transfer-Encoding", b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    ("Transfer-Encoding behind a bare carriage return", b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunked behind a vertical tab", b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("chunked and NUL", b"Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n"),
    ("chunked behind a form feed", b"Transfer-Encoding:\x0cchunked\r\n\r\n0\r\n\r\n"),
];

const OLD: &[(&str, &[u8])] = &[
    ("coding on HTTP/1.0", b"POST /body HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (
        "coding and length on HTTP/1.0",
        b"POST /body HTTP/1.0\r\nHost: a.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "coding on HTTP/1.0 that lives on",
        b"POST /body HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
];

const LENGTHS: &[(&str, &[u8])] = &[
    ("two lengths", b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"),
    ("two equal lengths", b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    ("two lengths in two cases", b"Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc"),
    ("a list of lengths", b"Content-Length: 3, 3\r\n\r\nabc"),
    ("a list of two lengths", b"Content-Length: 3,5\r\n\r\nabcde"),
    ("a length and a comma", b"Content-Length: 3,\r\n\r\nabc"),
    ("length below zero", b"Content-Length: -3\r\n\r\nabc"),
    ("length minus zero", b"Content-Length: -0\r\n\r\n"),
    ("length with a plus", b"Content-Length: +3\r\n\r\nabc"),
    ("length in hexadecimal", b"Content-Length: 0x3\r\n\r\nabc"),
    ("length with an underscore", b"Content-Length: 1_0\r\n\r\n0123456789"),
    ("length with a space inside", b"Content-Length: 1 0\r\n\r\n0123456789"),
    ("length with a fraction", b"Content-Length: 3.0\r\n\r\nabc"),
    ("length with an exponent", b"Content-Length: 3e0\r\n\r\nabc"),
    ("length in quotes", b"Content-Length: \"3\"\r\n\r\nabc"),
    ("length in letters", b"Content-Length: three\r\n\r\nabc"),
    ("length in other digits", b"Content-Length: \xd9\xa3\r\n\r\nabc"),
    ("an empty length", b"Content-Length:\r\n\r\n"),
    ("length of spaces", b"Content-Length:  \r\n\r\n"),
    ("length with a semicolon", b"Content-Length: 3;a=b\r\n\r\nabc"),
    ("length of 2^63", b"Content-Length: 9223372036854775808\r\n\r\n"),
    ("length of 2^64", b"Content-Length: 18446744073709551616\r\n\r\n"),
    ("length of 2^64 + 3", b"Content-Length: 18446744073709551619\r\n\r\nabc"),
    ("length of forty digits", b"Content-Length: 1000000000000000000000000000000000000000\r\n\r\n"),
    ("length of thirty zeros", b"Content-Length: 000000000000000000000000000003\r\n\r\nabc"),
];

const HIDDEN_LENGTHS: &[(&str, &[u8])] = &[
    ("space behind Content-Length", b"Content-Length : 3\r\n\r\nabc"),
    ("space before Content-Length", b" Content-Length: 3\r\n\r\nabc"),
    ("folded Content-Length", b"Content-Length:\r\n 3\r\n\r\nabc"),
    ("length and NUL", b"Content-Length: 3\0\r\n\r\nabc"),
    ("length behind a vertical tab", b"Content-Length: \x0b3\r\n\r\nabc"),
];

const LOOKALIKES: &[(&str, &[u8])] = &[
    ("Content_Length", b"Content_Length: 3\r\n\r\n"),
    ("content_length beside the real one", b"content_length: 0\r\nContent-Length: 3\r\n\r\nabc"),
    ("Transfer_Encoding", b"Transfer_Encoding: chunked\r\n\r\n"),
    ("transfer_encoding beside a length", b"transfer_encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
];

const GOOD: &[(&str, &[u8])] = &[
    ("POST without a body", b"\r\n"),
    ("length of zero", b"Content-Length: 0\r\n\r\n"),
    ("length of three", b"Content-Length: 3\r\n\r\nabc"),
    ("length with leading zeros", b"Content-Length: 0003\r\n\r\nabc"),
    ("length between tabs", b"Content-Length:\t3\t\r\n\r\nabc"),
    (
        "a body that looks like a request",
        b"Content-Length: 47\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\nX:\r\n\r\n",
    ),
    ("a body that looks like chunks", b"Content-Length: 5\r\n\r\n0\r\n\r\n"),
    ("a body of NULs", b"Content-Length: 4\r\n\r\n\0\0\0\0"),
];

const CHUNKED: &[(&str, &[u8])] = &[
    ("no chunk", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("one chunk", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("CHUNKED in capitals", b"Transfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("chunked between tabs", b"Transfer-Encoding:\tchunked\t\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("a chunk with an extension", b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n"),
    ("a trailer that forges an identity", b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Consumer-Id: root\r\n\r\n"),
    ("a chunk that looks like the end", b"Transfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
    (
        "a chunk that looks like a request",
        b"Transfer-Encoding: chunked\r\n\r\n2f\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\nX:\r\n\r\n\r\n0\r\n\r\n",
    ),
];
