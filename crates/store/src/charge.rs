//! What is asked of a store and what it answers, whichever store it is.

pub use limits::counts::QuotaCharge;

/// Quotas that one request may have to be charged to.
pub const CHARGES_MAX: usize = 4;

/// What became of a list of charges. Only `Granted` leaves a trace in the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charged {
    /// All of them. `used` has a number for each charge, in order, this request included; the rest is zero.
    Granted { used: [u64; CHARGES_MAX] },
    /// The charge at `index` has no room: `used` of its limit were counted already.
    Exceeded { index: usize, used: u64 },
    /// The store cannot tell: unreachable, out of room, or asked for more than [`CHARGES_MAX`].
    Unavailable,
}
