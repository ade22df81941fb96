//! What a decision costs: 1,000 routes, API key or token, two throttles, quota.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench that cannot measure has to stop")]

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use engine::chain::{Counted, Outcome, admit, settle};
use engine::live::Live;
use engine::request::{RequestHead, RequestParts};
use engine::trail::Trail;
use http::{HeaderMap, HeaderValue, Method};
use limits::clock::Now;
use serde_json::json;
use std::hint::black_box;
use support::{Asks, KEY, signer, snapshot};

const NOW: u64 = 1_800_000_000;

fn bench(criterion: &mut Criterion) {
    let token = signer().token(&json!({ "iss": "https://idp.example.com/", "sub": "acme", "exp": NOW + 3_600 }));
    let bearer = format!("Bearer {token}");
    let cases = [
        ("nothing, 10 routes", 10, Asks::Nothing, 0),
        ("nothing, 1000 routes", 1_000, Asks::Nothing, 0),
        ("api key, throttles, quota, 1000 routes", 1_000, Asks::ApiKey, 0),
        ("token seen before, throttles, quota, 1000 routes", 1_000, Asks::Jwt, 10_000),
        ("token not cached, throttles, quota, 1000 routes", 1_000, Asks::Jwt, 0),
    ];
    for (name, routes, asks, tokens_max) in cases {
        let live = Live::new();
        let snapshot = snapshot(routes, asks, &live, tokens_max);
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("api.example.com"));
        headers.insert("accept", HeaderValue::from_static("*/*"));
        headers.insert("x-api-key", HeaderValue::from_static(KEY));
        headers.insert("authorization", HeaderValue::from_str(&bearer).expect("a header"));
        let now = Now::at_unix_seconds(NOW);
        criterion.bench_function(name, |bencher| {
            let mut later = now;
            bencher.iter(|| {
                later.monotonic_ns += 1_000_000;
                let mut trail = Trail::default();
                let parts = RequestParts {
                    method: &Method::GET,
                    target: "/v1/service-7/items/42?page=2",
                    headers: &headers,
                    peer: [127, 0, 0, 1].into(),
                    tls: false,
                };
                let head = RequestHead::parse(parts, &snapshot.request).expect("a head");
                match admit(&snapshot, &live, &head, later, &mut trail) {
                    Outcome::Pending(pending) => {
                        let counted = [Counted::Granted { used: 1 }; 1];
                        let counted = counted.get(..pending.charges().count()).expect("one quota at most");
                        black_box(settle(pending, &snapshot, counted, later, &mut trail).expect("admitted"));
                    }
                    other @ (Outcome::Denied { .. } | Outcome::Redirect { .. } | Outcome::Ask(_)) => {
                        panic!("{other:?}")
                    }
                }
            });
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
