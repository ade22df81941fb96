//! THE order. Every request goes through these steps, one below the other; `admit` ends where the quota has to be charged, because
//! counts may live elsewhere, and `settle` goes on from there. Nothing imports this module.
//!
//! Who calls may hang on what is not known yet. Where somebody else has to say it, or long work has to find it out, `admit` ends in a
//! question and `resume` goes on with the answer; where keys are being fetched, `look_again` goes on when they have come, or not. Both
//! walk a route's ways in anew with what is known by then; what stands before the identity is not asked again.
//!
//! route, pages of other origins, address, sunset, throttles by address, identity, plan, concurrency, throttles, parameters, length and
//! type, quota, body. A call that is refused must not be billed, so throttles stand before the quota and the quota last; identity is
//! costly, so addresses are throttled before it. A slot
//! is given back by itself, a token of a throttle is not: so concurrency stands before the throttles. Limits that
//! all nodes share may have to be asked elsewhere: they come after everything else, throttles before quotas again. The body
//! itself is read behind them all, once an [`Admission`] is there: whoever is refused for less must not keep the gateway busy with it.
//! A body that is refused then is not billed either: what was charged is given back.

use crate::counted::Caller;
use crate::denial::Denial;
use crate::identity::Identity;
use crate::live::Live;
use crate::names::RouteId;
use crate::policy::access;
use crate::policy::concurrency::Concurrency;
use crate::policy::jwt::Patience;
use crate::policy::payload::Payload;
use crate::policy::quota::Quota;
use crate::policy::throttle::{TakenFrom, Throttle, give_back};
use crate::reason::Reason;
use crate::reply::Reply;
use crate::request::RequestHead;
use crate::route::table::Found;
use crate::rules::{PlanLimits, Route, Rules};
use crate::snapshot::Snapshot;
use crate::standing::{Standing, Standings};
use crate::trail::{Entry, Mode, Step, Trail, Verdict};
use arrayvec::ArrayVec;
use http::Method;
use limits::clock::Now;
use limits::gauge::Entered;
use limits::shared::Scope;

mod asking;
mod authenticate;
mod examine;
mod own_answer;
mod paused;
mod preflight;
mod settle;
mod shared;
mod waiting;
mod whoami;

pub use asking::{Answer, Question};
pub use examine::{Asked, Examined, examine_token};
pub use own_answer::own_answer;
pub use paused::Asking;
pub use settle::{Admission, Counted, Pending, QUOTAS_MAX, settle};
pub use shared::{SharedAnswer, SharedCharge};
pub use waiting::{PROVIDERS_MAX, Waiting};
pub use whoami::Introduction;

use asking::Halt;
use authenticate::Walk;
use paused::{Known, Paused, gone};

/// Throttles of one step that one request can fall under; the compiler of the config refuses a route that could need more.
pub const THROTTLES_MAX: usize = 8;

/// Concurrency limits that one request can fall under, its plan's included; the compiler of the config refuses more.
pub const CONCURRENCY_MAX: usize = 4;

/// The slots that a request holds; dropping them gives them back.
type Slots = ArrayVec<Entered, CONCURRENCY_MAX>;

/// What became of a request before anything was charged.
#[expect(clippy::large_enum_variant, reason = "a box would be an allocation on every admitted request")]
#[derive(Debug)]
pub enum Outcome {
    Denied {
        route: Option<RouteId>,
        identity: Identity,
        denial: Denial,
    },
    /// 308 to the form of the path that the route has.
    Redirect {
        route: RouteId,
        path: String,
    },
    /// A browser asked ahead of a request, and the route permits it.
    Preflight {
        route: RouteId,
        reply: Reply,
    },
    /// It is not known yet who calls: [`resume`] goes on with the answer.
    Ask(Box<Asking>),
    /// Everything but the quota has agreed.
    Pending(Pending),
    /// The caller asked who it is. Boxed: rare, and large.
    Whoami(Box<Introduction>),
    /// Keys are being fetched that the identity depends on: [`look_again`] goes on with what has come by then.
    Waiting(Box<Waiting>),
}

