//! Which listener a connection came by.

use crate::intake::{Listener, taker};

/// Of listeners that are all on port 80; those with a `+` speak HTTP/2.
fn check(listeners: &[&str], local: &str, expected: Option<&str>) {
    let listener = |text: &&str| {
        let address = text.trim_end_matches('+').parse().unwrap();
        Listener { address, http2: text.ends_with('+') }
    };
    let listeners: Vec<Listener> = listeners.iter().map(listener).collect();
    let found = taker(&listeners, local.parse().unwrap());
    let found = found.map(|found| format!("{}{}", found.address, if found.http2 { "+" } else { "" }));
    assert_eq!(found.as_deref(), expected, "{listeners:?} {local}");
}

#[test]
fn the_listener_that_names_an_address_takes_it() {
    check(&["0.0.0.0:80+"], "192.0.2.1:80", Some("0.0.0.0:80+"));
    check(&["0.0.0.0:80+"], "192.0.2.1:81", None);
    check(&["0.0.0.0:80+", "[::1]:80"], "[::1]:80", Some("[::1]:80"));
    check(&["0.0.0.0:80+", "[::]:80"], "[2001:db8::1]:80", Some("[::]:80"));
    check(&["[::]:80+", "0.0.0.0:80"], "192.0.2.1:80", Some("0.0.0.0:80"));
    check(&["[::]:80+"], "[::ffff:192.0.2.1]:80", Some("[::]:80+"));
    check(&["0.0.0.0:80", "192.0.2.1:80+"], "192.0.2.1:80", Some("192.0.2.1:80+"));
    check(&["127.0.0.1:80", "127.0.0.1:81+"], "127.0.0.1:81", Some("127.0.0.1:81+"));
}
