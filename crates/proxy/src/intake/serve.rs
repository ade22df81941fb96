//! One connection from its first request to its last.

use super::gate::Gate;
use super::preface::{Spoken, spoken};
use super::read::{Next, next_head};
use super::refuse::{DRAIN_BYTES_MAX, DRAIN_TIMEOUT, PROTOCOL, answer, written};
use super::{Intake, Pace, Refusal};
use bytes::BytesMut;
use engine::wire::{CheckedHead, Framing};
use limits::clock::Now;
use pingora::apps::{HttpPersistentSettings, HttpServerApp};
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use pingora_proxy::ProxyHttp;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

impl<G> Intake<G>
where
    G: ProxyHttp + Send + Sync + 'static,
    G::CTX: Send + Sync,
{
    /// A connection that may speak either protocol: its first bytes tell.
    pub(super) async fn serve_either(
        self: &Arc<Self>,
        mut gate: Box<Gate>,
        peer: Option<SocketAddr>,
        shutdown: &ShutdownWatch,
    ) {
        let stopping = pin!(stopped(shutdown.clone()));
        match spoken(&mut gate, &self.gateway.limits(), stopping).await {
            Spoken::Http1(begun) => self.serve(gate, peer, shutdown, Some(begun)).await,
            Spoken::Http2 => self.serve_http2(gate, peer, shutdown).await,
            Spoken::Nothing => {}
        }
    }

    /// `begun`: since then the first head is waited for already.
    pub(super) async fn serve(
        &self,
        mut gate: Box<Gate>,
        peer: Option<SocketAddr>,
        shutdown: &ShutdownWatch,
        mut begun: Option<Now>,
    ) {
        let mut stopping = pin!(Stopping::new(shutdown));
        let mut settings = None;
        let (mut limits, mut revision) = (None, 0);
        loop {
            // The number first: what is installed in between is looked at again.
            let newest = self.gateway.revision();
            if newest != revision {
                (limits, revision) = (None, newest);
            }
            let limits = limits.get_or_insert_with(|| self.gateway.limits());
            let (head, checked) = match next_head(&mut gate, limits, stopping.as_mut(), begun.take()).await {
                Next::Head(head, checked) => (head, checked),
                Next::Closed => return,
                Next::Refused(denial, started) => {
                    let refusal =
                        Refusal { denial, peer, head: gate.ahead(), started, protocol: PROTOCOL, is_told: true };
                    let bytes = written(&self.gateway.refuse(refusal));
                    if let Some((stream, entered)) = gate.into_parts() {
                        answer(stream, Some(entered), &bytes).await;
                    }
                    return;
                }
            };
            let session = session(gate, head, &checked, settings, &limits.pace);
            let Some(reused) = self.proxy.process_new_http(session, shutdown).await else { return };
            let (stream, kept) = reused.consume();
            let Ok(returned) = stream.into_any().downcast::<Gate>() else { return };
            if !checked.keep_alive || !returned.body_is_done() {
                return;
            }
            (gate, settings) = (returned, kept);
        }
    }
}

/// Ends when the gateway does.
pub(super) async fn stopped(mut shutdown: ShutdownWatch) {
    // An error is a sender that is gone, which also means the end.
    drop(shutdown.wait_for(|stopping| *stopping).await);
}

/// [`stopped`], for who looks between any two requests: it is asked again only if there is news, or somebody else to wake.
struct Stopping {
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    news: ShutdownWatch,
    told: Option<Waker>,
}

impl Stopping {
    fn new(shutdown: &ShutdownWatch) -> Self {
        let news = shutdown.clone();
        Self { stopped: Box::pin(stopped(news.clone())), news, told: None }
    }
}

impl Future for Stopping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let is_told = self.told.as_ref().is_some_and(|told| told.will_wake(context.waker()));
        // A sender that is gone is news, too.
        if is_told && matches!(self.news.has_changed(), Ok(false)) {
            return Poll::Pending;
        }
        self.told = Some(context.waker().clone());
        self.stopped.as_mut().poll(context)
    }
}

fn session(
    gate: Box<Gate>,
    head: BytesMut,
    checked: &CheckedHead,
    settings: Option<HttpPersistentSettings>,
    pace: &Pace,
) -> ServerSession {
    let mut session = ServerSession::new_http1(gate);
    if let Some(settings) = settings {
        settings.apply_to_session(&mut session);
    }
    // Pingora never sees the next request: the gate keeps it. Pipelining is ours.
    session.set_pipelined_prefix(head);
    session.set_read_timeout(Some(pace.read_timeout));
    session.set_total_drain_timeout(Some(DRAIN_TIMEOUT));
    session.set_close_on_response_before_downstream_finish(!may_drain(checked));
    session
}

/// Whether an answer that comes before the end of the body may keep the connection: only if the rest is known to be small, and the
/// client does not hold it back until it is asked for.
fn may_drain(checked: &CheckedHead) -> bool {
    match checked.framing {
        Framing::None => true,
        Framing::Length(length) => length <= DRAIN_BYTES_MAX && !checked.expect_continue,
        Framing::Chunked => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Stopping;
    use std::future::Future as _;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};
    use tokio::sync::watch;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `looks`: by which of two tasks it is asked before the news comes. The last of them is woken, and finds the end.
    fn check(looks: &[usize], news: impl FnOnce(watch::Sender<bool>)) {
        let (sender, shutdown) = watch::channel(false);
        let mut stopping = pin!(Stopping::new(&shutdown));
        let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
        let wakers = counts.clone().map(Waker::from);
        for look in looks {
            assert!(stopping.as_mut().poll(&mut Context::from_waker(&wakers[*look])).is_pending(), "{looks:?}");
        }
        news(sender);
        let last = *looks.last().unwrap();
        assert_eq!(counts[last].0.load(Ordering::Relaxed), 1, "{looks:?}");
        assert!(stopping.as_mut().poll(&mut Context::from_waker(&wakers[last])).is_ready(), "{looks:?}");
    }

    #[test]
    fn who_looked_last_is_told_of_the_end() {
        for looks in [&[0][..], &[0, 0, 0], &[0, 1], &[0, 1, 1, 0]] {
            check(looks, |sender| sender.send(true).unwrap());
            check(looks, drop);
        }
    }
}