/// What the steps have found out and taken, filled in place: it is large, and every move of it is a copy on each request.
#[derive(Debug, Default)]
struct Gathered {
    identity: Identity,
    limited: Limited,
    slots: Slots,
}

/// Everything that a step may look at.
#[derive(Clone, Copy)]
struct Room<'a> {
    snapshot: &'a Snapshot,
    live: &'a Live,
    head: &'a RequestHead<'a>,
    now: Now,
    id: RouteId,
    route: &'a Route,
}

impl<'a> Room<'a> {
    fn caller(self, identity: &'a Identity) -> Caller<'a> {
        Caller { head: self.head, identity, route: self.id, route_name: &self.route.name }
    }
}

/// Decides on everything but the quota.
pub fn admit(snapshot: &Snapshot, live: &Live, head: &RequestHead<'_>, now: Now, trail: &mut Trail) -> Outcome {
    if let Some(whoami) = &snapshot.whoami
        && whoami.is_asked(head)
    {
        return self::whoami::introduce(snapshot, live, whoami, head, now, trail);
    }
    // Before anything is asked of the caller: a browser sends no credentials with it.
    if *head.method == Method::OPTIONS
        && let Some(outcome) = preflight::answer(snapshot, head, trail)
    {
        return outcome;
    }
    let (id, redirect) = match snapshot.table.find(head) {
        Found::Route(id) => (id, None),
        Found::Redirect { route, path } => (route, Some(path)),
        Found::Denied { denial, route } => {
            trail.push(Entry {
                step: Step::Route,
                policy: None,
                mode: Mode::Enforce,
                verdict: Verdict::Deny(denial.reason),
            });
            return Outcome::Denied { route, identity: Identity::default(), denial };
        }
    };
    let Some(route) = snapshot.route(id) else {
        let denial = Denial::new(Reason::InternalError).because("the route table names a route that is not there");
        return Outcome::Denied { route: None, identity: Identity::default(), denial };
    };
    trail.push(Entry { step: Step::Route, policy: None, mode: Mode::Enforce, verdict: Verdict::Pass });
    if let Some(path) = redirect {
        return Outcome::Redirect { route: id, path };
    }
    let room = Room { snapshot, live, head, now, id, route };
    let mut gathered = Gathered::default();
    match before_identity(room, trail, &mut gathered) {
        Ok(()) => from_identity(room, gathered, Known::default(), trail),
        Err(denial) => Outcome::Denied { route: Some(id), identity: Identity::default(), denial },
    }
}

/// Goes on where [`admit`] ended in a question. Nothing that was taken before the question is taken again. The request and the
/// trail are those that `admit` had; what is counted from here on, is counted at `now`.
pub fn resume(
    asking: Asking,
    answer: Answer,
    snapshot: &Snapshot,
    live: &Live,
    head: &RequestHead<'_>,
    now: Now,
    trail: &mut Trail,
) -> Outcome {
    let Asking { mut paused, question } = asking;
    let Some(route) = snapshot.route(paused.route) else { return gone() };
    let room = Room { snapshot, live, head, now, id: paused.route, route };
    paused.known.answers.take(room, question, answer);
    go_on(room, paused, trail)
}

/// Goes on where [`admit`] stopped for want of keys, as [`resume`] does after a question; never stops for them again.
pub fn look_again(
    waiting: Waiting,
    snapshot: &Snapshot,
    live: &Live,
    head: &RequestHead<'_>,
    now: Now,
    trail: &mut Trail,
) -> Outcome {
    let Waiting { mut paused, providers: _ } = waiting;
    let Some(route) = snapshot.route(paused.route) else { return gone() };
    paused.known.patience = Patience::HasAsked;
    go_on(Room { snapshot, live, head, now, id: paused.route, route }, paused, trail)
}

fn go_on(room: Room<'_>, paused: Paused, trail: &mut Trail) -> Outcome {
    let Paused { route: _, limited, known } = paused;
    from_identity(room, Gathered { limited, ..Gathered::default() }, known, trail)
}

/// What the throttles have come to so far.
#[derive(Debug, Default)]
struct Limited {
    standings: Standings,
    /// Those that all nodes share are asked when everybody else has agreed. No heap unless there are any.
    shared: Vec<SharedCharge>,
}

fn before_identity(room: Room<'_>, trail: &mut Trail, gathered: &mut Gathered) -> Result<(), Denial> {
    // Without `..`: a rule that nobody asks about does not compile. The others are asked about in `after_identity`.
    let Rules {
        cors,
        ip_access,
        deprecation,
        throttles_before_identity,
        auth: _,
        auth_policy: _,
        concurrency: _,
        throttles: _,
        parameters: _,
        payload: _,
        quota: _,
        reading: _,
    } = &room.route.rules;
    if let Some(rule) = cors
        && let Some(result) = rule.check(room.head.headers)
    {
        trail.judge(Step::Cors, Some(rule.policy), rule.mode, result)?;
    }
    if let Some(rule) = ip_access {
        trail.judge(Step::IpAccess, Some(rule.policy), rule.mode, rule.check(room.head.client))?;
    }
    if let Some(rule) = deprecation {
        trail.judge(Step::Deprecation, Some(rule.policy), rule.mode, rule.check(room.now))?;
    }
    let nobody = Identity::default();
    let first = throttles_before_identity.iter();
    throttle(room, room.caller(&nobody), first, Step::AddressThrottle, trail, &mut gathered.limited)
}

fn from_identity(room: Room<'_>, mut gathered: Gathered, known: Known, trail: &mut Trail) -> Outcome {
    let mut providers = ArrayVec::new();
    let walked = authenticate::run(room, &room.route.rules.auth, &mut Walk { known: &known, coming: &mut providers });
    // Before anybody is asked: a token whose key comes needs nobody's word.
    if walked.is_err() && known.patience == Patience::Asks && !providers.is_empty() {
        let paused = Paused { route: room.id, limited: gathered.limited, known };
        return Outcome::Waiting(Box::new(Waiting { paused, providers }));
    }
    let authenticated = match walked {
        Ok(identity) => Ok(identity),
        Err(Halt::Denied(denial)) => Err(denial),
        Err(Halt::Ask(question)) => {
            let paused = Paused { route: room.id, limited: gathered.limited, known };
            return Outcome::Ask(Box::new(Asking { paused, question: *question }));
        }
    };
    match after_identity(room, authenticated, trail, &mut gathered) {
        Ok(()) => Outcome::Pending(Pending::new(room, gathered)),
        Err(denial) => Outcome::Denied { route: Some(room.id), identity: gathered.identity, denial },
    }
}

fn after_identity(
    room: Room<'_>,
    authenticated: Result<Identity, Denial>,
    trail: &mut Trail,
    gathered: &mut Gathered,
) -> Result<(), Denial> {
    let Gathered { identity, limited, slots } = gathered;
    // Without `..`: a rule that nobody asks about does not compile. The quota is charged by `settle`.
    let Rules {
        cors: _,
        ip_access: _,
        deprecation: _,
        throttles_before_identity: _,
        auth: _,
        auth_policy,
        concurrency,
        throttles,
        parameters,
        payload,
        quota: _,
        reading,
    } = &room.route.rules;
    if let Some(found) = trail.judge(Step::Identity, Some(*auth_policy), Mode::Enforce, authenticated)? {
        *identity = found;
    }
    let caller = room.caller(identity);

    let allowed = access::check(identity, room.id, &room.route.name);
    let decided_by = access::policy(identity);
    if decided_by.is_some() {
        trail.judge(Step::Access, decided_by, Mode::Enforce, allowed)?;
    }

    let limits = plan_limits(room.snapshot, identity);
    let of_plan = limits.iter().filter_map(|limits| limits.concurrency.as_ref());
    occupy(room, caller, of_plan.chain(concurrency), trail, slots)?;

    let of_plan = limits.iter().flat_map(|limits| limits.throttles.iter());
    throttle(room, caller, of_plan.chain(throttles), Step::Throttle, trail, limited)?;

    // Before anything is charged: it costs nobody anything but time.
    if let Some(parameters) = parameters {
        trail.judge(Step::Parameters, Some(parameters.policy), parameters.mode, parameters.check(room.head))?;
    }
    let fits = match payload {
        Some(payload) => {
            trail.judge(Step::Payload, Some(payload.policy), payload.mode, payload.check(room.head))?.is_some()
        }
        None => true,
    };
    // What the head tells of it; the body itself is judged when it is here, behind the quota.
    if let Some(reading) = reading
        && fits
        && let Err(denial) = reading.check(room.head.method, room.head.headers)
    {
        trail.judge::<()>(Step::Body, Some(reading.policy), reading.mode, Err(denial))?;
    }
    Ok(())
}

/// Takes a slot of every limit; those that were taken are given back with the list when a later one refuses.
fn occupy<'a>(
    room: Room<'_>,
    caller: Caller<'_>,
    limits: impl Iterator<Item = &'a Concurrency>,
    trail: &mut Trail,
    slots: &mut Slots,
) -> Result<(), Denial> {
    for limit in limits {
        let Some(result) = limit.check(caller, room.live) else { continue };
        // In dry run it holds a slot all the same: it is to report what it would refuse in force.
        if let Some(slot) = trail.judge(Step::Concurrency, Some(limit.policy), limit.mode, result)? {
            // There is a place for each: the config is refused otherwise.
            let _ = slots.try_push(slot);
        }
    }
    Ok(())
}

