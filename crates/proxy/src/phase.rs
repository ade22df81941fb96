//! The rooms that a request goes through, one file each.

pub(crate) mod admit;
pub(crate) mod ask;
pub(crate) mod body;
pub(crate) mod connect;
pub(crate) mod content;
pub(crate) mod finish;
pub(crate) mod forward;
pub(crate) mod old;
pub(crate) mod receive;
pub(crate) mod reply;
pub(crate) mod transform;
