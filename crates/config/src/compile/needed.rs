//! What every route needs, itself or from the defaults: where it leads, and who may call it.

use super::desk::Desk;
use crate::diagnostic::{Code, quoted};
use crate::raw::Route;

/// Neither the route nor the defaults say where it leads.
pub(super) fn upstream(route: &Route, pointer: &str, desk: &mut Desk<'_>) {
    let help = "add `upstream: NAME` to the route or to `defaults`; or answer here, with `redirect` or `respond`";
    missing(&["upstream", "redirect", "respond"], "leads nowhere: it has no upstream", help, route, pointer, desk);
}

/// Neither the route nor the defaults say who may call it.
pub(super) fn auth(route: &Route, pointer: &str, desk: &mut Desk<'_>) {
    let help = "say who may call: `auth: { apiKey: {} }`, `auth: { jwt: { provider: NAME } }`, or `auth: { none: {} }` to leave it open on \
                purpose; `defaults` can say it for all routes";
    missing(&["auth"], "does not say who may call it", help, route, pointer, desk);
}

fn missing(keys: &[&str], what: &str, help: &str, route: &Route, pointer: &str, desk: &mut Desk<'_>) {
    // One that is there and cannot be read has been reported.
    let around = [pointer, "/defaults"];
    if keys.iter().any(|key| around.iter().any(|around| desk.is_left_out(&format!("{around}/{key}")))) {
        return;
    }
    let message = format!("route {} {what}", quoted(&route.name));
    desk.error(Code::MissingKey, &format!("{pointer}/name"), message, help);
}
