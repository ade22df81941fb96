//! Every scenario of a refusal that HTTP/2 can express, played over it: the same verdict, document, log line and count.

use super::as_http2;
use crate::support::{Scenario, Steps, gateway};
use crate::{
    concurrency, cors, ip_access, own_answers, parameters, reading, reasons_access, reasons_body, reasons_jwt,
    reasons_keys, reasons_routing, reasons_tls, reasons_transform, reasons_upstream, reasons_ways,
};
use testkit::gateway::{Builder, Gateway};
use testkit::http2::Request;
use testkit::upstream::echo;

fn with_echo(config: &str) -> Builder {
    gateway(config).upstream(echo())
}

/// What is sent, if it is nothing but a request.
fn request(scenario: &Scenario) -> Option<Request> {
    match &scenario.steps {
        Steps::Send(bytes) | Steps::After(_, bytes) => Request::of_http1(bytes),
        Steps::Do(_) => None,
    }
}

async fn play(builder: Builder, scenarios: &[Scenario], at_least: usize) -> Gateway {
    let gateway = builder.http2().start().await;
    // One connection for all: no refusal costs it.
    let connection = gateway.http2().await;
    let mut played = 0;
    for scenario in scenarios.iter().filter(|scenario| request(scenario).is_some()) {
        scenario.play_by(&gateway, async |bytes| connection.send(&as_http2(bytes)).await).await;
        played += 1;
    }
    assert!(played >= at_least, "{played} of {}", scenarios.len());
    let lines = gateway.log_lines();
    assert!(lines.iter().all(|line| line["protocol"] == "HTTP/2"), "{lines:?}");
    gateway
}

#[tokio::test]
async fn routing() {
    let gateway = play(with_echo(reasons_routing::CONFIG), &reasons_routing::scenarios(), 9).await;
    assert_eq!(gateway.upstream(0).count(), 0);
}

#[tokio::test]
async fn access() {
    let gateway = play(with_echo(reasons_access::CONFIG), &reasons_access::scenarios(), 14).await;
    assert_eq!(gateway.upstream(0).count(), 7, "the admitted ones alone");
}

#[tokio::test]
async fn addresses_and_origins() {
    play(with_echo(ip_access::CONFIG), &ip_access::scenarios(), 2).await;
    play(with_echo(cors::CONFIG), &cors::scenarios(), 5).await;
}

#[tokio::test]
async fn tokens_and_keys() {
    let gateway = play(reasons_jwt::builder(), &reasons_jwt::scenarios(), 20).await;
    assert_eq!(gateway.upstream(0).count(), 0, "no hostile token got through");
    play(reasons_keys::builder(), &reasons_keys::scenarios(), 1).await;
    play(reasons_ways::builder(), &reasons_ways::scenarios(), 10).await;
}

#[tokio::test]
async fn bodies() {
    let gateway = play(with_echo(reasons_body::CONFIG), &reasons_body::scenarios(), 7).await;
    let whole = gateway.upstream(0).received().into_iter().filter(|received| received.fault.is_none()).count();
    assert_eq!(whole, 0, "no refused body reached upstream whole");
    let gateway = play(reading::builder(), &reading::scenarios(), 20).await;
    assert_eq!(gateway.upstream(0).connections(), 0);
}

#[tokio::test]
async fn shapes() {
    play(with_echo(parameters::CONFIG), &parameters::scenarios(), 7).await;
    play(reasons_transform::builder(), &reasons_transform::scenarios(), 8).await;
    play(own_answers::builder(), &own_answers::scenarios(), 1).await;
}

#[tokio::test]
async fn upstreams() {
    let (builder, _silent) = reasons_upstream::builder().await;
    play(builder, &reasons_upstream::scenarios(), 14).await;
    let (builder, _upstreams) = reasons_tls::builder().await;
    play(builder, &reasons_tls::scenarios(), 5).await;
}

/// Slots are held by streams: two on one connection are two.
#[tokio::test]
async fn slots_are_counted_by_request() {
    let gateway = with_echo(concurrency::CONFIG).http2().start().await;
    let connection = gateway.http2().await;
    let to = |host: &str, target: &str| super::get(target, &[&format!("Host: {host}.example"), "x-api-key: acme"]);
    let first = connection.ask(&to("held", "/__misbehave/never")).await.unwrap();
    let second = connection.ask(&to("held", "/__misbehave/never")).await.unwrap();
    assert!(gateway.upstream(0).wait_for(2).await);
    let third = connection.send(&to("held", "/")).await;
    super::check_refusal(&gateway, &third, engine::reason::Reason::ConcurrencyLimitReached).await;
    assert_eq!(connection.send(&to("free", "/")).await.status, 200);
    drop((first, second));
    let free = async || (connection.send(&to("held", "/")).await.status == 200).then_some(());
    crate::support::until("a free slot", free).await;
}
