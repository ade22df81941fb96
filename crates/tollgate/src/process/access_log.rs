//! What the config says of the access log, for the proxy that writes it.

use config::{LogTarget, Process};
use proxy::LogSettings;
use telemetry::access_log::Target;

/// The access log, in the words of the proxy.
pub(super) fn log_settings(process: &Process) -> LogSettings {
    let target = match &process.access_log {
        LogTarget::Stdout => Target::Stdout,
        LogTarget::File(path) => Target::File(path.clone()),
        LogTarget::None => Target::None,
    };
    LogSettings { target, sample: process.access_log_sample }
}
