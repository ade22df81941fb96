//! What a known caller may use: the consumer's state and the routes of its plan.

use crate::counted::Caller;
use crate::denial::Denial;
use crate::names::PolicyId;
use crate::reason::Reason;

/// Refuses a disabled consumer, and a route that the caller's plan does not list. A caller without a plan is bound by nothing but
/// the route's own rules.
pub fn check(caller: Caller<'_>) -> Result<(), Denial> {
    let identity = caller.identity;
    if let Some(consumer) = &identity.consumer
        && consumer.disabled
    {
        return Err(Denial::new(Reason::ConsumerDisabled).because(format!("consumer {} is disabled", consumer.id)));
    }
    match &identity.plan {
        Some(plan) if !plan.routes.include(caller.route) => Err(Denial::new(Reason::PlanExcludesRoute)
            .because(format!("plan {} does not list route {}", plan.name, caller.route_name))),
        Some(_) | None => Ok(()),
    }
}

/// Whose word [`check`] goes by: the disabled consumer's or the plan's. None where neither has one.
#[must_use]
pub fn policy(caller: Caller<'_>) -> Option<PolicyId> {
    let identity = caller.identity;
    match &identity.consumer {
        Some(consumer) if consumer.disabled => Some(consumer.policy),
        Some(_) | None => identity.plan.as_ref().map(|plan| plan.policy),
    }
}