/// Takes from every bucket or from none: what the first ones gave goes back when a later one refuses.
fn throttle<'a>(
    room: Room<'_>,
    caller: Caller<'_>,
    throttles: impl Iterator<Item = &'a Throttle>,
    step: Step,
    trail: &mut Trail,
    limited: &mut Limited,
) -> Result<(), Denial> {
    let mut taken: ArrayVec<TakenFrom, THROTTLES_MAX> = ArrayVec::new();
    for throttle in throttles {
        if let Scope::Cluster(sync) = throttle.scope {
            let charge = throttle.charge(caller, sync);
            limited.shared.extend(charge.map(|charge| SharedCharge::new(step, throttle.policy, throttle.mode, charge)));
            continue;
        }
        let Some(result) = throttle.check(caller, room.live, room.now) else { continue };
        match trail.judge(step, Some(throttle.policy), throttle.mode, result) {
            Ok(Some(from)) => {
                if throttle.mode == Mode::Enforce && from.is_exact() {
                    limited.standings.push(Standing::of_throttle(throttle.policy, from.taken));
                }
                // A full list only means that this one is not given back.
                let _ = taken.try_push(from);
            }
            Ok(None) => {}
            Err(denial) => {
                for from in taken {
                    give_back(from, room.live, room.now);
                }
                return Err(denial);
            }
        }
    }
    Ok(())
}

/// The quotas that bind this caller on this route.
fn quotas<'a>(snapshot: &'a Snapshot, route: &'a Route, identity: &Identity) -> impl Iterator<Item = &'a Quota> {
    let of_plan = plan_limits(snapshot, identity).and_then(|limits| limits.quota.as_ref());
    of_plan.into_iter().chain(&route.rules.quota)
}

fn plan_limits<'a>(snapshot: &'a Snapshot, identity: &Identity) -> Option<&'a PlanLimits> {
    snapshot.plan_limits(identity.plan.as_ref()?.id)
}

/// What may still arrive of the body.
fn allowance(payload: Option<&Payload>) -> crate::policy::payload::Allowance {
    payload.map_or_else(crate::policy::payload::Allowance::unbounded, Payload::allowance)
}
