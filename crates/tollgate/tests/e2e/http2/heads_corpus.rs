//! The corpus of malformed HTTP/1.1 heads, as far as HTTP/2 can say the same: no other verdict, and nothing at the upstream.

use super::{OPEN, is_protocol_error, with_echo};
use std::collections::HashMap;
use testkit::gateway::Gateway;
use testkit::heads::{Expect, HeadCase, corpus};
use testkit::http2::{Code, End, Request};

/// What HTTP/1.1 refuses because of fields that HTTP/2 does not have.
const OF_HTTP1: [&[u8]; 2] = [b"\r\nconnection", b"\r\ntransfer-encoding"];

/// Needs no Host in HTTP/2; loses its fragment in the `h2` library, and arrives without it.
const OTHERWISE: [&str; 3] = ["absolute form without Host", "target with a fragment", "query with a fragment"];

/// The same request, if there is one.
fn translated(case: &HeadCase) -> Option<Request> {
    let head = case.bytes.to_ascii_lowercase();
    let contains = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
    let of_http1 = OF_HTTP1.iter().any(|field| contains(field)) && matches!(case.expect, Expect::Refused(..));
    if of_http1 || OTHERWISE.contains(&case.name) { None } else { Request::of_http1(&case.bytes) }
}

async fn played(gateway: &Gateway, request: &Request) -> End {
    let mut wire = gateway.http2_wire().await;
    wire.exchange(1, request).await.unwrap_or(End::Closed)
}

#[tokio::test]
async fn each_head_is_refused_or_is_one_request() {
    let gateway = with_echo(OPEN).await;
    let (mut wrong, mut played_all, mut refusals) = (Vec::new(), 0, HashMap::new());
    let mut arrived = 0;
    for case in corpus() {
        let Some(request) = translated(&case) else { continue };
        played_all += 1;
        let end = played(&gateway, &request).await;
        let came = gateway.upstream(0).received().len() - arrived;
        arrived += came;
        let fine = match (case.expect, &end) {
            (Expect::OneRequest, End::Answered(answer)) => answer.status == 200 && came == 1,
            (Expect::Refused(reason, status), End::Answered(answer)) => {
                let id = answer.json()["requestId"].as_str().unwrap_or_default().to_owned();
                refusals.insert(id, (case.name, reason));
                answer.status == status && came == 0
            }
            // More than four times what may come is no request any more, but an attack.
            (Expect::Refused("headers_too_large", _), End::GoAway(code)) => {
                *code == Code::ENHANCE_YOUR_CALM && came == 0
            }
            (Expect::Refused(..), end) => is_protocol_error(end) && came == 0,
            (Expect::OneRequest, _) => false,
        };
        if !fine {
            wrong.push(format!("{} ({}): {end:?}, {came} at upstream, not {:?}", case.name, case.rfc, case.expect));
        }
    }
    assert!(wrong.is_empty(), "{} of {played_all}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(played_all > 250, "{played_all}");
    check_log(&gateway, &refusals).await;
}

/// Every answer is logged for the reason that HTTP/1.1 has.
async fn check_log(gateway: &Gateway, refusals: &HashMap<String, (&'static str, &'static str)>) {
    let mut wrong = Vec::new();
    for (id, (name, reason)) in refusals {
        let line = gateway.log_line(id).await;
        if line["reason"] != *reason || line["protocol"] != "HTTP/2" {
            wrong.push(format!("{name}: {} over {}, not {reason}", line["reason"], line["protocol"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
