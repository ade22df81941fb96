//! THE order. Every request goes through these steps, one below the other; `admit` ends where the quota has to be charged, because
//! counts may live elsewhere, and `settle` goes on from there. Where it takes somebody else's word or long work to know who calls,
//! `admit` ends in a question and `resume` goes on with the answer. Nothing imports this module.
//!
//! route, throttles by address, identity, plan, throttles, length and type, quota. A call that is refused must not be billed, so
//! throttles stand before the quota and the quota last; identity is costly, so addresses are throttled before it.

use crate::counted::Caller;
use crate::denial::Denial;
use crate::identity::Identity;
use crate::live::Live;
use crate::names::RouteId;
use crate::policy::access;
use crate::policy::payload::Payload;
use crate::policy::quota::Quota;
use crate::policy::throttle::{TakenFrom, Throttle, give_back};
use crate::reason::Reason;
use crate::request::RequestHead;
use crate::route::table::Found;
use crate::rules::{PlanLimits, Route, Rules};
use crate::snapshot::Snapshot;
use crate::standing::{Standing, Standings};
use crate::trail::{Entry, Mode, Step, Trail, Verdict};
use arrayvec::ArrayVec;
use limits::clock::Now;

mod asking;
mod authenticate;
mod settle;

pub use asking::{Answer, Asking, Question};
use asking::{Answers, Halt};
pub use settle::{Admission, Counted, Pending, QUOTAS_MAX, settle};

/// Throttles of one step that one request can fall under; the compiler of the config refuses a route that could need more.
pub const THROTTLES_MAX: usize = 8;

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
    /// It is not known yet who calls: [`resume`] goes on with the answer.
    Ask(Box<Asking>),
    /// Everything but the quota has agreed.
    Pending(Pending),
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
    go(Room { snapshot, live, head, now, id, route }, Answers::default(), Standings::default(), trail)
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
    let Asking { route: id, standings, mut answers, question } = asking;
    let Some(route) = snapshot.route(id) else {
        let denial = Denial::new(Reason::InternalError).because("an answer for a route that is not there");
        return Outcome::Denied { route: None, identity: Identity::default(), denial };
    };
    let room = Room { snapshot, live, head, now, id, route };
    answers.take(room, question, answer);
    go(room, answers, standings, trail)
}

fn go(room: Room<'_>, answers: Answers, mut standings: Standings, trail: &mut Trail) -> Outcome {
    let mut identity = Identity::default();
    match run(room, &answers, &mut standings, trail, &mut identity) {
        Ok(()) => Outcome::Pending(Pending::new(room, identity, standings)),
        Err(Halt::Denied(denial)) => Outcome::Denied { route: Some(room.id), identity, denial },
        Err(Halt::Ask(question)) => {
            Outcome::Ask(Box::new(Asking { route: room.id, standings, answers, question: *question }))
        }
    }
}

fn run(
    room: Room<'_>,
    answers: &Answers,
    standings: &mut Standings,
    trail: &mut Trail,
    identity: &mut Identity,
) -> Result<(), Halt> {
    // Without `..`: a rule that nobody asks about does not compile. The quota is charged by `settle`.
    let Rules { throttles_before_identity, auth, auth_policy, throttles, payload, quota: _ } = &room.route.rules;

    // With answers this is the second time: what these throttles took, they have.
    if answers.is_empty() {
        let nobody = Identity::default();
        let first = throttles_before_identity.iter();
        throttle(room, room.caller(&nobody), first, Step::AddressThrottle, trail, standings)?;
    }

    let authenticated = authenticate::run(room, auth, answers).map(Ok).or_else(Halt::refused)?;
    if let Some(found) = trail.judge(Step::Identity, Some(*auth_policy), Mode::Enforce, authenticated)? {
        *identity = found;
    }
    let caller = room.caller(identity);

    let allowed = access::check(caller);
    let decided_by = access::policy(caller);
    if decided_by.is_some() {
        trail.judge(Step::Access, decided_by, Mode::Enforce, allowed)?;
    }

    let limits = plan_limits(room.snapshot, identity);
    let of_plan = limits.iter().flat_map(|limits| limits.throttles.iter());
    throttle(room, caller, of_plan.chain(throttles), Step::Throttle, trail, standings)?;

    if let Some(payload) = payload {
        trail.judge(Step::Payload, Some(payload.policy), payload.mode, payload.check(room.head))?;
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
    standings: &mut Standings,
) -> Result<(), Denial> {
    let mut taken: ArrayVec<TakenFrom, THROTTLES_MAX> = ArrayVec::new();
    for throttle in throttles {
        let Some(result) = throttle.check(caller, room.live, room.now) else { continue };
        match trail.judge(step, Some(throttle.policy), throttle.mode, result) {
            Ok(Some(from)) => {
                if throttle.mode == Mode::Enforce {
                    standings.push(Standing::of_throttle(throttle.policy, from.taken));
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
