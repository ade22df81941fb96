//! The program as its users meet it: a process, its config, its sockets. One module a subject; what they share is in `support`.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod support;

mod dry_run;
mod errors;
mod forwarding;
mod garbage;
mod guide;
mod identity;
mod keep_alive;
mod limits;
mod passing_on;
mod reasons;
mod reasons_access;
mod reasons_body;
mod reasons_intake;
mod reasons_jwt;
mod reasons_routing;
mod reasons_tls;
mod reasons_upstream;
mod reasons_ways;
mod trace;
mod ways;
