//! The decision on one request, without a socket: what `explain` and `test` print. Runs the code that the gateway runs, from the
//! wire check on, and decides nothing itself.

use crate::fetched_keys;
use config::AuthAnswer;
use engine::chain::{self, Admission, Asking, Outcome, Pending, Waiting, own_answer};
use engine::denial::Denial;
use engine::identity::Identity;
use engine::live::Live;
use engine::names::RouteId;
use engine::reason::Kind;
use engine::reply::{Occurrence, Reply};
use engine::request::{RequestHead, RequestParts};
use engine::response::Author;
use engine::snapshot::Snapshot;
use engine::trail::{Step, Trail};
use engine::wire::{HeadLimits, check_head};
use limits::clock::Now;
use std::borrow::Cow;
use std::net::IpAddr;
use store::quotas::charge;
use store::{Counters, SharedLimits};

mod ask;
mod shape;
mod written;

pub(crate) use ask::Call;
pub(crate) use shape::Shaped;
pub(crate) use written::split_url;

use written::Written;

/// Quota counters that an offline run may need.
const COUNTERS_MAX: usize = 10_000;

/// A request as a user writes it down.
#[derive(Clone, Debug)]
pub(crate) struct OfflineRequest {
    pub(crate) method: String,
    /// Absolute: `http://host/path?query`.
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) client: IpAddr,
    /// What every auth service is taken to answer. None leaves undecided what one has to decide.
    pub(crate) auth_answer: Option<AuthAnswer>,
}

/// What the gateway would do with it.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) trail: Trail,
    pub(crate) route: Option<RouteId>,
    pub(crate) identity: Identity,
    /// The client as trusted proxies give it; none where there was no head to tell it from.
    pub(crate) address: Option<IpAddr>,
    pub(crate) verdict: Verdict,
}

#[derive(Debug)]
pub(crate) enum Verdict {
    Forward {
        upstream: String,
        endpoint: Option<String>,
        /// As upstream would see it.
        target: String,
        /// What the route changes, if it changes anything.
        shaped: Option<Shaped>,
    },
    Refuse {
        denial: Denial,
        reply: Reply,
    },
    Redirect {
        location: String,
    },
    /// The gateway's own answer.
    Answer {
        reply: Reply,
    },
    /// An auth service decides, and it was not asked.
    Undecided(Call),
}

impl Decided {
    /// The status that the gateway itself would send; none when upstream answers.
    pub(crate) fn status(&self) -> Option<u16> {
        match &self.verdict {
            Verdict::Forward { .. } | Verdict::Undecided(_) => None,
            Verdict::Refuse { reply, .. } | Verdict::Answer { reply } => Some(reply.status),
            Verdict::Redirect { .. } => Some(308),
        }
    }

    pub(crate) fn denial(&self) -> Option<&Denial> {
        match &self.verdict {
            Verdict::Refuse { denial, .. } => Some(denial),
            Verdict::Forward { .. } | Verdict::Redirect { .. } | Verdict::Answer { .. } | Verdict::Undecided(_) => None,
        }
    }
}

/// A gateway without sockets: the state that counts between two requests of one run.
pub(crate) struct Offline<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) live: &'a Live,
    counters: Counters,
    shared: SharedLimits,
}

