//! How a connection ends with a refusal: the answer, our end, and a moment in which the client may read it.

use super::{Intake, Refusal};
use engine::denial::Denial;
use limits::clock;
use limits::gauge::Entered;
use pingora::protocols::Stream;
use pingora_proxy::ProxyHttp;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// For writing a refusal, which fits in the socket's buffer unless somebody pipelines and never reads.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of what a client still sends is read before the connection is closed.
pub(super) const DRAIN_BYTES_MAX: u64 = 64 * 1024;
/// For how long.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

impl<G: ProxyHttp> Intake<G> {
    /// For a connection that is one too many.
    pub(super) async fn turn_away(&self, stream: Stream, peer: Option<SocketAddr>, denial: Denial) {
        let bytes = self.gateway.refuse(Refusal { denial, peer, head: &[], started: clock::now() });
        if let Some(entered) = self.caps.turn_away() {
            answer(stream, Some(entered), &bytes).await;
        }
    }
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
/// connection counts as open until then.
pub(super) async fn linger(mut stream: Stream, entered: Option<Entered>) {
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
