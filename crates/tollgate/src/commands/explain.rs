//! `tollgate explain`: each step of the decision on one request, and what the client would get.

use super::{Failure, Outcome, output};
use crate::cli::{Explain, ListFormat};
use crate::fetched_keys;
use crate::offline::{Decided, Offline, OfflineRequest, Verdict};
use engine::live::Live;
use engine::reply::Reply;
use engine::snapshot::Snapshot;
use engine::trail;
use serde_json::{Value, json};
use std::fmt::Write as _;

mod batch;
mod request;
mod shape;

/// Near misses that are shown.
const NEAR_MISSES_MAX: usize = 5;

pub(crate) fn run(arguments: &Explain) -> Result<Outcome, Failure> {
    let live = Live::new();
    let config = super::load(&arguments.config, &live)?;
    let at = super::time_at(arguments.at.as_deref())?;
    fetched_keys::hand_in(&arguments.jwks, &config.snapshot, at)?;
    let offline = Offline::new(&config.snapshot, &live);
    if let Some(file) = &arguments.batch {
        return batch::run(&offline, file, arguments.client, at);
    }
    let request = request::of(arguments)?;
    let decided = offline.decide(&request, at);
    match arguments.format {
        ListFormat::Text => output::result(text(&config.snapshot, &request, &decided)),
        ListFormat::Json => output::result_line(format_args!("{:#}", json(&config.snapshot, &request, &decided))),
    }
    Ok(match &decided.verdict {
        Verdict::Forward { .. } | Verdict::Redirect { .. } | Verdict::Answer { .. } => Outcome::Yes,
        Verdict::Refuse { .. } => Outcome::No,
        Verdict::Undecided(_) => Outcome::Undecided,
    })
}

/// One step, as both formats show it.
struct Line<'a> {
    step: &'static str,
    verdict: String,
    mode: &'static str,
    policy: Option<&'a str>,
    place: Option<String>,
    /// Which part of the policy decided, where that is not plain from its name.
    because: Option<String>,
}

fn lines<'a>(snapshot: &'a Snapshot, request: &OfflineRequest, decided: &Decided) -> Vec<Line<'a>> {
    let line = |entry: &trail::Entry| {
        let policy = entry.policy.and_then(|id| snapshot.policy(id));
        Line {
            step: entry.step.name(),
            verdict: match entry.verdict {
                trail::Verdict::Pass => "pass".into(),
                trail::Verdict::Deny(reason) => format!("deny {}", reason.code()),
                trail::Verdict::WouldDeny(reason) => format!("would deny {}", reason.code()),
            },
            mode: match entry.mode {
                trail::Mode::Enforce => "enforce",
                trail::Mode::DryRun => "dryRun",
                trail::Mode::Off => "off",
            },
            policy: policy.map(|policy| &*policy.name),
            place: policy.map(|policy| policy.place.to_string()),
            because: network(snapshot, decided, entry).or_else(|| origin(snapshot, request, decided, entry)),
        }
    };
    decided.trail.entries().map(line).collect()
}

/// Which network of `ipAccess` the address is in.
fn network(snapshot: &Snapshot, decided: &Decided, entry: &trail::Entry) -> Option<String> {
    if entry.step != trail::Step::IpAccess {
        return None;
    }
    let rule = snapshot.route(decided.route?)?.rules.ip_access.as_ref()?;
    let address = decided.address?;
    Some(format!("{address} {}", rule.decide(address)))
}

/// What becomes of the answer to a page of another origin. A refusal says it by itself.
fn origin(snapshot: &Snapshot, request: &OfflineRequest, decided: &Decided, entry: &trail::Entry) -> Option<String> {
    if entry.step != trail::Step::Cors || entry.verdict != trail::Verdict::Pass {
        return None;
    }
    let rule = snapshot.route(decided.route?)?.rules.cors.as_ref()?;
    let mut fields = http::HeaderMap::new();
    for (name, value) in request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("origin")) {
        fields.append(name.parse::<http::HeaderName>().ok()?, value.parse().ok()?);
    }
    let told = if rule.permitted(&fields) {
        "the origin is permitted"
    } else {
        "the origin is not permitted: a browser keeps the answer from the script"
    };
    Some(told.to_owned())
}

fn near_misses(snapshot: &Snapshot, request: &OfflineRequest, decided: &Decided) -> Vec<String> {
    let is_about_routing = decided.denial().is_some_and(|denial| {
        matches!(denial.kind(), engine::reason::Kind::RouteNotFound | engine::reason::Kind::MethodNotAllowed)
    });
    if !is_about_routing {
        return Vec::new();
    }
    crate::offline::near_misses(snapshot, request, NEAR_MISSES_MAX)
}

