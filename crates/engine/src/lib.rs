//! The gateway as a function: `(Snapshot, request, now) -> Decision`.
//!
//! Read in this order: [`reason`] (why a request can end), [`request`] (what is decided on), [`snapshot`] (what decides),
//! [`chain`] (in which order), [`reply`] (what the client reads).
//!
//! Never in here: I/O, a clock, a runtime, a log line, a config format.

#![warn(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should"))]

pub mod announced;
pub mod auth_service;
pub mod authority;
pub mod calendar;
pub mod chain;
pub mod client;
pub mod coding;
pub mod compression;
pub mod counted;
pub mod credential;
pub mod denial;
pub mod identity;
pub mod json;
pub mod live;
pub mod media_type;
pub mod names;
pub mod naming;
pub mod path;
mod percent;
pub mod policy;
pub mod reason;
pub mod redirect;
pub mod remembered;
pub mod reply;
pub mod request;
pub mod response;
pub mod route;
pub mod rules;
pub mod schema;
pub mod snapshot;
pub mod standing;
pub mod target;
pub mod template;
pub mod trail;
pub mod transform;
pub mod upstream;
pub mod vary;
pub mod violation;
pub mod whoami;
pub mod wire;
