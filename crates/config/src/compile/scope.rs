//! `scope` and `sync` of a limit: who counts it, and how.

use limits::shared::{LEASED_SIZE_MIN, Scope, Sync};

use super::desk::Desk;
use crate::diagnostic::Code;
use crate::raw::{self, RawConfig};

/// `size` is what may come at once or in a period; `pointer` leads to the limit.
pub(super) fn scope(
    scope: raw::Scope,
    sync: Option<raw::Sync>,
    size: u64,
    pointer: &str,
    desk: &mut Desk<'_>,
) -> Scope {
    let at_sync = format!("{pointer}/sync");
    match (scope, sync) {
        (raw::Scope::Node, None) => Scope::Node,
        (raw::Scope::Node, Some(_)) => {
            let help = "write `scope: cluster` beside it, or take it away";
            desk.warn(Code::Pointless, &at_sync, "`sync` is for limits that all nodes share", help);
            Scope::Node
        }
        (raw::Scope::Cluster, sync) => {
            if !desk.has("/store") && !desk.is_left_out("/store") {
                let message = "`scope: cluster` needs a store that all nodes share";
                let help = "add `store: { redis: { url: \"redis://HOST:6379\" } }`, or write `scope: node`";
                desk.error(Code::MissingKey, &format!("{pointer}/scope"), message, help);
            }
            if sync == Some(raw::Sync::Lease) && size < LEASED_SIZE_MIN {
                let message = format!("a limit of {size} is too small to be leased: it is counted exactly");
                desk.warn(Code::Pointless, &at_sync, message, "write `sync: exact`, which it is, or take it away");
            }
            Scope::Cluster(match sync.unwrap_or_default() {
                raw::Sync::Lease => Sync::Lease,
                raw::Sync::Exact => Sync::Exact,
            })
        }
    }
}

/// A store that nothing is counted in.
pub(super) fn unused(raw: &RawConfig, desk: &mut Desk<'_>) {
    let of_routes = raw.routes.iter().map(|route| (route.rate_limit.as_ref(), route.quota.as_ref()));
    let of_plans = raw.plans.values().map(|plan| (plan.rate_limit.as_ref(), plan.quota.as_ref()));
    let of_defaults = (raw.defaults.rate_limit.as_ref(), raw.defaults.quota.as_ref());
    let of_throttles = raw.throttles.iter().map(|throttle| (throttle.rate_limit.as_ref(), None));
    let shared = of_routes.chain(of_plans).chain([of_defaults]).chain(of_throttles).any(|(rate_limit, quota)| {
        rate_limit.is_some_and(|limit| limit.scope == raw::Scope::Cluster)
            || quota.is_some_and(|limit| limit.scope == raw::Scope::Cluster)
    });
    if raw.store.is_some() && !shared {
        let help = "write `scope: cluster` in a `rateLimit` or a `quota` that all nodes share, or take `store` away";
        desk.warn(Code::Unused, "/store", "nothing is counted in the store", help);
    }
}
