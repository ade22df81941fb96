//! `explain` against a running gateway: two thousand random requests, decided alike.

mod request;

use crate::program::{BINARY, Folder, eventually, run};
use crate::random::Random;
use request::RandomRequest;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::process::Command;
use testkit::client::{Connection, Response};
use testkit::gateway::{Gateway, gateway};
use testkit::tokens::{Algorithm, Signer};
use testkit::upstream;

const CONFIG: &str = include_str!("explain/overlapping.yaml");
const REQUESTS: usize = 2_000;
/// Sent at once.
const CLIENTS: usize = 4;
/// Another one: `TOLLGATE_TEST_SEED=7 cargo nextest run …`.
const SEED: u64 = 1;

/// What both sides have to agree on.
#[derive(Debug, PartialEq)]
struct Verdict {
    status: u64,
    kind: Option<String>,
    reason: Option<String>,
    route: Option<String>,
    consumer: Option<String>,
    plan: Option<String>,
    policy: Option<String>,
    upstream: Option<String>,
    would_deny: Vec<String>,
}

fn text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

impl Verdict {
    fn explained(line: &Value) -> Self {
        let steps = line["steps"].as_array().unwrap();
        let would_deny = steps.iter().filter_map(|step| step["verdict"].as_str()?.strip_prefix("would deny "));
        Self {
            // The upstream of this test answers 200.
            status: if line["verdict"] == "forward" { 200 } else { line["status"].as_u64().unwrap() },
            kind: text(line, "kind"),
            reason: text(line, "reason"),
            route: text(line, "route"),
            consumer: text(line, "consumer"),
            plan: text(line, "plan"),
            policy: text(line, "policy"),
            upstream: text(line, "upstream"),
            would_deny: would_deny.map(str::to_owned).collect(),
        }
    }

