//! Admission of a request costs no heap allocation: under load the allocator is what there is to win.

#![expect(clippy::expect_used, clippy::panic, reason = "a request that is not admitted ends the test")]

mod support;

use engine::chain::{Counted, Outcome, admit, settle};
use engine::denial::Denial;
use engine::live::Live;
use engine::reason::Reason;
use engine::reply::{ErrorRules, ErrorTemplate, Errors, Language, MediaType, Occurrence, Selector};
use engine::request::{RequestHead, RequestParts};
use engine::snapshot::Snapshot;
use engine::template::{Escape, Template};
use engine::trail::Trail;
use http::{HeaderMap, HeaderValue, Method};
use limits::clock::Now;
use support::{Asks, KEY, snapshot, with_address_throttle, with_addresses, with_concurrency, with_parameters};

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

#[test]
fn nor_do_parameters_that_are_numbers() {
    let live = Live::new();
    check(&with_parameters(snapshot(100, Asks::ApiKey, &live, 0)), &live);
}

/// However many templates there are, and whatever the client would like: what is allocated is the reply.
#[test]
fn choosing_among_many_templates_allocates_nothing() {
    let template = |number: usize| ErrorTemplate {
        on: Selector::ClientErrors,
        accept: MediaType::parse(&format!("text/x-{number}")),
        language: (number % 2 == 1).then(|| Language::parse("de")).flatten(),
        status: None,
        content_type: None,
        headers: Vec::new(),
        body: Template::parse("x", Escape::Text).ok(),
    };
    let plain = ErrorTemplate { accept: None, language: None, ..template(0) };
    let errors = |count: usize| {
        let templates = (0..count).map(template).chain([plain.clone()]).collect();
        Errors::new(ErrorRules { templates, ..ErrorRules::default() })
    };
    let mut fields = HeaderMap::new();
    fields.insert("accept", HeaderValue::from_str(&format!("{}*/*", "a/b;q=0.5,".repeat(300))).expect("a value"));
    fields.insert("accept-language", HeaderValue::from_str(&"fr-CH;q=0.5,".repeat(300)).expect("a value"));
    let denial = Denial::new(Reason::KeyExpired);
    let allocated = |errors: &Errors| {
        allocation_counter::measure(|| {
            let reply = errors.render(&Occurrence {
                denial: &denial,
                request_id: "r-1",
                method: "GET",
                host: "api.example.com",
                path: "/",
                fields: Some(&fields),
                route: None,
                consumer: None,
                plan: None,
                now: Now::at_unix_seconds(1_800_000_000),
                policy_name: None,
                claims: None,
            });
            assert_eq!(reply.body, b"x");
        })
        .count_total
    };
    let (few, many) = (allocated(&errors(2)), allocated(&errors(60)));
    assert_eq!(few, many, "the number of templates costs");
    // Body and headers.
    assert!(many <= 3, "{many} allocations");
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
