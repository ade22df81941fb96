//! `ipAccess`: from which addresses a route may be used, and lists that say less than they seem to.

use engine::policy::ip_access::{IpAccess, Networks};
use engine::trail::Mode;

use super::counting;
use super::desk::Desk;
use crate::diagnostic::{Code, Diagnostic};
use crate::raw;
use crate::text::Cidr;

/// None if it is off.
pub(super) fn compile(owner: &str, raw: &raw::IpAccess, pointer: &str, desk: &mut Desk<'_>) -> Option<IpAccess> {
    let raw::IpAccess { allow, deny, mode } = raw;
    let mode = counting::mode(*mode);
    let policy = desk.policy(format!("{owner}.ipAccess"), pointer, mode, None);
    if allow.is_empty() && deny.is_empty() {
        let help = "list networks under `allow` or `deny`, or remove it";
        desk.warn(Code::Pointless, pointer, "`ipAccess` without networks lets everybody in", help);
    }
    let denied = networks(deny);
    for (index, network) in allow.iter().enumerate() {
        if denied.covering(network.net()).is_none() {
            continue;
        }
        let by = deny.iter().position(|deny| Networks::new([deny.net()]).covering(network.net()).is_some());
        let place = desk.place(&format!("{pointer}/allow/{index}"));
        let other = desk.place(&format!("{pointer}/deny/{}", by.unwrap_or_default()));
        let message = format!("`allow` of {} lets nobody in: `deny` has all of it", network.net());
        desk.push(
            Diagnostic::warning(Code::Pointless, place, message)
                .help("`deny` goes before `allow`: remove one of the two, or make the denied network smaller")
                .note(other, "it is denied here"),
        );
    }
    let allow = Some(networks(allow)).filter(|allow| !allow.is_empty());
    (mode != Mode::Off).then_some(IpAccess { policy, mode, allow, deny: denied })
}

fn networks(list: &[Cidr]) -> Networks {
    Networks::new(list.iter().map(|network| network.net()))
}
