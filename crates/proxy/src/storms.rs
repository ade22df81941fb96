//! Retry storms: who sends the same refused request again and again. Judged where a request is recorded, after its answer has gone
//! out; told to the record of that request, to two counters, and to the log once when a storm begins and once when it ends.
//!
//! A caller is a consumer, or else a client's address; IPv6 by /64, as limits count it.

use crate::context::RequestContext;
use crate::respond;
use engine::calendar::http_date;
use http::header::RETRY_AFTER;
use limits::bucket::{Meter, Rate, Take};
use limits::clock::Now;
use limits::retries::{Answered, Change, Habit, Mark, Noted, Retries};
use pingora_proxy::Session;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use telemetry::metrics::Metrics;

/// Between two looks for storms that have died down.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Storms whose names are kept for the log at once; others are counted and not told.
const TOLD_MAX: usize = 1_024;
/// Characters of a path that are kept for the log.
const PATH_BYTES_MAX: usize = 256;
/// Lines of the log: one a second, twenty at once. A client that calms down and flares up again does not fill a disk.
const LINES: Option<Rate> = Rate::new(1_000, 20);

#[derive(Default)]
pub(crate) struct Storms {
    retries: Retries,
    // std's Mutex: taken when a storm begins or ends, never across an await.
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    storms: HashMap<(Mark, Mark), Storm>,
    lines: Meter,
    /// Lines that were left out since the last one.
    silent: u64,
}

/// What the log calls it.
struct Storm {
    consumer: Option<String>,
    client: Option<IpAddr>,
    route: String,
    method: String,
    path: String,
    began: Now,
}

/// A request that came again after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retried {
    pub habit: Habit,
    /// How often the caller has sent it, the first refused one included.
    pub tries: u32,
    /// Since that one was refused.
    pub lasting: Duration,
}

/// As log and metric have it.
#[must_use]
pub const fn habit_name(habit: Habit) -> &'static str {
    match habit {
        Habit::BackingOff => "backingOff",
        Habit::Looping => "looping",
    }
}

impl Storms {
    /// Callers that are in one now.
    pub(crate) fn active(&self) -> usize {
        self.retries.looping()
    }

    /// How the caller came back, if this was a retry. One relaxed load for a request that was not refused while nobody is pursued;
    /// a hash and another load while somebody else is.
    pub(crate) fn judge(
        &self,
        metrics: &Metrics,
        session: &Session,
        context: &RequestContext,
        status: u16,
        ended: Now,
    ) -> Option<Retried> {
        let refused = status == 429 || status >= 500;
        if !refused && self.retries.is_idle() {
            return None;
        }
        let caller = self.caller(context)?;
        if !refused && !self.retries.knows(caller) {
            return None;
        }
        let route = route_name(context);
        let (method, path) = (session.req_header().method.as_str(), path(session, context));
        let request = self.retries.mark(&[route.as_bytes(), method.as_bytes(), path.as_bytes()]);
        let wait = if refused { told_wait(session, context, ended) } else { None };
        let answered = Answered { began: context.received, ended, refused, wait };
        let Noted { habit, change, tries, lasting } = self.retries.note(caller, request, answered);
        if let Some(habit) = habit {
            metrics.retried(route, habit_name(habit));
        }
        match change {
            None => {}
            Some(Change::Began) => {
                metrics.retry_storm_began(route);
                self.began((caller, request), Storm::of(session, context, ended), ended);
            }
            Some(Change::Ended { retries }) => self.ended((caller, request), retries, ended),
        }
        habit.map(|habit| Retried { habit, tries, lasting })
    }

    /// Ends the storms in which nothing hasty has come for a while.
    pub(crate) fn sweep(&self, now: Now) {
        let mut over = Vec::new();
        self.retries.sweep(now, |ended| over.push(ended));
        for storm in over {
            self.ended((storm.caller, storm.request), storm.retries, now);
        }
    }

    fn caller(&self, context: &RequestContext) -> Option<Mark> {
        if let Some(consumer) = context.identity().consumer_id() {
            return Some(self.retries.mark(&[b"consumer", consumer.as_bytes()]));
        }
        Some(match context.client?.to_canonical() {
            IpAddr::V4(address) => self.retries.mark(&[b"address", &address.octets()]),
            IpAddr::V6(address) => self.retries.mark(&[b"network", &(u128::from(address) >> 64).to_ne_bytes()]),
        })
    }

    fn began(&self, marks: (Mark, Mark), storm: Storm, now: Now) {
        let mut told = self.lock();
        if let Some(silent) = told.line(now) {
            let Storm { consumer, client, route, method, path, began: _ } = &storm;
            tracing::warn!(
                consumer,
                client = client.map(tracing::field::display),
                route,
                method,
                path,
                silent,
                "retry storm began"
            );
        }
        if told.storms.len() < TOLD_MAX {
            told.storms.insert(marks, storm);
        }
    }

    fn ended(&self, marks: (Mark, Mark), retries: u32, now: Now) {
        let mut told = self.lock();
        let Some(storm) = told.storms.remove(&marks) else { return };
        if let Some(silent) = told.line(now) {
            let Storm { consumer, client, route, method, path, began } = storm;
            let seconds = now.since(began).as_secs();
            tracing::info!(
                consumer,
                client = client.map(tracing::field::display),
                route,
                method,
                path,
                retries,
                seconds,
                silent,
                "retry storm ended"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Whether there may be another line, and how many have been left out before it.
    fn line(&mut self, now: Now) -> Option<u64> {
        match self.lines.take(LINES?, now.monotonic_ns) {
            Take::Granted(_) => Some(std::mem::take(&mut self.silent)),
            Take::Refused { .. } => {
                self.silent = self.silent.saturating_add(1);
                None
            }
        }
    }
}

impl Storm {
    fn of(session: &Session, context: &RequestContext, began: Now) -> Self {
        let consumer = context.identity().consumer_id().map(ToString::to_string);
        let mut shown = path(session, context).to_owned();
        let end = (0..=PATH_BYTES_MAX).rev().find(|end| shown.is_char_boundary(*end)).unwrap_or_default();
        shown.truncate(end);
        Self {
            client: if consumer.is_none() { context.client } else { None },
            consumer,
            route: route_name(context).to_owned(),
            method: session.req_header().method.as_str().to_owned(),
            path: shown,
            began,
        }
    }
}

fn route_name(context: &RequestContext) -> &str {
    context.installed.route_metrics(context.route).route()
}

fn path<'a>(session: &'a Session, context: &'a RequestContext) -> &'a str {
    context.path.as_deref().unwrap_or_else(|| session.req_header().uri.path())
}

/// `Retry-After` of the answer, the gateway's own or upstream's: seconds or a date (RFC 9110, 10.2.3).
fn told_wait(session: &Session, context: &RequestContext, now: Now) -> Option<Duration> {
    let value = respond::told(session, context)?.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(Duration::from_secs(http_date(value)?.saturating_sub(now.unix_seconds())))
}
