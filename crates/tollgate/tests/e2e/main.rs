//! The program as its users meet it: a process, its config, its sockets. One module a subject; what they share is in `support`.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod support;

mod accuracy;
mod browser;
mod cluster;
mod compression;
mod concurrency;
mod cors;
mod dry_run;
mod errors;
mod forwarding;
mod garbage;
mod guide;
mod http2;
mod identity;
mod ip_access;
mod keep_alive;
mod key_sets;
mod key_sets_hostile;
mod late_faults;
mod limits;
mod own_answers;
mod parameters;
mod passing_on;
mod reading;
mod reading_large;
mod reasons;
mod reasons_access;
mod reasons_body;
mod reasons_intake;
mod reasons_jwt;
mod reasons_keys;
mod reasons_routing;
mod reasons_tls;
mod reasons_transform;
mod reasons_upstream;
mod reasons_ways;
mod shared_accuracy;
mod storms;
mod trace;
mod transformations;
mod uploads;
mod upstream_connections;
mod ways;
mod whoami;
