//! `tollgate test`: the config's own `tests:`, through the decision code or against a running gateway.

use super::{Failure, Outcome, output};
use crate::fetched_keys::{self, KeyFile};
use crate::offline::{Offline, OfflineRequest, Verdict};
use config::{Expect, TestCase};
use engine::live::Live;
use limits::clock::{Now, now};
use std::path::Path;

mod wire;

/// What one test found.
#[derive(Clone, Debug, Default)]
struct Found {
    status: Option<u16>,
    reason: Option<String>,
    route: Option<String>,
    upstream: Option<String>,
    /// As upstream would see it.
    target: Option<String>,
    /// The auth service that decides, and was not asked.
    undecided: Option<String>,
}

pub(crate) fn run(path: &Path, against: Option<&str>, jwks: &[KeyFile]) -> Result<Outcome, Failure> {
    let live = Live::new();
    let config = super::load(path, &live)?;
    if config.tests.is_empty() {
        return Err(Failure::Usage(format!("{} has no tests: add some under `tests:`", path.display())));
    }
    fetched_keys::hand_in(jwks, &config.snapshot, now())?;
    let offline = Offline::new(&config.snapshot, &live);
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for test in &config.tests {
        let found = match against {
            None => decide(&offline, test),
            Some(base) => wire::send(base, test)?,
        };
        let differences = differences(&test.expect, &found, against.is_some());
        if differences.is_empty() {
            passed = passed.saturating_add(1);
            output::result_line(format_args!("ok      {}", test.name));
        } else {
            failed = failed.saturating_add(1);
            output::result_line(format_args!("FAILED  {} ({})", test.name, test.place));
            for difference in differences {
                output::result_line(format_args!("        {difference}"));
            }
        }
    }
    output::result_line(format_args!("{passed} passed, {failed} failed"));
    Ok(if failed == 0 { Outcome::Yes } else { Outcome::No })
}

fn decide(offline: &Offline<'_>, test: &TestCase) -> Found {
    let request = OfflineRequest {
        method: test.request.method.clone(),
        url: test.request.url.clone(),
        headers: test.request.headers.clone(),
        body: test.request.body.clone().map(String::into_bytes),
        client: test.request.client,
        auth_answer: test.request.auth_answer.clone(),
    };
    let at = test.request.at_unix_s.map_or_else(now, Now::at_unix_seconds);
    let decided = offline.decide(&request, at);
    let (upstream, target) = match &decided.verdict {
        Verdict::Forward { upstream, target, .. } => (Some(upstream.clone()), Some(target.clone())),
        Verdict::Refuse { .. } | Verdict::Redirect { .. } | Verdict::Answer { .. } | Verdict::Undecided(_) => {
            (None, None)
        }
    };
    let undecided = match &decided.verdict {
        Verdict::Undecided(call) => Some(call.service.clone()),
        Verdict::Forward { .. } | Verdict::Refuse { .. } | Verdict::Redirect { .. } | Verdict::Answer { .. } => None,
    };
    Found {
        undecided,
        status: decided.status().or(upstream.is_some().then_some(FORWARDED)),
        reason: decided.denial().map(|denial| denial.reason.code().to_owned()),
        route: decided.route.and_then(|id| offline.snapshot.route(id)).map(|route| route.name.to_string()),
        upstream,
        target,
    }
}

/// What a test of an admitted request may expect as its status without an upstream to ask.
const FORWARDED: u16 = 200;

/// Over the wire the gateway tells neither route nor upstream; there only status and reason can be held against it.
fn differences(expect: &Expect, found: &Found, over_the_wire: bool) -> Vec<String> {
    let mut differences = Vec::new();
    if let Some(service) = &found.undecided {
        differences
            .push(format!("auth service {service} decides, and nobody is asked here: give the test an `authAnswer`"));
    }
    let mut compare = |what: &str, expected: Option<String>, found: Option<String>| {
        if let Some(expected) = expected
            && found.as_deref() != Some(&*expected)
        {
            differences.push(format!("{what}: expected {expected}, found {}", found.as_deref().unwrap_or("none")));
        }
    };
    compare("status", expect.status.map(|status| status.to_string()), found.status.map(|status| status.to_string()));
    if !over_the_wire {
        compare("reason", expect.reason.clone(), found.reason.clone());
        compare("route", expect.route.clone(), found.route.clone());
        compare("upstream", expect.upstream.clone(), found.upstream.clone());
        compare("target", expect.target.clone(), found.target.clone());
    } else if let (Some(reason), Some(found)) = (&expect.reason, &found.reason) {
        let kind = engine::reason::Reason::named(reason).map(|reason| reason.kind().code());
        if Some(&**found) != kind && found != reason {
            compare("reason", Some(reason.clone()), Some(found.clone()));
        }
    }
    differences
}
