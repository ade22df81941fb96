//! `tollgate run` that cannot: says why, at once.

use super::GOOD;
use crate::program::{Folder, Ran, tollgate};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use testkit::ports;

/// On a machine that does much else, one of these attempts has its second.
const ATTEMPTS: usize = 3;

fn run(config: &str) -> Ran {
    let folder = Folder::new();
    let file = folder.with("tollgate.yaml", config);
    let attempts = (0..ATTEMPTS).map(|_| tollgate(&["run", "--config", &file]).expect(2));
    let fastest = attempts.min_by_key(|ran| ran.took).unwrap();
    assert!(fastest.took < Duration::from_secs(1), "{:?}: {fastest}", fastest.took);
    assert!(fastest.stdout.is_empty(), "{fastest}");
    fastest
}

fn config(listen: SocketAddr, more: &str) -> String {
    format!("{more}\n{}", GOOD.replace("127.0.0.1:8080", &listen.to_string()))
}

#[test]
fn an_address_in_use_is_named() {
    let holder = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = holder.local_addr().unwrap();
    let free = ports::free().unwrap();
    let check = |config: &str| {
        let ran = run(config);
        assert!(ran.stderr.contains(&format!("cannot listen on {taken}: Address already in use")), "{ran}");
    };
    check(&config(taken, ""));
    check(&config(free, &format!("telemetry: {{ address: \"{taken}\" }}")));
    check(&config(free, "").replace("\" }]", &format!("\" }}, {{ address: \"{taken}\" }}]")));
}

#[test]
fn an_address_that_is_not_ours_is_named() {
    // RFC 5737: nobody has it.
    let elsewhere = SocketAddr::from(([192, 0, 2, 1], 8080));
    let ran = run(&config(elsewhere, ""));
    assert!(ran.stderr.contains("cannot listen on 192.0.2.1:8080: Cannot assign requested address"), "{ran}");
}

#[test]
fn a_log_that_cannot_be_opened_is_named() {
    let ran = run(&config(ports::free().unwrap(), "accessLog: { path: /nonexistent/folder/log }"));
    assert!(ran.stderr.contains("access log") && ran.stderr.contains("No such file"), "{ran}");
}
