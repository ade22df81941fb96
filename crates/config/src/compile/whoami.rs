//! `whoami`: the one path that the gateway answers itself.

use engine::counted::CountBy;
use engine::policy::throttle::{Applies, Throttle};
use engine::route::host::HostPattern;
use engine::trail::Mode;
use engine::whoami::{PATH, Whoami};
use limits::bucket::Rate;

use super::desk::Desk;
use super::patterns;
use crate::diagnostic::{Code, quoted};
use crate::raw::{PathEntry, RawConfig};

/// For one address: enough for a dashboard, too little for guessing credentials.
const RATE: Option<Rate> = Rate::new(5_000, 20);

/// None if it is off.
pub(super) fn compile(raw: &RawConfig, desk: &mut Desk<'_>) -> Option<Whoami> {
    let hosts: Vec<Option<HostPattern>> = (raw.whoami.hosts.iter().enumerate())
        .map(|(index, host)| patterns::host(host, &format!("/whoami/hosts/{index}"), desk))
        .collect();
    if !raw.whoami.enabled {
        if !raw.whoami.hosts.is_empty() {
            let help = "set `enabled: true`, or remove `hosts`";
            desk.warn(Code::Pointless, "/whoami/hosts", "hosts of a `whoami` that is not enabled", help);
        }
        return None;
    }
    let has_keys = raw.consumers.iter().any(|consumer| !consumer.api_keys.is_empty());
    if !has_keys && raw.jwt_providers.is_empty() {
        let help = "add `consumers` with `apiKeys`, or `jwtProviders`, or switch it off";
        let message = "`whoami` answers nobody: no consumer has an API key and there is no provider of tokens";
        desk.warn(Code::Pointless, "/whoami/enabled", message, help);
    }
    hidden(raw, desk);
    let policy = desk.policy("whoami.rateLimit", "/whoami", Mode::Enforce, None);
    let auth_policy = desk.policy("whoami.auth", "/whoami", Mode::Enforce, None);
    let throttle = Throttle {
        policy,
        name: "whoami.rateLimit".into(),
        rate: RATE?,
        by: CountBy::Address,
        mode: Mode::Enforce,
        applies: Applies::default(),
    };
    Some(Whoami { hosts: hosts.into_iter().collect::<Option<_>>()?, throttle, auth_policy })
}

/// Routes that name the very path.
fn hidden(raw: &RawConfig, desk: &mut Desk<'_>) {
    for (index, route) in raw.routes.iter().enumerate() {
        let own = |entry: &PathEntry| match entry {
            PathEntry::Pattern(text) => text == PATH,
            PathEntry::Regex(_) => false,
        };
        if let Some(at) = route.paths.iter().position(own) {
            let pointer = format!("/routes/{index}/paths/{at}");
            let message = format!("route {} gets no requests here: `whoami` answers them", quoted(&route.name));
            desk.warn(Code::HiddenRoute, &pointer, message, "remove the path, or give `whoami` other `hosts`");
        }
    }
}
