//! That every reason has a scenario in which a running gateway gives it, or a place where it is tested otherwise.

use crate::support::Scenario;
use crate::{
    concurrency, cors, ip_access, own_answers, parameters, reading, reasons_access, reasons_body, reasons_intake,
    reasons_jwt, reasons_keys, reasons_routing, reasons_tls, reasons_transform, reasons_upstream, reasons_ways,
};
use engine::reason::Reason;
use std::collections::HashSet;

/// What no request can bring about in a gateway that works as it should, and the test that covers it.
const ELSEWHERE: [(Reason, &str); 3] = [
    // Takes as many callers as the table of counters has room for.
    (Reason::QuotaStoreUnavailable, "engine/src/policy/quota.rs"),
    // Takes passwords that cost more than a test has time for.
    (Reason::BasicBusy, "engine/src/policy/basic/tests.rs"),
    // A fault of the gateway's own.
    (Reason::InternalError, "proxy/src/fault.rs"),
];

fn played() -> Vec<Scenario> {
    [
        reasons_intake::scenarios(),
        reasons_intake::all_connections(),
        reasons_intake::connections_of_an_address(),
        reasons_routing::scenarios(),
        reasons_access::scenarios(),
        ip_access::scenarios(),
        cors::scenarios(),
        own_answers::scenarios(),
        concurrency::scenarios(),
        reasons_jwt::scenarios(),
        reasons_keys::scenarios(),
        reasons_body::scenarios(),
        parameters::scenarios(),
        reading::scenarios(),
        reading::scenarios_of_memory(),
        reasons_upstream::scenarios(),
        reasons_tls::scenarios(),
        reasons_transform::scenarios(),
        reasons_ways::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_reason_is_played_or_tested_elsewhere() {
    let played: HashSet<Reason> = played().iter().map(|scenario| scenario.reason).collect();
    for reason in Reason::ALL {
        let elsewhere = ELSEWHERE.iter().any(|(listed, _)| listed == reason);
        assert!(played.contains(reason) != elsewhere, "{} has no scenario, or one and an excuse", reason.code());
    }
}

#[test]
fn what_is_tested_elsewhere_is_named_there() {
    for (reason, file) in ELSEWHERE {
        let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("Reason::{reason:?}")), "{file} does not name {reason:?}");
    }
}

#[test]
fn scenarios_have_names_of_their_own() {
    let scenarios = played();
    let names: HashSet<_> = scenarios.iter().map(|scenario| (scenario.reason, scenario.what)).collect();
    assert_eq!(names.len(), scenarios.len());
}
