//! The sockets that the process listens on: all of them are bound before anything serves, or none.
//!
//! Left to itself Pingora binds in a task of each service. An address that cannot be had is tried for half a minute there; then the task
//! panics, and the process serves on without the listener. So it gets sockets that are bound already, the way it takes over those of an
//! older process.

use async_trait::async_trait;
use pingora::server::{Fds, ListenFds, ShutdownWatch};
use pingora::services::Service;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Notify, oneshot};

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("cannot listen on {address}")]
    Taken { address: SocketAddr, source: io::Error },
    #[error(
        "cannot listen on {address}: {other} of the same config has this port already; an address for all and one of them exclude each other"
    )]
    TakenByUs { address: SocketAddr, other: SocketAddr },
    /// There were sockets, and still nothing listens: there are no descriptors left, for example.
    #[error("a listener could not be set up; the line above says why")]
    Lost,
}

/// Binds all of these. From here on connections wait in the kernel until they are accepted.
pub(crate) fn bind(addresses: impl Iterator<Item = SocketAddr>) -> Result<ListenFds, ListenError> {
    let mut bound: Vec<(SocketAddr, TcpListener)> = Vec::new();
    for address in addresses {
        let listener = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        match listener {
            Ok(listener) => bound.push((address, listener)),
            Err(source) => {
                let ours = bound.iter().map(|(other, _)| *other).find(|other| excludes(*other, address));
                return Err(match ours.filter(|_| source.kind() == io::ErrorKind::AddrInUse) {
                    Some(other) => ListenError::TakenByUs { address, other },
                    None => ListenError::Taken { address, source },
                });
            }
        }
    }
    let mut table = Fds::new();
    for (address, listener) in bound {
        // Pingora finds it by the address as it was told to listen there, and closes it.
        table.add(address.to_string(), listener.into_raw_fd());
    }
    Ok(Arc::new(table.into()))
}

fn excludes(one: SocketAddr, other: SocketAddr) -> bool {
    let is_for_all = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (is_for_all || one.ip() == other.ip())
}

/// Whether a service came to nothing.
#[derive(Debug, Default)]
pub(crate) struct Failing {
    has_failed: AtomicBool,
    failed: Notify,
}

impl Failing {
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    pub(crate) async fn failed(&self) {
        self.failed.notified().await;
    }
}

/// A service on sockets that are there.
pub(crate) struct Bound<S> {
    pub(crate) service: S,
    pub(crate) sockets: ListenFds,
    pub(crate) failing: Arc<Failing>,
    /// Told when it may begin, or dropped. Until then connections wait in the kernel.
    pub(crate) may_begin: Option<oneshot::Receiver<()>>,
}

#[async_trait]
impl<S: Service> Service for Bound<S> {
    async fn start_service(&mut self, _: Option<ListenFds>, shutdown: ShutdownWatch, listeners_per_fd: usize) {
        let _told = Told(&self.failing);
        if let Some(may_begin) = self.may_begin.take() {
            let _ = may_begin.await;
        }
        self.service.start_service(Some(Arc::clone(&self.sockets)), shutdown, listeners_per_fd).await;
    }

    fn name(&self) -> &str {
        self.service.name()
    }

    fn threads(&self) -> Option<usize> {
        self.service.threads()
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        self.service.listen_addresses()
    }
}

/// Tells of a panic: that is how Pingora says that it cannot listen.
struct Told<'a>(&'a Failing);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.has_failed.store(true, Ordering::Relaxed);
            self.0.failed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Failing, ListenError, bind};
    use async_trait::async_trait;
    use pingora::server::{ListenFds, ShutdownWatch};
    use pingora::services::Service;
    use std::future::poll_fn;
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Poll;
    use tokio::sync::{oneshot, watch};

    /// Nobody listens there, as of a moment ago.
    fn port() -> u16 {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn addresses_that_exclude_each_other_are_both_named() {
        let check = |one: SocketAddr, other: SocketAddr| match bind([one, other].into_iter()) {
            Err(ListenError::TakenByUs { address, other: first }) => assert_eq!((first, address), (one, other)),
            Err(error) => panic!("{one} and {other}: {error}"),
            Ok(_) => panic!("{one} and {other} are both there"),
        };
        let (all, one) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST);
        let port = port();
        check((all, port).into(), (one, port).into());
        check((one, port).into(), (all, port).into());
        check((all, port).into(), (Ipv6Addr::UNSPECIFIED, port).into());
        check((one, port).into(), (one, port).into());
    }

    #[test]
    fn what_somebody_else_has_is_taken() {
        let theirs = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = theirs.local_addr().unwrap();
        let bound = bind([address].into_iter());
        assert!(matches!(bound, Err(ListenError::Taken { address: told, .. }) if told == address));
    }

    #[test]
    fn what_is_bound_takes_connections_before_anything_serves() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port()));
        let table = bind([address].into_iter()).unwrap_or_else(|error| panic!("{error}"));
        assert!(table.lock().get(&address.to_string()).is_some());
        assert!(TcpStream::connect(address).is_ok());
    }

    struct Cannot;

    #[async_trait]
    impl Service for Cannot {
        async fn start_service(&mut self, _: Option<ListenFds>, _: ShutdownWatch, _: usize) {
            panic!("Failed to build listeners");
        }

        fn name(&self) -> &'static str {
            "cannot"
        }
    }

    #[tokio::test]
    async fn a_service_that_cannot_listen_is_noticed() {
        let failing = Arc::new(Failing::default());
        let sockets = bind(std::iter::empty()).unwrap_or_else(|error| panic!("{error}"));
        let mut bound = Bound { service: Cannot, sockets, failing: Arc::clone(&failing), may_begin: None };
        let (_stop, stopped) = watch::channel(false);
        let started = tokio::spawn(async move { Service::start_service(&mut bound, None, stopped, 1).await });
        assert!(started.await.is_err());
        assert!(failing.has_failed());
        failing.failed().await;
    }

    struct Begins(Arc<AtomicBool>);

    #[async_trait]
    impl Service for Begins {
        async fn start_service(&mut self, _: Option<ListenFds>, _: ShutdownWatch, _: usize) {
            self.0.store(true, Ordering::Relaxed);
        }

        fn name(&self) -> &'static str {
            "begins"
        }
    }

    #[tokio::test]
    async fn a_service_begins_when_it_may() {
        let has_begun = Arc::new(AtomicBool::new(false));
        let (begin, may_begin) = oneshot::channel();
        let sockets = bind(std::iter::empty()).unwrap_or_else(|error| panic!("{error}"));
        let service = Begins(Arc::clone(&has_begun));
        let mut bound = Bound { service, sockets, failing: Arc::default(), may_begin: Some(may_begin) };
        let (_stop, stopped) = watch::channel(false);
        let mut starting = Service::start_service(&mut bound, None, stopped, 1);
        assert!(poll_fn(|context| Poll::Ready(starting.as_mut().poll(context).is_pending())).await);
        assert!(!has_begun.load(Ordering::Relaxed));
        begin.send(()).unwrap();
        starting.await;
        assert!(has_begun.load(Ordering::Relaxed));
    }
}