fn text(snapshot: &Snapshot, request: &OfflineRequest, decided: &Decided) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} {}", request.method, request.url);
    match decided.route.and_then(|id| snapshot.route(id)) {
        Some(route) => {
            let _ = writeln!(out, "route     {} ({})", route.name, route.place);
        }
        None => {
            let _ = writeln!(out, "route     none");
        }
    }
    if let Some(consumer) = decided.identity.consumer_id() {
        let _ = writeln!(out, "consumer  {consumer}");
    }
    if let Some(plan) = &decided.identity.plan {
        let _ = writeln!(out, "plan      {}", plan.name);
    }
    let _ = writeln!(out, "\nsteps");
    for line in lines(snapshot, request, decided) {
        let mode = if line.mode == "enforce" { String::new() } else { format!(" [{}]", line.mode) };
        let by = match (line.policy, &line.place) {
            (Some(policy), Some(place)) => format!("  {policy} ({place})"),
            _ => String::new(),
        };
        let because = line.because.map(|because| format!(": {because}")).unwrap_or_default();
        let _ = writeln!(out, "  {:<16}{}{mode}{by}{because}", line.step, line.verdict);
    }
    for miss in near_misses(snapshot, request, decided) {
        let _ = writeln!(out, "  near miss: {miss}");
    }
    verdict_text(&mut out, &decided.verdict);
    out
}

fn verdict_text(out: &mut String, verdict: &Verdict) {
    match verdict {
        Verdict::Forward { upstream, endpoint, target, shaped } => {
            let endpoint = endpoint.as_deref().unwrap_or("no endpoint: every weight is 0");
            let _ = writeln!(out, "\nforwarded to {upstream} at {endpoint} as {target}");
            if let Some(shaped) = shaped {
                shape::text(out, shaped);
            }
        }
        Verdict::Redirect { location } => {
            let _ = writeln!(out, "\nredirected: 308 Location: {location}");
        }
        Verdict::Undecided(call) => {
            let _ = writeln!(out, "\nundecided: auth service {} decides, and explain asks nobody", call.service);
            let _ = writeln!(out, "a running gateway asks\n  GET {}", call.url);
            for (name, value) in &call.fields {
                let _ = writeln!(out, "  {name}: {value}");
            }
            let help = "give its answer: --auth-answer 200, with --auth-header 'Name: value' for what it says";
            let _ = writeln!(out, "{help}");
        }
        Verdict::Refuse { denial, reply } => {
            let _ = writeln!(out, "\nrefused: {} {} ({})", reply.status, denial.kind().code(), denial.reason.code());
            if let Some(facts) = denial.facts() {
                let _ = writeln!(out, "because: {facts}");
            }
            let _ = writeln!(out, "runbook: tollgate reasons {}", denial.kind().code());
            reply_text(out, reply);
        }
        Verdict::Answer { reply } => {
            let _ = writeln!(out, "\nanswered by the gateway itself");
            reply_text(out, reply);
        }
    }
}

fn reply_text(out: &mut String, reply: &Reply) {
    let _ = writeln!(out, "\nthe client gets\n  HTTP/1.1 {}", reply.status);
    for (name, value) in &reply.headers {
        let _ = writeln!(out, "  {name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    let _ = writeln!(out, "\n{}", String::from_utf8_lossy(&reply.body).trim_end());
}

fn json(snapshot: &Snapshot, request: &OfflineRequest, decided: &Decided) -> Value {
    let route = decided.route.and_then(|id| snapshot.route(id));
    let steps: Vec<Value> = lines(snapshot, request, decided)
        .into_iter()
        .map(|line| {
            json!({ "step": line.step, "verdict": line.verdict, "mode": line.mode, "policy": line.policy, "place": line.place, "because": line.because })
        })
        .collect();
    let mut value = json!({
        "method": request.method,
        "url": request.url,
        "route": route.map(|route| &*route.name),
        "consumer": decided.identity.consumer_id().map(|id| &**id),
        "plan": decided.identity.plan.as_ref().map(|plan| &*plan.name),
        "steps": steps,
        "nearMisses": near_misses(snapshot, request, decided),
    });
    let verdict = match &decided.verdict {
        Verdict::Forward { upstream, endpoint, target, shaped } => {
            let changes = shaped.as_ref().map(shape::json);
            json!({ "verdict": "forward", "upstream": upstream, "endpoint": endpoint, "target": target, "changes": changes })
        }
        Verdict::Redirect { location } => json!({ "verdict": "redirect", "status": 308, "location": location }),
        Verdict::Answer { reply } => json!({
            "verdict": "answer", "status": reply.status, "headers": headers(reply),
            "body": String::from_utf8_lossy(&reply.body),
        }),
        Verdict::Undecided(call) => {
            json!({ "verdict": "undecided", "authService": call.service, "url": call.url, "headers": call.fields })
        }
        Verdict::Refuse { denial, reply } => {
            json!({
                "verdict": "deny", "status": reply.status, "kind": denial.kind().code(), "reason": denial.reason.code(),
                "detail": denial.facts(),
                "policy": denial.policy.and_then(|id| snapshot.policy(id)).map(|policy| &*policy.name),
                "headers": headers(reply), "body": String::from_utf8_lossy(&reply.body),
            })
        }
    };
    if let (Some(all), Value::Object(verdict)) = (value.as_object_mut(), verdict) {
        all.extend(verdict);
    }
    value
}

fn headers(reply: &Reply) -> Vec<(String, String)> {
    let shown = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    reply.headers.iter().map(|(name, value)| (name.to_string(), shown(value))).collect()
}
