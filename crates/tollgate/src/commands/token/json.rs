//! The same report for programs.

use super::clock::{self, TIMES};
use super::text::facts;
use super::{Report, Verdict};
use engine::calendar::Rfc3339;
use engine::policy::jwt::{Answer, Finding};
use serde_json::{Map, Value, json};

pub(super) fn json(report: &Report) -> Value {
    let decoded = report.decoded.as_ref().ok();
    let header = decoded.and_then(|decoded| decoded.header.as_ref().ok());
    let claims = decoded.and_then(|decoded| decoded.claims.as_ref().ok());
    let examined = report.examined();
    let mut notes: Vec<&str> = report.input.notes.clone();
    notes.extend(report.judged.iter().flat_map(|judged| judged.notes.iter().map(String::as_str)));
    let (verdict, because) = match report.verdict() {
        Verdict::Accepted => ("accepted", None),
        Verdict::Refused(denial) => ("refused", Some(facts(denial))),
        Verdict::Undecided(why) => ("undecided", Some(why.to_owned())),
    };
    let denial = report.exam().refusal();
    json!({
        "verdict": verdict,
        "status": denial.map(|denial| denial.kind().status()),
        "kind": denial.map(|denial| denial.kind().code()),
        "reason": denial.map(|denial| denial.reason.code()),
        "because": because,
        "at": Rfc3339::from_unix_seconds(report.at.unix_seconds()).as_str(),
        "bytes": report.input.token.len(),
        "header": header,
        "claims": claims,
        "times": claims.map(|claims| times(claims, report)),
        "provider": report.judged.as_ref().map(|judged| json!({ "name": judged.provider, "why": judged.why })),
        "otherProviders": report.judged.as_ref().map(|judged| {
            judged.others.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect::<Vec<_>>()
        }),
        "checks": report.exam().findings.iter().map(check).collect::<Vec<_>>(),
        "consumer": examined.and_then(|examined| examined.consumer.as_deref()),
        "consumerListed": examined.map(|examined| examined.identity.consumer.is_some()),
        "plan": examined.and_then(|examined| Some(&*examined.identity.plan.as_ref()?.name)),
        "scopes": examined.map(|examined| &examined.scopes),
        "clock": report.clock,
        "notes": notes,
    })
}

fn times(claims: &Map<String, Value>, report: &Report) -> Value {
    let now = i128::from(report.at.unix_seconds());
    let time = |name: &str| {
        let seconds = clock::seconds(claims, name)?;
        let ahead = i64::try_from(i128::from(seconds).saturating_sub(now)).unwrap_or(i64::MAX);
        Some((name.to_owned(), json!({ "at": Rfc3339::from_unix_seconds(seconds).as_str(), "inSeconds": ahead })))
    };
    Value::Object(TIMES.iter().filter_map(|name| time(name)).collect())
}

fn check(Finding { facts: found, answer }: &Finding) -> Value {
    let (verdict, reason, because) = match answer {
        Answer::Pass => ("pass", None, None),
        Answer::Refuse(denial) => ("refuse", Some(denial.reason.code()), Some(facts(denial))),
        Answer::Unasked(why) => ("unasked", None, Some((*why).to_owned())),
    };
    json!({
        "check": found.check.to_string(), "verdict": verdict, "expected": found.expected, "found": found.found,
        "reason": reason, "because": because,
    })
}
