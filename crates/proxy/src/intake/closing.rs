//! How a connection ends: with a refusal, our end, and a moment in which the client may read it; or because the gateway stops.

use engine::reply::Reply;
use http::StatusCode;
use limits::gauge::Entered;
use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// For writing a refusal, which fits in the socket's buffer unless somebody pipelines and never reads.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of what a client still sends is read before the connection is closed.
pub(super) const DRAIN_BYTES_MAX: u64 = 64 * 1024;
/// The same of a client that reads: it says how much.
const HEARD_BYTES_MAX: u64 = 1024 * 1024;
/// For how long.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// What the log says of a connection whose client has not said otherwise.
pub(super) const PROTOCOL: &str = "HTTP/1.1";

/// The answer as HTTP/1.1 has it. The connection ends behind it.
pub(super) fn written(reply: &Reply) -> Vec<u8> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut out = Vec::with_capacity(512);
    let phrase = status.canonical_reason().unwrap_or("Error");
    // Writing to a vector cannot fail.
    let _ = write!(out, "HTTP/1.1 {} {phrase}\r\nConnection: close\r\n", status.as_u16());
    for (name, value) in &reply.headers {
        let _ = write!(out, "{name}: ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&reply.body);
    out
}

/// Writes the answer and closes.
pub(super) async fn answer(mut stream: Stream, entered: Option<Entered>, bytes: &[u8]) {
    let written = timeout(ANSWER_TIMEOUT, async {
        stream.write_all(bytes).await?;
        stream.flush().await
    });
    if let Ok(Ok(())) = written.await {
        linger(stream, entered).await;
    }
}

/// Sends our end and reads on for a moment: closing with bytes unread resets the connection, and takes the answer with it. The
/// connection counts as open until then, by what is `entered`.
pub(super) async fn linger(mut stream: Stream, entered: impl Send) {
    let drained = timeout(DRAIN_TIMEOUT, async {
        stream.flush().await?;
        AsyncWriteExt::shutdown(&mut stream).await?;
        tokio::io::copy(&mut (&mut stream).take(DRAIN_BYTES_MAX), &mut tokio::io::sink()).await
    });
    // However it ends, the connection is closed now.
    let _ = drained.await;
    drop(stream);
    drop(entered);
}

/// The same where the client keeps on sending as long as it reads: what it has not read yet would be lost with a close in between. Ends
/// when nothing is heard any more, and `within` that time.
pub(super) async fn linger_while_heard(mut stream: Stream, entered: impl Send, within: Duration) {
    let drained = timeout(within, async {
        stream.flush().await?;
        AsyncWriteExt::shutdown(&mut stream).await?;
        let mut heard = (&mut stream).take(HEARD_BYTES_MAX);
        let mut piece = [0; 1024];
        while matches!(timeout(DRAIN_TIMEOUT, heard.read(&mut piece)).await, Ok(Ok(1..))) {}
        std::io::Result::Ok(())
    });
    // However it ends, the connection is closed now.
    let _ = drained.await;
    drop(stream);
    drop(entered);
}

/// Ends when the gateway does.
pub(super) async fn stopped(mut shutdown: ShutdownWatch) {
    // An error is a sender that is gone, which also means the end.
    drop(shutdown.wait_for(|stopping| *stopping).await);
}

/// [`stopped`], for who looks between any two requests: it is asked again only if there is news, or somebody else to wake.
pub(super) struct Stopping {
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    news: ShutdownWatch,
    told: Option<Waker>,
}

impl Stopping {
    pub(super) fn new(shutdown: &ShutdownWatch) -> Self {
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
