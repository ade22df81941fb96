//! The running gateway: started, told to reload, stopped.

mod access_log;
pub(crate) mod control;
pub(crate) mod hangup;
pub(crate) mod keys;
pub(crate) mod quota;
pub(crate) mod records;
pub(crate) mod reload;
mod shared_limits;
pub(crate) mod socket;
pub(crate) mod startup;
