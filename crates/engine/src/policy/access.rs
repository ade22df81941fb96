//! What a known caller may use: the consumer's state and the routes of its plan.

use crate::denial::Denial;
use crate::identity::Identity;
use crate::names::{Name, PolicyId, RouteId};
use crate::reason::Reason;

/// Refuses a disabled consumer, and a route that the caller's plan does not list. A caller without a plan is bound by nothing but
/// the route's own rules.
pub fn check(identity: &Identity, route: RouteId, route_name: &Name) -> Result<(), Denial> {
    check_enabled(identity)?;
    match &identity.plan {
        Some(plan) if !plan.routes.include(route) => Err(Denial::new(Reason::PlanExcludesRoute)
            .because(format!("plan {} does not list route {route_name}", plan.name))),
        Some(_) | None => Ok(()),
    }
}

/// Refuses a disabled consumer.
pub fn check_enabled(identity: &Identity) -> Result<(), Denial> {
    if let Some(consumer) = &identity.consumer
        && consumer.disabled
    {
        return Err(Denial::new(Reason::ConsumerDisabled).because(format!("consumer {} is disabled", consumer.id)));
    }
    Ok(())
}

/// Whose word [`check`] goes by: the disabled consumer's or the plan's. None where neither has one.
#[must_use]
pub fn policy(identity: &Identity) -> Option<PolicyId> {
    match &identity.consumer {
        Some(consumer) if consumer.disabled => Some(consumer.policy),
        Some(_) | None => identity.plan.as_ref().map(|plan| plan.policy),
    }
}
