//! What a decision costs: 1,000 routes, API key or token, two throttles, quota; and what concurrency, address lists and throttles by
//! address add to it.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench that cannot measure has to stop")]

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use engine::chain::{Counted, Outcome, admit, settle};
use engine::live::Live;
use engine::request::{RequestHead, RequestParts};
use engine::snapshot::Snapshot;
use engine::trail::Trail;
use http::{HeaderMap, HeaderValue, Method};
use limits::clock::Now;
use serde_json::json;
use std::hint::black_box;
use support::{Asks, KEY, fill_crowd, signer, snapshot, with_address_throttle, with_addresses, with_concurrency};

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
        measure(criterion, name, &snapshot, &live, &bearer);
    }
    added(criterion, &bearer);
}

/// What each of these adds to a route that asks for nothing else.
fn added(criterion: &mut Criterion, bearer: &str) {
    let plain = |live: &Live| snapshot(1_000, Asks::Nothing, live, 0);
    let live = Live::new();
    measure(criterion, "concurrency, 1000 routes", &with_concurrency(plain(&live), &live), &live, bearer);
    measure(criterion, "ipAccess of 1000 and 1000 networks, 1000 routes", &with_addresses(plain(&live)), &live, bearer);
    let by_address = with_address_throttle(plain(&live));
    measure(criterion, "throttle by address, exact, 1000 routes", &by_address, &live, bearer);
    let crowded = Live::new();
    fill_crowd(&crowded, Now::at_unix_seconds(NOW));
    measure(criterion, "throttle by address, sketched, 1000 routes", &by_address, &crowded, bearer);
}

fn measure(criterion: &mut Criterion, name: &str, snapshot: &Snapshot, live: &Live, bearer: &str) {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("api.example.com"));
    headers.insert("accept", HeaderValue::from_static("*/*"));
    headers.insert("x-api-key", HeaderValue::from_static(KEY));
    headers.insert("authorization", HeaderValue::from_str(bearer).expect("a header"));
    // Goes on from sample to sample: meters do not drain while the time is behind what they have seen.
    let mut later = Now::at_unix_seconds(NOW);
    criterion.bench_function(name, |bencher| {
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
            match admit(snapshot, live, &head, later, &mut trail) {
                Outcome::Pending(pending) => {
                    let counted = [Counted::Granted { used: 1 }; 1];
                    let counted = counted.get(..pending.charges().count()).expect("one quota at most");
                    black_box(settle(pending, snapshot, counted, later, &mut trail).expect("admitted"));
                }
                other @ (Outcome::Denied { .. }
                | Outcome::Redirect { .. }
                | Outcome::Preflight { .. }
                | Outcome::Ask(_)
                | Outcome::Waiting(_)
                | Outcome::Whoami(_)) => {
                    panic!("{other:?}")
                }
            }
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
