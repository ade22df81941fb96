//! Everything that an operator greps: metric names, log fields, request and trace IDs.
//!
//! Knows no engine, no config and no runtime: kinds and reasons come in as their codes, time and randomness as arguments.

pub mod access_log;
pub mod logging;
pub mod metrics;
pub mod random;
pub mod recent;
pub mod request_id;
pub mod text;
pub mod trace_context;
