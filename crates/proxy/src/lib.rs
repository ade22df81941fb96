//! The Pingora adapter: phases, listeners, background work. The only crate that names pingora (the program aside); it decides
//! nothing, it brings the engine its arguments and carries out its answer.
//!
//! Reading order: [`gateway`] (the hooks), `phase` (what each does), `respond` (the one writer of replies), `server`.

mod alarm;
mod bodies;
mod callout;
mod connection;
mod context;
mod deadline;
mod encoder;
mod endpoint;
mod fault;
mod fields;
mod front;
mod gateway;
mod held;
mod hold;
mod installed;
mod intake;
mod key_sets;
mod listeners;
mod passwords;
mod phase;
mod pool;
mod probes;
mod records;
mod resolve;
mod respond;
mod server;
mod shared;
mod storms;
mod turns;

/// What the program log has unless one asks for more. Pingora's proxy and its pool have a remark on each exchange that breaks: the access
/// log says it better, and a client must not be able to fill this log.
pub const LOG_FILTER: &str = "info,pingora=warn,pingora_proxy=error,pingora_pool=error";

pub use installed::LogSettings;
pub use intake::Listener;
pub use key_sets::KeySetReport;
pub use listeners::ListenError;
pub use records::{Decider, Denied, Record};
pub use server::{Handle, OpenLog, Parts, ServeError, Server, Settings, Stop};
pub use storms::{Retried, habit_name};
