//! Counters that outlive a request, a reload and the process. The one `await` of an admission is
//! [`quotas::charge`], where a limit that all nodes share has to be asked for; [`quotas::charge_own`] waits for nobody.
//!
//! Reading order: [`counters`] (which store), [`charge`] (what is asked and answered), [`embedded`], [`disk`]; [`shared`] and [`fleet`]
//! for the limits that all nodes share.

pub mod charge;
pub mod counters;
pub mod disk;
pub mod embedded;
pub mod fleet;
pub mod quotas;
pub mod shared;

pub use charge::{CHARGES_MAX, Charged, QuotaCharge};
pub use counters::Counters;
pub use disk::Disk;
pub use embedded::Embedded;
pub use fleet::Fleet;
pub use shared::SharedLimits;
pub use shared::settings::{OnFailure, RedisSettings, RedisTls};
pub use shared::watch::{Failed, Watch};

#[cfg(test)]
mod tests;
