//! Whose address counts behind proxies.

use engine::client::{client_address, forwarded_over_tls, is_trusted};
use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::LazyLock;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// What a proxy that is trusted has seen: whatever a client writes, this is the client's address.
const SEEN: &str = "203.0.113.7";

static TRUSTED: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"].iter().map(|net| net.parse().expect("a network")).collect()
});
static PEERS: LazyLock<[IpAddr; 5]> = LazyLock::new(|| {
    ["10.0.0.1", "fd00::1", "::ffff:10.1.2.3", "198.51.100.1", "2001:db8::1"].map(|peer| peer.parse().expect("a peer"))
});

/// The first byte chooses the peer; each line behind it is `x` (X-Forwarded-For), `f` (Forwarded) or `p` (X-Forwarded-Proto) and a
/// value. Nobody gets another address than the one that the proxy nearest to us has seen, or one that it vouches for.
pub fn forwarded(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let peer = PEERS[usize::from(*which) % PEERS.len()];
    let mut headers = HeaderMap::new();
    for (kind, value) in rest.split(|byte| *byte == b'\n').take(40).filter_map(<[u8]>::split_first) {
        let name = match kind {
            b'x' => X_FORWARDED_FOR,
            b'f' => FORWARDED,
            b'p' => X_FORWARDED_PROTO,
            _ => continue,
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let client = client_address(&headers, peer, &TRUSTED);
    let trusted = is_trusted(peer, &TRUSTED);
    if !trusted {
        assert_eq!(client, peer.to_canonical(), "a stranger's word counts");
        return;
    }
    assert_eq!(client, client.to_canonical());
    let _ = forwarded_over_tls(&headers);

    // The proxy adds what it has seen, in a line of its own or at the end of the last one.
    for own_line in [true, false] {
        let seen = with_entry(&headers, &X_FORWARDED_FOR, SEEN, own_line);
        assert_eq!(client_address(&seen, peer, &TRUSTED).to_string(), SEEN, "X-Forwarded-For hides the client");
        if !headers.contains_key(X_FORWARDED_FOR) {
            let seen = with_entry(&headers, &FORWARDED, &format!("for={SEEN};proto=https"), own_line);
            assert_eq!(client_address(&seen, peer, &TRUSTED).to_string(), SEEN, "Forwarded hides the client");
            if !headers.contains_key(X_FORWARDED_PROTO) {
                assert_eq!(forwarded_over_tls(&seen), Some(true), "Forwarded hides the scheme");
            }
        }
    }
    // What stands further left than an address that nobody vouches for does not count.
    if !is_trusted(client, &TRUSTED) {
        let name = if headers.contains_key(X_FORWARDED_FOR) { X_FORWARDED_FOR } else { FORWARDED };
        let mut longer = HeaderMap::new();
        longer.append(name.clone(), HeaderValue::from_static("for=198.51.100.99, 198.51.100.98"));
        for value in headers.get_all(&name) {
            longer.append(name.clone(), value.clone());
        }
        assert_eq!(client_address(&longer, peer, &TRUSTED), client, "an entry further left counts");
    }
}

fn with_entry(headers: &HeaderMap, name: &HeaderName, entry: &str, own_line: bool) -> HeaderMap {
    let mut values: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
    let last = if own_line { None } else { values.pop() };
    let joined = last.map_or_else(Vec::new, |last| [last.as_bytes(), b", "].concat());
    values.push(HeaderValue::from_bytes(&[&joined, entry.as_bytes()].concat()).expect("a value"));
    let mut others = headers.clone();
    others.remove(name);
    for value in values {
        others.append(name.clone(), value);
    }
    others
}
