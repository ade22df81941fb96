//! Upstreams whose TLS is not what it should be.

use crate::support::{Scenario, Steps, gateway, get, play};
use engine::reason::Reason;
use std::net::{Ipv4Addr, SocketAddr};
use testkit::client::Connection;
use testkit::gateway::Builder;
use testkit::tls_upstream::{Authority, TlsUpstream, Validity};
use testkit::upstream::echo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

const NAME: &str = "orders.internal";

pub struct Upstreams {
    good: TlsUpstream,
    expired: TlsUpstream,
    early: TlsUpstream,
    stranger: TlsUpstream,
    misnamed: TlsUpstream,
    plain: SocketAddr,
}

/// Answers whatever comes, as a server does that does not know TLS.
async fn plain() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.ok();
        }
    });
    address
}

pub async fn builder() -> (Builder, Upstreams) {
    let (authority, another) = (Authority::new("ours"), Authority::new("not ours"));
    let tls = |authority: &Authority, name, validity| TlsUpstream::start(authority.certify(name, validity), echo());
    let upstreams = Upstreams {
        good: tls(&authority, NAME, Validity::Good).unwrap(),
        expired: tls(&authority, NAME, Validity::Expired).unwrap(),
        early: tls(&authority, NAME, Validity::NotYet).unwrap(),
        stranger: tls(&another, NAME, Validity::Good).unwrap(),
        misnamed: tls(&authority, "billing.internal", Validity::Good).unwrap(),
        plain: plain().await,
    };
    let Upstreams { good, expired, early, stranger, misnamed, plain } = &upstreams;
    let all = [
        ("good", good.address()),
        ("expired", expired.address()),
        ("early", early.address()),
        ("stranger", stranger.address()),
        ("misnamed", misnamed.address()),
        ("plain", *plain),
    ];
    let tls = format!("tls: {{ serverName: {NAME}, caFile: ca.pem }}");
    let upstreams_of =
        all.map(|(name, address)| format!("  {name}: {{ endpoints: [\"{address}\"], {tls} }}\n")).concat();
    let auth = "auth: { none: {} }";
    let routes =
        all.map(|(name, _)| format!("  - {{ name: {name}, paths: [/{name}], upstream: {name}, {auth} }}\n")).concat();
    let config = format!("upstreams:\n{upstreams_of}routes:\n{routes}");
    (gateway(&config).file("ca.pem", authority.pem()), upstreams)
}

pub fn scenarios() -> Vec<Scenario> {
    let to = |reason, what, route: &'static str| {
        Scenario::new(reason, what, Steps::Send(get(&format!("/{route}"), &[]))).on(route)
    };
    vec![
        to(Reason::CertificateExpired, "it has expired", "expired"),
        to(Reason::CertificateExpired, "it is not valid yet", "early"),
        to(Reason::CertificateUntrusted, "signed by somebody else", "stranger"),
        to(Reason::CertificateNameMismatch, "made out to another name", "misnamed"),
        to(Reason::HandshakeFailed, "no TLS at all", "plain"),
    ]
}

#[tokio::test]
async fn certificates() {
    let (builder, upstreams) = builder().await;
    let gateway = builder.start().await;
    play(&gateway, &scenarios()).await;
    let Upstreams { good, expired, early, stranger, misnamed, plain: _ } = &upstreams;
    for wrong in [expired, early, stranger, misnamed] {
        assert_eq!(wrong.inner().connections(), 0, "nothing was said to it");
    }
    // Over TLS, too, a connection serves those that follow.
    let mut client = Connection::open(gateway.address("listen")).await.unwrap();
    for turn in 1..=3 {
        let response = client.send(&get("/good", &[])).await;
        assert_eq!((response.status, good.inner().count(), good.inner().connections()), (200, turn, 1), "{response}");
    }
}
