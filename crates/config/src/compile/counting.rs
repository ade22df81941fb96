//! What all limits have in common: how far they are enforced, and whose requests they count together.

use engine::counted::CountBy;
use engine::trail::Mode;

use crate::raw;
use crate::text::CountingKey;

pub(super) const fn mode(raw: raw::Mode) -> Mode {
    match raw {
        raw::Mode::Enforce => Mode::Enforce,
        raw::Mode::DryRun => Mode::DryRun,
        raw::Mode::Off => Mode::Off,
    }
}

/// A throttle and its limit both have a mode: whichever does less wins.
pub(super) const fn stricter(one: raw::Mode, other: raw::Mode) -> raw::Mode {
    match (one, other) {
        (raw::Mode::Off, _) | (_, raw::Mode::Off) => raw::Mode::Off,
        (raw::Mode::DryRun, _) | (_, raw::Mode::DryRun) => raw::Mode::DryRun,
        (raw::Mode::Enforce, raw::Mode::Enforce) => raw::Mode::Enforce,
    }
}

pub(super) fn count_by(key: Option<&CountingKey>) -> CountBy {
    match key {
        None | Some(CountingKey::ConsumerId) => CountBy::Consumer,
        Some(CountingKey::ApiKey) => CountBy::ApiKey,
        Some(CountingKey::Ip) => CountBy::Address,
        Some(CountingKey::Token) => CountBy::Token,
        Some(CountingKey::Route) => CountBy::Route,
        Some(CountingKey::Header(name)) => CountBy::Header(name.clone()),
        Some(CountingKey::Claim(name)) => CountBy::Claim(name.as_str().into()),
    }
}
