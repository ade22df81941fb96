//! The end of the process: what is under way ends whole, nothing begins.

use super::{OPEN, get, post, with_echo};
use crate::support::until;
use testkit::client;
use testkit::gateway::{Gateway, Signal};
use testkit::http2::{Code, End, Frame, Wire};

const DRAIN: &str = "server: { drain: 10m }\n";

async fn start() -> Gateway {
    with_echo(&format!("{DRAIN}{OPEN}")).await
}

async fn refuses_connections(gateway: &Gateway) {
    let address = gateway.address("listen");
    until("the end of listening", async || client::Connection::open(address).await.is_err().then_some(())).await;
}

/// Reads up to a GOAWAY that names the last stream that is served.
async fn last_word(wire: &mut Wire) -> (u32, Code) {
    loop {
        wire.next().await.unwrap().unwrap_or_else(|| panic!("the end without a word"));
        if let Some((last, code)) = wire.goaway().filter(|(last, _)| *last < 0x7fff_ffff) {
            return (last, code);
        }
    }
}

#[tokio::test]
async fn streams_under_way_end_whole_and_none_begins() {
    let gateway = start().await;
    let mut wire = gateway.http2_wire().await;
    let mut idle = gateway.http2_wire().await;
    // Refused, so that the only connection upstream is the other's.
    assert!(matches!(idle.exchange(1, &get("/a%2fb", &[])).await, Ok(End::Answered(_))));
    wire.send(&[Frame::headers(1, &post("/slow", &[]).block(), false), Frame::data(1, b"half", false)]).await.unwrap();
    until("its way upstream", async || (gateway.upstream(0).connections() == 1).then_some(())).await;
    gateway.signal(Signal::SIGTERM);
    assert_eq!(idle.ended().await.unwrap().map(|(_, code)| code), Some(Code::NO_ERROR), "the idle one ends at once");
    assert_eq!(last_word(&mut wire).await, (1, Code::NO_ERROR));
    refuses_connections(&gateway).await;
    // Too late: nobody has to look at it, and nobody may.
    wire.request(3, &get("/late", &[])).await.unwrap();
    wire.send(&[Frame::data(1, b"half", true)]).await.unwrap();
    let end = wire.end(1).await.unwrap();
    assert!(matches!(&end, End::Answered(answer) if answer.json()["body"] == "halfhalf"), "{end:?}");
    wire.ended().await.unwrap();
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.said());
    let targets: Vec<String> = gateway.upstream(0).received().into_iter().map(|received| received.target).collect();
    assert_eq!(targets, ["/slow"]);
    assert_eq!(gateway.log_lines().len(), 2, "every request is in the log");
}

/// What the client sent before it heard of the end is served (RFC 9113, 6.8).
#[tokio::test]
async fn a_well_behaved_client_loses_nothing() {
    let gateway = start().await;
    let mut connection = gateway.http2().await;
    let slow = connection.ask(&get("/__misbehave/delay-head/1000", &[])).await.unwrap();
    let half = connection.ask(&get("/__misbehave/delay-body/1000", &[])).await.unwrap();
    assert!(gateway.upstream(0).wait_for(2).await);
    gateway.signal(Signal::SIGTERM);
    for (answering, text) in [(slow, "late"), (half, "halfrest")] {
        let response = answering.read().await.unwrap();
        assert_eq!((response.status, response.text().as_str(), response.cut.as_ref()), (200, text, None), "{response}");
    }
    connection.ended().await.unwrap();
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.said());
    assert_eq!(gateway.log_lines().len(), 2);
}

/// A client that neither asks nor leaves does not hold the process up.
#[tokio::test]
async fn a_silent_connection_ends_with_the_rest() {
    let gateway = start().await;
    let mut greeted = gateway.http2_wire().await;
    let mut silent = Wire::connect(gateway.address("listen")).await.unwrap();
    // One that is served shows that the others have been taken in.
    assert_eq!(gateway.http2().await.send(&get("/", &[])).await.status, 200);
    assert_eq!(gateway.stop().await.code(), Some(0), "{}", gateway.said());
    greeted.ended().await.unwrap();
    silent.rest().await.unwrap();
}

#[tokio::test]
async fn the_drain_time_is_the_longest_wait() {
    let gateway = with_echo(&format!("server: {{ drain: 300ms }}\n{OPEN}")).await;
    let connection = gateway.http2().await;
    let never = connection.ask(&get("/__misbehave/never", &[])).await.unwrap();
    assert!(gateway.upstream(0).wait_for(1).await);
    assert_eq!(gateway.stop().await.code(), Some(0), "{}", gateway.said());
    assert!(never.read().await.is_err(), "nobody can have answered");
}

/// A request outlives its connection for a moment: who drains waits for its line.
#[tokio::test]
async fn requests_of_a_lost_connection_are_recorded() {
    const REQUESTS: u64 = 20;
    let gateway = start().await;
    let mut wire = gateway.http2_wire().await;
    for number in 0..REQUESTS {
        let stream = u32::try_from(number * 2 + 1).unwrap();
        wire.request(stream, &get("/__misbehave/never", &[])).await.unwrap();
    }
    assert!(gateway.upstream(0).wait_for(REQUESTS).await);
    drop(wire);
    gateway.signal(Signal::SIGTERM);
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.said());
    let reasons: Vec<_> = gateway.log_lines().into_iter().map(|line| line["reason"].clone()).collect();
    assert_eq!(reasons, vec!["client_closed_request"; usize::try_from(REQUESTS).unwrap()]);
}
