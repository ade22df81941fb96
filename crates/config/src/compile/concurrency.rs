//! `concurrency` of a plan, a route or a named throttle: how many requests in flight.

use engine::counted::Applies;
use engine::names::PolicyId;
use engine::policy::concurrency::Concurrency;
use engine::trail::Mode;

use super::counting;
use super::desk::Desk;
use crate::raw;

/// A `concurrency` of a plan or a route. None if it is off.
pub(super) fn of_owner(owner: &str, raw: &raw::Concurrency, pointer: &str, desk: &mut Desk<'_>) -> Option<Concurrency> {
    let name = format!("{owner}.concurrency");
    let mode = counting::mode(raw.mode);
    let policy = desk.policy(name.as_str(), &format!("{pointer}/concurrency"), mode, None);
    (mode != Mode::Off).then(|| self::limit(&name, raw, (policy, mode), Applies::default(), desk))
}

/// Who is in flight is known by the limit's name, whatever its other parts say now.
pub(super) fn limit(
    name: &str,
    raw: &raw::Concurrency,
    (policy, mode): (PolicyId, Mode),
    applies: Applies,
    desk: &Desk<'_>,
) -> Concurrency {
    Concurrency {
        policy,
        name: name.into(),
        max: usize::try_from(raw.max).unwrap_or(usize::MAX),
        by: counting::count_by(raw.key.as_ref()),
        mode,
        applies,
        gauge: desk.live.gauge(name),
    }
}