    fn happened(response: &Response, line: &Value) -> Self {
        assert_eq!(line["status"], response.status, "{line}");
        let would_deny = line["wouldDeny"].as_array().into_iter().flatten();
        // A body that turns out too large is refused while it is on its way upstream.
        let begun = line["reason"] == "body_too_large";
        Self {
            status: u64::from(response.status),
            kind: text(line, "kind"),
            reason: text(line, "reason"),
            route: text(line, "route"),
            consumer: text(line, "consumer"),
            plan: text(line, "plan"),
            policy: text(line, "policy"),
            upstream: text(line, "upstream").filter(|_| !begun),
            would_deny: would_deny.map(|reason| reason.as_str().unwrap().to_owned()).collect(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_and_the_gateway_decide_alike() {
    let seed = std::env::var("TOLLGATE_TEST_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let signer = Signer::fixed(Algorithm::ES256, Some("test"));
    let credentials = request::Credentials::new(&signer);
    let mut random = Random::new(seed);
    let mut counts = BTreeMap::new();
    // The second time no route is there for every host.
    let hosted: String =
        CONFIG.lines().filter(|line| !line.contains("name: everywhere")).flat_map(|line| [line, "\n"]).collect();
    // And the third time credentials are elsewhere.
    let elsewhere =
        format!("methodMismatch: 404\napiKeys: {{ location: {{ query: k }}, hideFromUpstream: true }}\n{CONFIG}")
            .replace("    planClaim: plan\n", "    planClaim: plan\n    location: { cookie: t }\n");
    assert!(elsewhere.contains("location: { cookie: t }"));
    for config in [CONFIG, &hosted, &elsewhere] {
        let requests: Vec<_> = (0..REQUESTS).map(|_| RandomRequest::new(&mut random, &credentials)).collect();
        let gateway = gateway(BINARY, config).file("test.pem", signer.public_pem());
        let gateway = gateway.upstream(upstream::echo()).upstream(upstream::echo()).start().await;
        compare(&gateway, &requests, seed, &mut counts).await;
    }
    println!("seed {seed}: {counts:?}");
    if seed == SEED {
        check_variety(&counts);
    }
}

async fn compare(gateway: &Gateway, requests: &[RandomRequest], seed: u64, counts: &mut BTreeMap<String, usize>) {
    let explained = explain(gateway, requests);
    let answered = send(gateway, requests).await;
    let happened = logged(gateway, answered).await;
    for ((request, explained), (response, line)) in requests.iter().zip(&explained).zip(&happened) {
        let (offline, live) = (Verdict::explained(explained), Verdict::happened(response, line));
        assert_eq!(
            offline, live,
            "left is explain, right the gateway; seed {seed}\n{request}\n{explained:#}\n{line:#}\n{response}"
        );
        compare_targets(request, explained, response, seed);
        *counts.entry(live.reason.unwrap_or_else(|| live.status.to_string())).or_default() += 1;
    }
}

/// Where it went, as upstream or client saw it.
fn compare_targets(request: &RandomRequest, explained: &Value, response: &Response, seed: u64) {
    let arrived = match explained["verdict"].as_str() {
        Some("redirect") => {
            assert_eq!(
                explained["location"].as_str(),
                response.header("location"),
                "seed {seed}\n{request}\n{explained:#}"
            );
            return;
        }
        Some("forward") if request.method != "HEAD" => response.json()["target"].clone(),
        Some(_) | None => return,
    };
    assert_eq!(
        explained["target"], arrived,
        "left is explain, right the upstream; seed {seed}\n{request}\n{explained:#}"
    );
}

/// A test of two programs that both say 404 would prove little.
fn check_variety(counts: &BTreeMap<String, usize>) {
    let wanted = [
        "200",
        "308",
        "host_unknown",
        "path_unknown",
        "condition_unmet",
        "method_not_allowed",
        "path_malformed",
        "host_missing",
        "header_malformed",
        "api_key_missing",
        "key_unknown",
        "key_revoked",
        "key_expired",
        "plan_excludes_route",
        "consumer_disabled",
        "jwt_missing",
        "jws_unreadable",
        "signature_mismatch",
        "signing_key_unknown",
        "token_expired",
        "issuer_mismatch",
        "claim_mismatch",
        "scope_insufficient",
        "length_required",
        "body_too_large",
        "content_type_unsupported",
    ];
    let missing: Vec<_> = wanted.into_iter().filter(|reason| !counts.contains_key(*reason)).collect();
    assert!(missing.is_empty(), "no request was answered {missing:?}: {counts:?}");
    assert!(counts["200"] > REQUESTS / 10, "{counts:?}");
}

fn explain(gateway: &Gateway, requests: &[RandomRequest]) -> Vec<Value> {
    let mut lines = String::new();
    for RandomRequest { method, url, headers, body } in requests {
        let request = json!({ "method": method, "url": url, "headers": headers, "body": body });
        lines.extend([&*request.to_string(), "\n"]);
    }
    let folder = Folder::new();
    let batch = folder.with("requests", &lines);
    let mut command = Command::new(BINARY);
    command.args(["explain", "--config", "tollgate.yaml", "--batch", &batch]).current_dir(gateway.directory());
    let ran = run(&mut command).expect(0);
    let verdicts: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), requests.len());
    verdicts
}

/// The answers, in the order of the requests.
async fn send(gateway: &Gateway, requests: &[RandomRequest]) -> Vec<Response> {
    let address = gateway.address("listen");
    let parts = requests.chunks(requests.len().div_ceil(CLIENTS)).map(|part| {
        let bytes: Vec<(String, Vec<u8>)> = part.iter().map(|request| (request.to_string(), request.bytes())).collect();
        tokio::spawn(async move {
            let mut responses = Vec::new();
            for (request, bytes) in bytes {
                let mut connection = Connection::open(address).await.unwrap();
                let response = connection.exchange(&bytes).await;
                responses.push(response.unwrap_or_else(|fault| panic!("{request}: no response: {fault}")));
            }
            responses
        })
    });
    let mut responses = Vec::new();
    for part in parts.collect::<Vec<_>>() {
        responses.extend(part.await.unwrap());
    }
    responses
}

async fn logged(gateway: &Gateway, responses: Vec<Response>) -> Vec<(Response, Value)> {
    let lines = eventually("a log line of each request", async || {
        let lines = gateway.log_lines();
        (lines.len() >= responses.len()).then_some(lines)
    })
    .await;
    let mut lines: HashMap<String, Value> =
        lines.into_iter().map(|line| (line["requestId"].as_str().unwrap().to_owned(), line)).collect();
    let with_line = |response: Response| {
        let line = lines.remove(response.header("x-request-id").unwrap()).unwrap();
        (response, line)
    };
    responses.into_iter().map(with_line).collect()
}
