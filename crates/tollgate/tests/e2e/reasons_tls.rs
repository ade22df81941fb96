//! Upstreams whose TLS is not what it should be.

use crate::support::{Scenario, Steps, gateway, get, play};
use engine::reason::Reason;
use testkit::gateway::Gateway;
use testkit::tls_upstream::{Authority, TlsUpstream, Validity};
use testkit::upstream::{Upstream, echo};

const NAME: &str = "orders.internal";

struct Upstreams {
    good: TlsUpstream,
    expired: TlsUpstream,
    early: TlsUpstream,
    stranger: TlsUpstream,
    misnamed: TlsUpstream,
    plain: Upstream,
}

async fn start() -> (Gateway, Upstreams) {
    let (authority, another) = (Authority::new("ours"), Authority::new("not ours"));
    let tls = |authority: &Authority, name, validity| TlsUpstream::start(authority.certify(name, validity), echo());
    let upstreams = Upstreams {
        good: tls(&authority, NAME, Validity::Good).unwrap(),
        expired: tls(&authority, NAME, Validity::Expired).unwrap(),
        early: tls(&authority, NAME, Validity::NotYet).unwrap(),
        stranger: tls(&another, NAME, Validity::Good).unwrap(),
        misnamed: tls(&authority, "billing.internal", Validity::Good).unwrap(),
        plain: echo(),
    };
    let Upstreams { good, expired, early, stranger, misnamed, plain } = &upstreams;
    let all = [
        ("good", good.address()),
        ("expired", expired.address()),
        ("early", early.address()),
        ("stranger", stranger.address()),
        ("misnamed", misnamed.address()),
        ("plain", plain.address()),
    ];
    let mut config = "upstreams:\n".to_owned();
    for (name, address) in all {
        config +=
            &format!("  {name}: {{ endpoints: [\"{address}\"], tls: {{ serverName: {NAME}, caFile: ca.pem }} }}\n");
    }
    config += "routes:\n";
    for (name, _) in all {
        config +=
            &format!("  - {{ name: {name}, paths: [/{name}], upstream: {name}, auth: {{ none: {{}} }} }}\n");
    }
    (gateway(&config).file("ca.pem", authority.pem()).start().await, upstreams)
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
    let (gateway, upstreams) = start().await;
    play(&gateway, &scenarios()).await;
    let Upstreams { good, expired, early, stranger, misnamed, plain } = &upstreams;
    for wrong in [expired, early, stranger, misnamed] {
        assert_eq!(wrong.inner().connections(), 0, "nothing was said to it");
    }
    assert_eq!(plain.count(), 0);
    let response = gateway.send(&get("/good", &[])).await;
    assert_eq!((response.status, good.inner().count()), (200, 1), "{response}");
}
