//! Counters that outlive a request, a reload and the process. The one `await` of an admission is [`Counters::charge`]; with the
//! embedded store it is ready at once.
//!
//! Reading order: [`counters`] (which store), [`charge`] (what is asked and answered), [`embedded`], [`disk`].

pub mod charge;
pub mod counters;
pub mod disk;
pub mod embedded;
pub mod quotas;

pub use charge::{CHARGES_MAX, Charged, QuotaCharge};
pub use counters::Counters;
pub use disk::Disk;
pub use embedded::Embedded;

#[cfg(test)]
mod tests;
