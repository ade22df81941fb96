//! Admission of a request costs no heap allocation: under load the allocator is what there is to win.

#![expect(clippy::expect_used, clippy::panic, reason = "a request that is not admitted ends the test")]

mod support;

use engine::chain::{Counted, Outcome, admit, settle};
use engine::live::Live;
use engine::request::{RequestHead, RequestParts};
use engine::snapshot::Snapshot;
use engine::trail::Trail;
use http::{HeaderMap, HeaderValue, Method};
use limits::clock::Now;
use support::{Asks, KEY, snapshot, with_address_throttle, with_addresses, with_concurrency};

#[test]
fn an_api_key_request_is_admitted_without_allocation() {
    let live = Live::new();
    check(&snapshot(1_000, Asks::ApiKey, &live, 0), &live);
}

#[test]
fn nor_do_concurrency_address_lists_and_throttles_by_address_allocate() {
    let live = Live::new();
    let snapshot = with_concurrency(snapshot(100, Asks::ApiKey, &live, 0), &live);
    check(&with_address_throttle(with_addresses(snapshot)), &live);
    assert_eq!(live.gauge("route.concurrency").all(), 0, "a slot was not given back");
}

fn check(snapshot: &Snapshot, live: &Live) {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("api.example.com"));
    headers.insert("x-api-key", HeaderValue::from_static(KEY));
    let now = Now::at_unix_seconds(1_800_000_000);
    let parts = RequestParts {
        method: &Method::GET,
        target: "/v1/service-77/items/42?page=2",
        headers: &headers,
        peer: [127, 0, 0, 1].into(),
        tls: false,
    };
    let once = || {
        let mut trail = Trail::default();
        let head = RequestHead::parse(parts, &snapshot.request).expect("a head");
        match admit(snapshot, live, &head, now, &mut trail) {
            Outcome::Pending(pending) => {
                let counted: Vec<_> = Vec::new();
                let counted: &[Counted] =
                    if pending.charges().count() == 1 { &[Counted::Granted { used: 1 }] } else { &counted };
                settle(pending, snapshot, counted, now, &mut trail).expect("admitted");
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
    };
    // The first request makes the bucket.
    once();
    let measured = allocation_counter::measure(|| (0..100).for_each(|_| once()));
    assert_eq!(measured.count_total, 0, "allocations in 100 admissions");
}
