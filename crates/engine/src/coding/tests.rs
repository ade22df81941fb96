use super::{Coding, Codings, Fault, Unsupported};
use flate2::Compression;
use http::{HeaderMap, HeaderValue, header};
use std::io::Write as _;

const TEXT: &[u8] = br#"{"orderId":"A-1","items":[1,2,3]}"#;
const MAX: usize = 4 * 1024;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 19).unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 9, ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut encoded, &params).unwrap();
    encoded
}

type Encode = fn(&[u8]) -> Vec<u8>;
const ALL: [(&str, Encode); 4] = [("gzip", gzip), ("deflate", deflate), ("br", brotli), ("zstd", zstd)];

fn codings(fields: &[&str]) -> Result<Codings, Unsupported> {
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(header::CONTENT_ENCODING, HeaderValue::from_str(field).unwrap());
    }
    Codings::of(&headers)
}

fn undo(fields: &[&str], body: &[u8]) -> Result<Vec<u8>, Fault> {
    codings(fields).unwrap().undo(body, MAX).map(std::borrow::Cow::into_owned)
}

#[test]
fn fields_are_read() {
    let known = |fields: &[&str]| codings(fields).map(|codings| codings.0.to_vec());
    assert_eq!(known(&[]), Ok(vec![]));
    assert_eq!(known(&["identity", " , "]), Ok(vec![]));
    assert_eq!(known(&["GZip"]), Ok(vec![Coding::Gzip]));
    assert_eq!(known(&["x-gzip,\tbr"]), Ok(vec![Coding::Gzip, Coding::Brotli]));
    assert_eq!(known(&["zstd", "deflate"]), Ok(vec![Coding::Zstd, Coding::Deflate]));
    assert_eq!(known(&["gzip, gzip, gzip"]), Err(Unsupported::TooMany));
    for unknown in ["compress", "gzip;q=1", "aes128gcm", "é", "gzip br"] {
        assert_eq!(known(&[unknown]), Err(Unsupported::Unknown), "{unknown}");
    }
}

#[test]
fn each_coding_is_undone_alone_and_one_upon_the_other() {
    assert_eq!(undo(&[], TEXT).unwrap(), TEXT);
    for (name, encode) in ALL {
        assert_eq!(undo(&[name], &encode(TEXT)).unwrap(), TEXT, "{name}");
        assert_eq!(undo(&[name], &encode(b"")).unwrap(), b"", "{name}");
        for (outer, encode_again) in ALL {
            let body = encode_again(&encode(TEXT));
            assert_eq!(undo(&[name, outer], &body).unwrap(), TEXT, "{name} in {outer}");
        }
    }
    let members = [gzip(b"{\"a\":"), gzip(b"1}")].concat();
    assert_eq!(undo(&["gzip"], &members).unwrap(), b"{\"a\":1}", "RFC 1952, 2.2: members follow each other");
}

#[test]
fn what_is_broken_is_told_at_every_cut() {
    for (name, encode) in ALL {
        let body = encode(TEXT);
        for end in 0..body.len() {
            assert_eq!(undo(&[name], &body[..end]), Err(Fault::Broken), "{name} cut at {end}");
        }
        let behind = [&body[..], b"x"].concat();
        assert_eq!(undo(&[name], &behind), Err(Fault::Broken), "{name} with more behind it");
        assert_eq!(undo(&[name], TEXT), Err(Fault::Broken), "{name} that is none");
    }
}

#[test]
fn a_bomb_is_stopped_at_the_first_byte_too_many() {
    for (name, encode) in ALL {
        assert_eq!(undo(&[name], &encode(&vec![b' '; MAX])).unwrap().len(), MAX, "{name}");
        assert_eq!(undo(&[name], &encode(&vec![b' '; MAX + 1])), Err(Fault::TooLarge), "{name}");
        let bomb = encode(&vec![0; 64 * 1024 * 1024]);
        assert!(bomb.len() < 128 * 1024, "{name} makes a bomb of {} bytes", bomb.len());
        assert_eq!(undo(&[name], &bomb), Err(Fault::TooLarge), "{name}");
        // What is small at the end may be large on its way there.
        let bomb = encode(&encode(&vec![0; 64 * 1024 * 1024]));
        assert_eq!(undo(&[name, name], &bomb), Err(Fault::TooLarge), "{name} twice");
    }
}

#[test]
fn a_window_larger_than_rfc_9659_allows_is_refused() {
    let encode = |log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(log).unwrap();
        encoder.write_all(&vec![b'x'; 1_000]).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(undo(&["zstd"], &encode(23)).unwrap().len(), 1_000);
    assert_eq!(undo(&["zstd"], &encode(24)), Err(Fault::Broken));
}
