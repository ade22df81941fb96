//! The store that nodes share, from the config's words to the gateway's, and what metrics are told of it.

use config::Process;
use config::raw::OnFailure as Written;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use store::{Failed, Fleet, OnFailure, RedisSettings, RedisTls, SharedLimits, Watch};
use telemetry::metrics::{Metrics, StoreFailure, StoreMetrics};

/// Buckets, and as many counts, of a gateway that shares its limits with nobody. No config gives it any.
const ALONE_MAX: usize = 1;

pub(super) fn shared_limits(process: &Process, metrics: &Metrics) -> SharedLimits {
    let Some(redis) = &process.store else { return SharedLimits::alone(ALONE_MAX) };
    let settings = RedisSettings {
        servers: redis.servers.clone(),
        cluster: redis.cluster,
        tls: redis.tls.as_ref().map(|tls| RedisTls { authorities: tls.authorities.clone() }),
        username: redis.username.clone(),
        password: redis.password.clone(),
        database: redis.database,
        timeout: redis.timeout,
        on_failure: match redis.on_failure {
            Written::LocalShare => OnFailure::LocalShare,
            Written::Allow => OnFailure::Allow,
            Written::Deny => OnFailure::Deny,
        },
        prefix: redis.prefix.clone(),
    };
    let watch = Told(metrics.store("redis"));
    watch.reachable(false);
    SharedLimits::Fleet(Arc::new(Fleet::new(settings, &node_name(), Arc::new(watch))))
}

/// Another one for each process: what died and came back is not taken for one that never left.
fn node_name() -> String {
    let bytes: [u8; 8] = telemetry::random::bytes();
    bytes.iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

struct Told(StoreMetrics);

impl Watch for Told {
    fn answered(&self, took: Duration) {
        self.0.answered(took);
    }

    fn failed(&self, why: Failed) {
        self.0.failed(match why {
            Failed::Timeout => StoreFailure::Timeout,
            Failed::Connection => StoreFailure::Connection,
            Failed::Answer => StoreFailure::Answer,
        });
    }

    fn reachable(&self, yes: bool) {
        self.0.reachable(yes);
    }

    fn nodes(&self, nodes: u64) {
        self.0.nodes(nodes);
    }

    fn decided_alone(&self) {
        self.0.bypassed();
    }
}