impl<'a> Offline<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, live: &'a Live) -> Self {
        let (counters, shared) = (Counters::embedded(COUNTERS_MAX), SharedLimits::alone(COUNTERS_MAX));
        Self { snapshot, live, counters, shared }
    }

    pub(crate) fn decide(&self, request: &OfflineRequest, now: Now) -> Decided {
        let mut trail = Trail::default();
        let written = Written::of(request);
        if let Err(denial) = check_head(&written.head, &self.head_limits()) {
            return self.refused_early(denial, trail, now);
        }
        let lines = match written.parse() {
            Ok(lines) => lines,
            Err(denial) => return self.refused_early(denial, trail, now),
        };
        let parts = RequestParts {
            method: &lines.method,
            target: &lines.target,
            headers: &lines.headers,
            peer: request.client,
            tls: false,
        };
        let head = match RequestHead::parse(parts, &self.snapshot.request) {
            Ok(head) => head,
            Err(denial) => return self.refused_early(denial, trail, now),
        };
        let mut outcome = chain::admit(self.snapshot, self.live, &head, now, &mut trail);
        loop {
            outcome = match outcome {
                Outcome::Waiting(waiting) => {
                    self.without_keys(&waiting, now);
                    chain::look_again(*waiting, self.snapshot, self.live, &head, now, &mut trail)
                }
                Outcome::Ask(asking) => {
                    match ask::answer(asking.question(), request.auth_answer.as_ref(), self.live, now) {
                        Some(answer) => {
                            chain::resume(*asking, answer, self.snapshot, self.live, &head, now, &mut trail)
                        }
                        None => return self.undecided(&asking, &head, trail),
                    }
                }
                Outcome::Pending(pending) => return self.charged(pending, request, &head, trail, now),
                Outcome::Denied { route, identity, denial } => {
                    return self.refused(&head, route, identity, denial, trail, now);
                }
                Outcome::Redirect { route, path } => {
                    return Decided {
                        trail,
                        route: Some(route),
                        identity: Identity::default(),
                        address: Some(head.client),
                        verdict: Verdict::Redirect { location: with_query(&path, head.query) },
                    };
                }
                Outcome::Preflight { route, reply } => {
                    return answered(&head, Some(route), Identity::default(), reply, trail);
                }
                Outcome::Whoami(introduction) => {
                    let reply = introduction.reply(|charge| self.counters.used(charge.counter, charge.window));
                    return answered(&head, None, introduction.identity().clone(), reply, trail);
                }
            }
        }
    }

    /// Nobody fetches keys here: those that were not given count as not to be had.
    fn without_keys(&self, waiting: &Waiting, now: Now) {
        for provider in waiting.providers().iter().filter_map(|place| self.snapshot.providers.get(*place)) {
            fetched_keys::not_here(provider, now);
        }
    }

    fn undecided(&self, asking: &Asking, head: &RequestHead<'_>, trail: Trail) -> Decided {
        Decided {
            trail,
            route: Some(asking.route()),
            identity: Identity::default(),
            address: Some(head.client),
            verdict: Verdict::Undecided(Call::of(asking.question(), self.snapshot)),
        }
    }

    fn charged(
        &self,
        mut pending: Pending,
        request: &OfflineRequest,
        head: &RequestHead<'_>,
        mut trail: Trail,
        now: Now,
    ) -> Decided {
        let route = pending.route();
        let counted = poll_once(charge(&self.counters, &self.shared, &mut pending, self.snapshot, head, now));
        match chain::settle(pending, self.snapshot, &counted, now, &mut trail) {
            Ok(mut admission) => {
                let identity = admission.identity().clone();
                // Without an announced length the gateway counts what arrives.
                let body = request.body.as_ref().map_or(0, Vec::len);
                if let Err(denial) = admission.allowance().spend(body) {
                    return self.refused(head, Some(route), identity, denial, trail, now);
                }
                if let Err(denial) = self.judge_body(request, head, route, &mut trail) {
                    return self.refused(head, Some(route), identity, denial, trail, now);
                }
                let mut verdict = match admission.upstream() {
                    Some(upstream) => self.forwarded(head, upstream),
                    None => self.own_answer(&admission, head, now),
                };
                match self.shaped(head, route, &identity, request.body.as_deref(), now) {
                    Ok(None) => {}
                    Ok(Some(found)) => {
                        if let Verdict::Forward { target, shaped, .. } = &mut verdict {
                            *target = found.target.to_string();
                            *shaped = Some(found);
                        }
                    }
                    Err(denial) => return self.refused(head, Some(route), identity, denial, trail, now),
                }
                Decided { verdict, trail, route: Some(route), identity, address: Some(head.client) }
            }
            Err((denial, identity)) => self.refused(head, Some(route), identity, denial, trail, now),
        }
    }

    /// That of a route without upstream.
    fn own_answer(&self, admission: &Admission, head: &RequestHead<'_>, now: Now) -> Verdict {
        let reply = own_answer(admission, self.snapshot, head, REQUEST_ID, now);
        let reply = reply.unwrap_or_else(|| Reply { status: 500, headers: Vec::new(), body: Vec::new() });
        Verdict::Answer { reply: self.dressed(Some(admission.route()), Author::Route, head, reply) }
    }

    /// With what the route puts on its answers.
    fn dressed(&self, route: Option<RouteId>, author: Author, head: &RequestHead<'_>, mut reply: Reply) -> Reply {
        if let Some(rules) = route.and_then(|route| self.snapshot.route(route)?.response.as_deref()) {
            let mut fields: http::HeaderMap = reply.headers.into_iter().collect();
            rules.edit(author, reply.status, head.headers, &mut fields);
            let pairs = fields.iter().map(|(name, value)| (name.clone(), value.clone()));
            reply.headers = pairs.collect();
        }
        reply
    }

    /// The last step: what a body says that has to be read.
    fn judge_body(
        &self,
        request: &OfflineRequest,
        head: &RequestHead<'_>,
        route: RouteId,
        trail: &mut Trail,
    ) -> Result<(), Denial> {
        let Some(reading) = self.snapshot.route(route).and_then(|route| route.rules.reading.as_ref()) else {
            return Ok(());
        };
        let Some(wanted) = reading.wants(head.method, head.headers) else { return Ok(()) };
        let body = request.body.as_deref().unwrap_or_default();
        let judged = reading.push(&mut Vec::new(), body).and_then(|()| reading.judge(&wanted, body));
        trail.judge(Step::Body, Some(reading.policy), reading.mode, judged).map(|_| ())
    }

    fn head_limits(&self) -> HeadLimits {
        let intake = &self.snapshot.intake;
        HeadLimits {
            head_bytes_max: intake.head_bytes_max,
            lines_max: intake.head_lines_max,
            uri_bytes_max: intake.uri_bytes_max,
        }
    }

    fn forwarded(&self, head: &RequestHead<'_>, upstream: engine::names::UpstreamId) -> Verdict {
        let found = self.snapshot.upstream(upstream);
        Verdict::Forward {
            upstream: found.map(|upstream| upstream.name.to_string()).unwrap_or_default(),
            endpoint: found.and_then(|upstream| Some(upstream.pick()?.1.label.to_string())),
            target: with_query(&head.path, self.query_for_upstream(head.query).as_deref()),
            shaped: None,
        }
    }

    /// A query that was nothing but the hidden key is gone altogether.
    fn query_for_upstream<'q>(&self, query: Option<&'q str>) -> Option<Cow<'q, str>> {
        let kept = self.snapshot.api_keys.query_for_upstream(query?);
        (!kept.is_empty() || query == Some("")).then_some(kept)
    }

    fn refused(
        &self,
        head: &RequestHead<'_>,
        route: Option<RouteId>,
        identity: Identity,
        denial: Denial,
        trail: Trail,
        now: Now,
    ) -> Decided {
        let reply = self.snapshot.errors.render(&Occurrence {
            denial: &denial,
            request_id: REQUEST_ID,
            method: head.method.as_str(),
            host: &head.host,
            path: &head.path,
            fields: Some(head.headers),
            route: route.as_ref().and_then(|id| Some((id, &*self.snapshot.route(*id)?.name))),
            consumer: identity.consumer_id().map(|id| &**id),
            plan: identity.plan.as_ref().map(|plan| &*plan.name),
            policy_name: denial.policy.and_then(|id| self.snapshot.policy(id)).map(|policy| &*policy.name),
            claims: identity.token.as_ref().map(|token| &token.claims),
            now,
        });
        let address = Some(head.client);
        let author = if denial.kind() == Kind::CorsOriginDenied { Author::Cors } else { Author::Gateway };
        let reply = self.dressed(route, author, head, reply);
        Decided { trail, route, identity, address, verdict: Verdict::Refuse { denial, reply } }
    }

    /// Refused before there was a head to speak of.
    fn refused_early(&self, denial: Denial, trail: Trail, now: Now) -> Decided {
        let reply = self.snapshot.errors.render(&Occurrence {
            denial: &denial,
            request_id: REQUEST_ID,
            method: "",
            host: "",
            path: "",
            fields: None,
            route: None,
            consumer: None,
            plan: None,
            policy_name: None,
            claims: None,
            now,
        });
        let identity = Identity::default();
        Decided { trail, route: None, identity, address: None, verdict: Verdict::Refuse { denial, reply } }
    }
}

/// By the gateway itself.
fn answered(head: &RequestHead<'_>, route: Option<RouteId>, identity: Identity, reply: Reply, trail: Trail) -> Decided {
    Decided { trail, route, identity, address: Some(head.client), verdict: Verdict::Answer { reply } }
}

/// What comes close to matching, in words.
pub(crate) fn near_misses(snapshot: &Snapshot, request: &OfflineRequest, max: usize) -> Vec<String> {
    let Ok(lines) = Written::of(request).parse() else { return Vec::new() };
    let parts = RequestParts {
        method: &lines.method,
        target: &lines.target,
        headers: &lines.headers,
        peer: request.client,
        tls: false,
    };
    let Ok(head) = RequestHead::parse(parts, &snapshot.request) else { return Vec::new() };
    let misses = snapshot.table.near_misses(&head, max).into_iter();
    misses
        .filter_map(|miss| {
            let route = snapshot.route(miss.route)?;
            Some(format!("{} ({}) has {}: {}", route.name, route.place, miss.pattern, miss.why))
        })
        .collect()
}

/// Stands where a running gateway would put the request's own.
const REQUEST_ID: &str = "00000000-0000-0000-0000-000000000000";

fn with_query(path: &str, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// The embedded store answers at the first poll.
fn poll_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
