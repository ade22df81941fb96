//! How a connection ends: with a refusal, our end, and a moment in which the client may read it; or because the gateway stops.

use engine::reply::Reply;
use http::StatusCode;
use limits::gauge::Entered;
use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;
use std::io::Write as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// For writing a refusal, which fits in the socket's buffer unless somebody pipelines and never reads.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of what a client still sends is read before the connection is closed.
pub(super) const DRAIN_BYTES_MAX: u64 = 64 * 1024;
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

/// Ends when the gateway does.
pub(super) async fn stopped(shutdown: &ShutdownWatch) {
    let mut shutdown = shutdown.clone();
    // An error is a sender that is gone, which also means the end.
    drop(shutdown.wait_for(|stopping| *stopping).await);
}
