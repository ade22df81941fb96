//! Tokens that must not pass, and the reason that each is refused for.

use super::{Algorithm, KeySet, Location, claims, keys, now, provider, rules, text, verdict, with_head};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::policy::jwt::Provider;
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use serde_json::json;
use testkit::tokens::{self, Algorithm as Alg, Signer};

fn rsa() -> Signer {
    Signer::fixed(Alg::RS256, Some("a"))
}

fn good() -> String {
    rsa().token(&claims(json!({})))
}

/// Trusts two keys, `a` (RSA) and `e` (P-256), and two algorithms.
fn gate() -> Provider {
    let ec = Signer::fixed(Alg::ES256, Some("e"));
    provider(rules(&[Algorithm::RS256, Algorithm::ES256]), keys(&[&rsa(), &ec]))
}

#[track_caller]
fn check(gate: &Provider, name: &str, token: &str, expected: &str) {
    let result = gate.check_token(token, now());
    assert_eq!(verdict(&result), expected, "{name}: {result:?}");
    if result.is_err() {
        let text = text(&result);
        assert!(!text.is_empty() && text.chars().count() < 400 && !text.chars().any(char::is_control), "{text:?}");
        let message = token.rsplit_once('.').map_or(token, |(message, _)| message);
        assert!(message.len() < 40 || !text.contains(message), "{name}: the text holds the token");
    }
}

