//! Reload of a serving process: nobody notices, nothing is refilled, and what is not taken says why.

mod load;
mod refused;
mod snapshot;
mod state;

use testkit::gateway::Gateway;

/// The config file of the gateway, as it stands.
fn config_file(gateway: &Gateway) -> std::path::PathBuf {
    gateway.directory().join("tollgate.yaml")
}
