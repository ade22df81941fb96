//! Names of endpoints to addresses: asked again and again while running, the last good answer stays in use. A dead name never
//! keeps a config from loading; it only keeps its own endpoint from being reached.

use arc_swap::ArcSwap;
use engine::names::Name;
use limits::cursor::Cursor;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tracing::warn;

/// Between two questions for the same name.
pub(crate) const REFRESH_INTERVAL: Duration = Duration::from_secs(10);
/// For one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Addresses of one name that are used.
const ADDRESSES_MAX: usize = 64;

/// One name and where it points now.
#[derive(Debug)]
pub(crate) struct Resolved {
    host: Name,
    port: u16,
    addresses: ArcSwap<Vec<SocketAddr>>,
    cursor: Cursor,
}

impl Resolved {
    /// The next address in turn; asks now if there has been no answer yet.
    pub(crate) async fn address(&self) -> Option<SocketAddr> {
        if let Some(address) = self.next() {
            return Some(address);
        }
        self.refresh().await;
        self.next()
    }

    fn next(&self) -> Option<SocketAddr> {
        let addresses = self.addresses.load();
        let turn = self.cursor.turn().checked_rem(addresses.len())?;
        addresses.get(turn).copied()
    }

    async fn refresh(&self) {
        let question = tokio::net::lookup_host((&*self.host, self.port));
        match tokio::time::timeout(ANSWER_TIMEOUT, question).await {
            Ok(Ok(answer)) => {
                let mut addresses: Vec<SocketAddr> = answer.take(ADDRESSES_MAX).collect();
                addresses.sort_unstable();
                addresses.dedup();
                if !addresses.is_empty() && **self.addresses.load() != addresses {
                    self.addresses.store(Arc::new(addresses));
                }
            }
            Ok(Err(error)) => warn!(name = %self.host, %error, "endpoint name not resolved, last answer kept"),
            Err(_elapsed) => warn!(name = %self.host, "endpoint name not resolved in time, last answer kept"),
        }
    }
}

/// The names in use. A name that no config holds any more is dropped.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    // std's Mutex: never held across an await.
    names: Mutex<HashMap<(Name, u16), Weak<Resolved>>>,
}

impl Resolver {
    pub(crate) fn name(&self, host: &Name, port: u16) -> Arc<Resolved> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, resolved| resolved.strong_count() > 0);
        if let Some(resolved) = names.get(&(host.clone(), port)).and_then(Weak::upgrade) {
            return resolved;
        }
        let resolved = Arc::new(Resolved {
            host: host.clone(),
            port,
            addresses: ArcSwap::from_pointee(Vec::new()),
            cursor: Cursor::default(),
        });
        names.insert((host.clone(), port), Arc::downgrade(&resolved));
        resolved
    }

    /// Asks for every name once.
    pub(crate) async fn refresh(&self) {
        let names: Vec<Arc<Resolved>> = {
            let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.values().filter_map(Weak::upgrade).collect()
        };
        for name in names {
            name.refresh().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Resolver;

    #[tokio::test]
    async fn a_name_is_shared_and_resolved_on_demand() {
        let resolver = Resolver::default();
        let first = resolver.name(&"localhost".into(), 80);
        assert!(std::sync::Arc::ptr_eq(&first, &resolver.name(&"localhost".into(), 80)));
        assert!(first.address().await.is_some_and(|address| address.ip().is_loopback()));
    }

    #[tokio::test]
    async fn a_dead_name_has_no_address() {
        let resolver = Resolver::default();
        assert_eq!(resolver.name(&"no-such-host.invalid".into(), 80).address().await, None);
    }
}