#[test]
fn the_compact_form_is_read_strictly() {
    let gate = gate();
    let good = good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    check(&gate, "good", &good, "ok");
    let unreadable = [
        ("one part", "abc".to_owned()),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.AA")),
        ("six parts", "a.b.c.d.e.f".to_owned()),
        ("only dots", "..".to_owned()),
        ("no header", format!(".{payload}.{signature}")),
        ("no payload", format!("{header}..{signature}")),
        ("no signature", format!("{message}.")),
        ("padding", format!("{good}==")),
        ("padded header", format!("{header}=.{payload}.{signature}")),
        ("space before", format!(" {good}")),
        ("space inside", good.replace('.', ". ")),
        ("line end", format!("{good}\n")),
        ("base64 instead of base64url", tokens::with_signature(&good, &[0xff; 256]).replace('_', "/")),
        ("letters beyond ASCII", format!("{good}ä")),
        ("NUL", format!("{good}\0")),
        // 256 bytes are 342 digits, of which the last carries 4 bits: the lowest two mean nothing and have to be 0.
        ("unused bits", with_unused_bit(&good)),
        ("header is a list", rsa().token_of(b"[]", b"{}")),
        ("header is a string", rsa().token_of(b"\"RS256\"", b"{}")),
        ("header is no JSON", rsa().token_of(b"{alg}", b"{}")),
        ("header is no UTF-8", rsa().token_of(b"{\"alg\":\"\xff\"}", b"{}")),
        ("alg twice", rsa().token_of(br#"{"alg":"RS256","kid":"a","alg":"RS256"}"#, b"{}")),
        ("alg twice, escaped", rsa().token_of(br#"{"alg":"none","kid":"a","\u0061lg":"RS256"}"#, b"{}")),
        ("deep header", rsa().token_of(format!("{{\"alg\":{}{}}}", "[".repeat(99), "]".repeat(99)).as_bytes(), b"{}")),
        ("no alg", rsa().token_of(br#"{"kid":"a"}"#, b"{}")),
        ("alg is a list", rsa().token_with(&json!({"alg": ["RS256"]}), &json!({}))),
        ("alg is null", rsa().token_with(&json!({"alg": null}), &json!({}))),
        ("kid is a number", rsa().token_with(&json!({"kid": 1}), &claims(json!({})))),
        ("kid is null", rsa().token_with(&json!({"kid": null}), &claims(json!({})))),
        ("payload is a list", signed(b"[]")),
        ("payload is no JSON", signed(b"hello")),
        ("a claim twice", signed(br#"{"exp":9999999999,"exp":1}"#)),
        ("a claim twice inside", signed(br#"{"a":{"b":1,"b":2}}"#)),
        ("deep payload", signed(format!("{{\"a\":{}{}}}", "[".repeat(99), "]".repeat(99)).as_bytes())),
    ];
    for (name, token) in unreadable {
        check(&gate, name, &token, "jws_unreadable");
    }
    let long = rsa().token(&claims(json!({"x": "x".repeat(5_000)})));
    assert!(long.len() < 8_192);
    check(&gate, "long", &long, "ok");
    check(&gate, "too long", &rsa().token(&claims(json!({"x": "x".repeat(6_000)}))), "token_too_large");
    check(&gate, "much too long", &"a.".repeat(1_000_000), "token_too_large");
}

fn signed(payload: &[u8]) -> String {
    rsa().token_of(br#"{"alg":"RS256","kid":"a"}"#, payload)
}

/// The last digit's neighbour, which decodes to the same bytes if the decoder is careless.
fn with_unused_bit(token: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut token = token.to_owned();
    let last = token.pop().unwrap();
    let at = DIGITS.iter().position(|digit| char::from(*digit) == last).unwrap();
    token.push(char::from(DIGITS[at + 1]));
    token
}

#[test]
fn a_header_that_wants_to_be_trusted_is_refused() {
    let gate = gate();
    let jwk = rsa().jwk();
    let members = [
        json!({"crit": ["exp"], "exp": 1}),
        json!({"crit": []}),
        json!({"crit": null}),
        json!({"b64": false, "crit": ["b64"]}),
        json!({"b64": false}),
        json!({"b64": true}),
        json!({"zip": "DEF"}),
        json!({"enc": "A256GCM"}),
        json!({"jwk": jwk}),
        json!({"jku": "https://evil.example/keys"}),
        json!({"x5u": "https://evil.example/cert"}),
        json!({"x5c": ["AA"]}),
    ];
    for members in members {
        let token = rsa().token_with(&members, &claims(json!({})));
        check(&gate, &members.to_string(), &token, "critical_header_unsupported");
    }
    check(&gate, "JWE", "eyJhbGciOiJSU0EtT0FFUCJ9.AA.AA.AA.AA", "critical_header_unsupported");
    check(&gate, "JWE, direct", "eyJhbGciOiJkaXIifQ..AA.AA.AA", "critical_header_unsupported");
    let harmless = json!({"typ": "at+jwt", "cty": "x", "x5t": "AA", "custom": {"a": 1}});
    check(&gate, "harmless members", &rsa().token_with(&harmless, &claims(json!({}))), "ok");
}

#[test]
fn the_algorithm_is_ours_to_choose() {
    let gate = gate();
    let claims = claims(json!({}));
    for name in ["none", "None", "NONE", "nOnE", "", "RS257", "rs256", "HS384", "HS512", "ES512", "ES256K", "PS384"] {
        let header = json!({"alg": name, "kid": "a"}).to_string();
        let token = tokens::unsigned(header.as_bytes(), claims.to_string().as_bytes(), b"");
        check(&gate, name, &token, "algorithm_not_allowed");
        check(&gate, name, &rsa().token_with(&json!({"alg": name}), &claims), "algorithm_not_allowed");
    }
    for algorithm in ["RS384", "RS512", "PS256", "ES384", "EdDSA"] {
        let token = rsa().token_with(&json!({"alg": algorithm}), &claims);
        check(&gate, algorithm, &token, "algorithm_not_allowed");
    }
    // The public key as an HMAC secret, as PEM and as DER: the classical confusion.
    let pem = rsa().public_pem();
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), tokens::RSA_A_PKCS1.as_bytes()] {
        for kid in [Some("a"), None] {
            let token = Signer::secret(Alg::HS256, kid, secret).token(&claims);
            check(&gate, "HMAC with the public key", &token, "algorithm_not_allowed");
        }
    }
    check(&gate, "alg of the other key", &rsa().token_with(&json!({"alg": "ES256"}), &claims), "algorithm_not_allowed");
    let ec = Signer::fixed(Alg::ES256, Some("a"));
    check(&gate, "kid of the other key", &ec.token(&claims), "algorithm_not_allowed");
    let limited = provider(rules(&[Algorithm::RS256, Algorithm::RS384]), {
        let other = Signer::from_pem(Alg::RS384, Some("b"), tokens::RSA_B);
        keys(&[&rsa(), &other])
    });
    let token = Signer::fixed(Alg::RS384, Some("a")).token(&claims);
    check(&limited, "the key's own alg forbids it", &token, "algorithm_not_allowed");
}

#[test]
fn only_a_configured_secret_serves_hs256() {
    let signer = Signer::fixed(Alg::HS256, Some("s"));
    let keys = KeySet::from_secret(signer.secret_bytes(), Some("s"), Algorithm::HS256).unwrap();
    let gate = provider(rules(&[Algorithm::HS256]), keys);
    check(&gate, "good", &signer.token(&claims(json!({}))), "ok");
    check(&gate, "RS256", &good(), "algorithm_not_allowed");
    let other = Signer::generated(Alg::HS256, Some("s"));
    check(&gate, "other secret", &other.token(&claims(json!({}))), "signature_mismatch");
    let short = tokens::with_signature(&signer.token(&claims(json!({}))), &[0; 16]);
    check(&gate, "half a signature", &short, "signature_mismatch");
}

#[test]
fn signatures_have_to_verify_and_to_be_as_long_as_they_should() {
    let gate = gate();
    let claims = claims(json!({}));
    let good = good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[100] ^= 1;
    check(&gate, "one bit", &tokens::with_signature(&good, &bytes), "signature_mismatch");
    check(&gate, "zeros", &tokens::with_signature(&good, &[0; 256]), "signature_mismatch");
    check(&gate, "one byte", &tokens::with_signature(&good, &[0]), "signature_mismatch");
    check(&gate, "257 bytes", &tokens::with_signature(&good, &[0; 257]), "signature_mismatch");
    let altered = URL_SAFE_NO_PAD.encode(claims.to_string().replace("acme", "evil"));
    let header = message.split('.').next().unwrap();
    check(&gate, "other payload", &format!("{header}.{altered}.{signature}"), "signature_mismatch");
    let stranger = Signer::from_pem(Alg::RS256, Some("a"), tokens::RSA_B);
    check(&gate, "other key under our kid", &stranger.token(&claims), "signature_mismatch");

    let ec = Signer::fixed(Alg::ES256, Some("e"));
    let token = ec.token(&claims);
    let raw = ec.sign(token.rsplit_once('.').unwrap().0.as_bytes());
    check(&gate, "ES256", &token, "ok");
    check(&gate, "ES256, signed again", &tokens::with_signature(&token, &raw), "ok");
    for (name, signature) in [
        ("65 bytes", [raw.as_slice(), &[0]].concat()),
        ("65 bytes, zero first", [&[0], raw.as_slice()].concat()),
        ("96 bytes", [raw.as_slice(), &[0; 32]].concat()),
        ("63 bytes", raw[1..].to_vec()),
        ("r = s = 0", vec![0; 64]),
        ("DER", der(&raw)),
    ] {
        check(&gate, name, &tokens::with_signature(&token, &signature), "signature_mismatch");
    }
}

/// The other encoding of an ECDSA signature, which JWS does not use.
fn der(raw: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| [&[2, 33, 0], half].concat();
    let (r, s) = raw.split_at(32);
    [&[0x30, 70], integer(r).as_slice(), integer(s).as_slice()].concat()
}

#[test]
fn the_kid_is_a_name_and_nothing_else() {
    let gate = gate();
    let claims = claims(json!({}));
    for kid in ["b", "", "A", "a ", "../../a", "a' OR '1'='1", "https://evil.example/key", "\u{1b}[31m"] {
        let token = rsa().token_with(&json!({"kid": kid}), &claims);
        check(&gate, kid, &token, "signing_key_unknown");
    }
    let token = rsa().token_with(&json!({"kid": "x".repeat(3_000)}), &claims);
    check(&gate, "long kid", &token, "signing_key_unknown");
}

#[track_caller]
fn check_request(gate: &Provider, headers: &[(&str, &str)], query: Option<&str>, expected: &str) {
    let result = with_head(headers, query, |head| gate.check(head, now()));
    assert_eq!(verdict(&result), expected, "{result:?}");
    assert!(result.is_ok() || !text(&result).contains("eyJ"), "{result:?}");
}

#[test]
fn where_the_token_is() {
    let gate = gate();
    let good = good();
    let bearer = format!("Bearer {good}");
    check_request(&gate, &[("authorization", &bearer)], None, "ok");
    check_request(&gate, &[("authorization", &format!("bEARER   {good}"))], None, "ok");
    check_request(&gate, &[], None, "jwt_missing");
    check_request(&gate, &[("authorization", "")], None, "jwt_missing");
    check_request(&gate, &[("authorization", "Bearer")], None, "jwt_missing");
    check_request(&gate, &[("authorization", "Bearer ")], None, "jwt_missing");
    check_request(&gate, &[("authorization", &good)], None, "jwt_missing");
    check_request(&gate, &[("authorization", &format!("Basic {good}"))], None, "jwt_missing");
    check_request(&gate, &[("authorization", &format!("Bearer{good}"))], None, "jwt_missing");
    check_request(&gate, &[("authorization", &format!("{bearer} x"))], None, "jws_unreadable");
    check_request(&gate, &[("authorization", &format!("{bearer}, {bearer}"))], None, "jws_unreadable");
    check_request(&gate, &[("authorization", &bearer), ("authorization", &bearer)], None, "jws_unreadable");

    let at = |location| {
        let mut rules = rules(&[Algorithm::RS256]);
        rules.location = location;
        provider(rules, keys(&[&rsa()]))
    };
    let cookie = at(Location::Cookie("session".into()));
    check_request(&cookie, &[("cookie", &format!("a=b; session={good}"))], None, "ok");
    check_request(&cookie, &[("authorization", &bearer)], None, "jwt_missing");
    check_request(&cookie, &[("cookie", "session=")], None, "jwt_missing");
    check_request(&cookie, &[("cookie", &format!("session={good}; session={good}"))], None, "jws_unreadable");
    let query = at(Location::Query("token".into()));
    check_request(&query, &[], Some(&format!("token={good}")), "ok");
    check_request(&query, &[], Some(&format!("token={good}&token=x")), "jws_unreadable");
    let header = at(Location::Header("x-token".parse().unwrap()));
    check_request(&header, &[("x-token", &good)], None, "ok");
    check_request(&header, &[("x-token", &bearer)], None, "jws_unreadable");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_token_with_any_other_letter_anywhere_is_refused(place: proptest::sample::Index, letter in "[A-Za-z0-9_.=-]") {
        let signer = Signer::fixed(Alg::EdDSA, Some("a"));
        let gate = provider(rules(&[Algorithm::EdDSA]), keys(&[&signer]));
        let token = signer.token(&claims(json!({})));
        let mut letters: Vec<_> = token.chars().collect();
        let place = place.index(letters.len());
        letters[place] = letter.chars().next().unwrap();
        let changed: String = letters.into_iter().collect();
        prop_assert!(gate.check_token(&changed, now()).is_ok() == (changed == token));
    }

    #[test]
    fn nothing_at_all_is_believed_or_panics(token: String, parts in proptest::array::uniform3(any::<Vec<u8>>())) {
        let signer = Signer::fixed(Alg::EdDSA, Some("a"));
        let gate = provider(rules(&[Algorithm::EdDSA]), keys(&[&signer]));
        for token in [
            token,
            tokens::unsigned(&parts[0], &parts[1], &parts[2]),
            signer.token_of(br#"{"alg":"EdDSA"}"#, &parts[1]),
            signer.token_of(&parts[0], &parts[1]),
        ] {
            prop_assert!(gate.check_token(&token, now()).is_err());
        }
    }
}
