//! The raw tree to a [`Config`] that cannot be wrong. One function a section; each pushes what it finds and goes on, so that one
//! run shows every mistake. Reads key files, never the network.

mod auth;
mod auth_services;
mod body;
mod compression;
mod concurrency;
mod cors;
mod counting;
mod desk;
mod errors;
mod fields;
mod identity;
mod ip_access;
mod key_source;
mod keys;
mod limit;
mod names;
mod needed;
mod notice;
mod parameters;
mod parts;
mod patterns;
mod process;
mod proof;
mod request_id;
mod response;
mod routes;
mod scenarios;
mod scope;
mod store;
mod target;
mod transform;
mod upstreams;
mod users;
mod whoami;

use std::fmt::Write as _;
use std::sync::Arc;

use engine::live::Live;
use engine::reply::Errors;
use engine::request::RequestRules;
use engine::snapshot::Snapshot;

use crate::diagnostic::Diagnostics;
use crate::raw::RawConfig;
use crate::sound::LeftOut;
use crate::source::{Files, Sources};
use crate::spans::Spans;
use desk::Desk;
use names::Names;

pub use process::{Listener, LogTarget, Process};
pub use scenarios::{AuthAnswer, Expect, TestCase, TestRequest};
pub use store::{Redis, RedisTls};

/// A config that can be served.
#[derive(Debug)]
pub struct Config {
    pub snapshot: Snapshot,
    pub process: Process,
    pub tests: Vec<TestCase>,
}

/// What the raw tree comes from, and what outlives it.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) spans: &'a Spans,
    pub(crate) sources: &'a Sources,
    pub(crate) files: &'a dyn Files,
    pub(crate) live: &'a Live,
    /// What the tree lacks, where it is the sound part of a broken config.
    pub(crate) left_out: &'a LeftOut,
}

/// None if anything in it is an error; the diagnostics then say what.
pub(crate) fn compile(raw: &RawConfig, around: &Surroundings<'_>, diagnostics: &mut Diagnostics) -> Option<Config> {
    let live = around.live;
    let mut desk = Desk::new(*around, diagnostics);
    let names = Names::of(raw);
    let process = process::compile(raw, &mut desk);
    let upstreams = upstreams::compile(raw, live, &mut desk);
    let providers = identity::providers(raw, live, &mut desk);
    let auth_services = auth_services::compile(raw, live, &mut desk);
    let told = identity::told(raw, &mut desk);
    let (plans, plan_limits) = limit::plans(raw, &names, &mut desk);
    let (consumers, api_keys) = limit::consumers(raw, &plans, &mut desk);
    let users = users::compile(raw, &consumers, live, &mut desk);
    let mut book = errors::Book::open(raw, &mut desk);
    let throttles = limit::throttles(raw, &names, &mut book, &mut desk);
    let routes = routes::compile(raw, &names, &throttles, &mut book, &mut desk);
    let rules = book.close(&mut desk);
    let whoami = whoami::compile(raw, &mut desk);
    let tests = scenarios::compile(raw, &names, &mut desk);
    // A name that leads nowhere is one mistake, not two.
    if !desk.has_errors() {
        notice::unused(raw, &mut desk);
        scope::unused(raw, &mut desk);
    }
    let (policies, revision) = desk.finish();
    if diagnostics.has_errors() {
        return None;
    }
    let (table, routes) = routes?;
    let snapshot = Snapshot {
        revision,
        table,
        routes,
        policies,
        api_keys,
        users: users?,
        providers,
        auth_services,
        consumers,
        plans,
        plan_limits,
        upstreams,
        errors: Errors::new(rules),
        request: RequestRules {
            trusted_proxies: raw.trusted_proxies.iter().map(|network| network.net()).collect(),
            uri_bytes_max: process::bytes(raw.limits.uri_bytes),
        },
        intake: process::intake(raw),
        active_keys_max: usize::try_from(raw.limits.active_keys).unwrap_or(usize::MAX),
        request_id: request_id::rules(raw),
        told,
        whoami,
    };
    Some(Config { snapshot, process: process?, tests })
}

/// The beginning of a hash, as configs are named by it.
fn short(hash: &[u8]) -> Arc<str> {
    let mut text = String::new();
    for byte in hash.iter().take(6) {
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}
