//! Other ways to have a store: a cluster of them, a password, an ACL user.

use crate::nodes::{Node, is_counted, quota, rate, settings};
use limits::shared::Sync;
use store::{RedisSettings, RedisTls};
use testkit::ports;
use testkit::redis::{Files, RedisServer};
use testkit::tls_upstream::{Authority, Validity};

#[tokio::test]
async fn the_same_scripts_run_in_a_cluster() {
    let servers = RedisServer::start_cluster().await;
    let [first, second] = &servers;
    let node = Node::start("a", RedisSettings { cluster: true, ..settings(first.address()) }).await;
    let other = Node::start("b", RedisSettings { cluster: true, ..settings(second.address()) }).await;
    // Enough counters for both servers to have some.
    for number in 0..20 {
        for charge in [quota(number, 30, Sync::Exact), rate(100 + number, 1, 30, Sync::Lease)] {
            let mut granted = 0;
            for turn in 0..40 {
                let node = if turn % 2 == 0 { &node } else { &other };
                granted += u64::from(is_counted(node.take(charge).await));
            }
            let least = if charge.sync == Sync::Exact { 30 } else { 28 };
            assert!((least..=30).contains(&granted), "{charge:?}: {granted}");
        }
    }
    for server in &servers {
        let keys = server.command(&["DBSIZE"]).await;
        assert!(!keys.starts_with(":0"), "one server has all the keys");
    }
}

#[tokio::test]
async fn an_acl_user_may_be_held_to_what_is_needed() {
    let rules = "~gate:* +evalsha +eval +time +get +set +zadd +zrem +zremrangebyscore +zcard +pexpire";
    let mut options = vec!["--requirepass", "hidden", "--user", "gate", "on", ">let me in"];
    options.extend(rules.split(' '));
    let server = RedisServer::start_with(&options).await;
    let named = |username: Option<&str>, password: &str, prefix: &str| RedisSettings {
        username: username.map(str::to_owned),
        password: Some(password.to_owned()),
        prefix: prefix.to_owned(),
        ..settings(server.address())
    };
    for (username, password, prefix, works) in [
        (Some("gate"), "let me in", "gate", true),
        (None, "hidden", "gate", true),
        (Some("gate"), "let me out", "gate", false),
        (Some("gate"), "let me in", "other", false),
    ] {
        let settings = named(username, password, prefix);
        let shown = format!("{settings:?}");
        assert!(!shown.contains(password) && !shown.contains("gate\", password"), "{shown}");
        let node = Node::start("a", settings).await;
        assert_eq!(node.fleet.is_reachable(), works, "{username:?} with prefix {prefix}");
        assert_eq!(is_counted(node.take(quota(1, 1_000, Sync::Exact)).await), works);
    }
}

#[tokio::test]
async fn over_tls_the_certificate_is_checked() {
    let (ours, other) = (Authority::new("ours"), Authority::new("another"));
    let (chain, key) = ours.certify("localhost", Validity::Good).pem();
    let files = Files::new(&[("chain.pem", &chain), ("key.pem", &key), ("ca.pem", &ours.pem())]);
    let port = ports::free().expect("a port").port();
    let (chain, key, ca) = (files.path("chain.pem"), files.path("key.pem"), files.path("ca.pem"));
    let port_text = port.to_string();
    let server = RedisServer::start_with(&[
        "--tls-port",
        &port_text,
        "--tls-cert-file",
        &chain,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
    ])
    .await;
    for (host, authority, works) in [
        ("localhost", Some(&ours), true),
        ("localhost", Some(&other), false),
        ("localhost", None, false),
        // The certificate is for a name.
        ("127.0.0.1", Some(&ours), false),
    ] {
        let authorities = authority.map(|authority| authority.pem().into_bytes());
        let settings = RedisSettings {
            servers: vec![(host.to_owned(), port)],
            tls: Some(RedisTls { authorities }),
            ..settings(server.address())
        };
        let node = Node::start("a", settings).await;
        assert_eq!(node.fleet.is_reachable(), works, "{host}, {authority:?}");
        assert_eq!(is_counted(node.take(quota(1, 1_000, Sync::Exact)).await), works);
    }
}
