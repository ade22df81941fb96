//! The next head of a connection: awaited under one deadline, whole or in pieces, and checked.

use super::IntakeLimits;
use super::gate::Gate;
use bytes::{Buf, BytesMut};
use engine::denial::Denial;
use engine::reason::Reason;
use engine::wire::{CheckedHead, HeadEnd, check_head, head_end, oversized};
use limits::clock::{self, Now};
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::Poll;

/// What a connection brought.
pub(super) enum Next {
    /// A head that passed, from its request line on; the gate is open for its body.
    Head(BytesMut, CheckedHead),
    /// What arrived is still in the gate.
    Refused(Denial, Now),
    /// The client went away or was idle, or the gateway stops. There is nobody to tell.
    Closed,
}

/// `stopping` ends when the gateway does; it is polled again for each head of a connection. `begun`: since then the head is waited for
/// already, and its time runs.
pub(super) async fn next_head(
    gate: &mut Gate,
    limits: &IntakeLimits,
    stopping: Pin<&mut (impl Future<Output = ()> + Send)>,
    begun: Option<Now>,
) -> Next {
    if gate.ahead().is_empty() && !first_bytes(gate, limits, stopping).await {
        return Next::Closed;
    }
    let mut started = begun;
    let checked = match whole_head(gate, limits, &mut started).await {
        Ok((length, checked)) => {
            let mut head = gate.open(length, checked.framing, limits.pace, limits.head.head_bytes_max);
            head.advance(checked.start.min(head.len()));
            return Next::Head(head, checked);
        }
        Err(ended) => ended,
    };
    let started = started.unwrap_or_else(clock::now);
    match checked {
        Ended::Refused(denial) => Next::Refused(denial, started),
        Ended::Broken => Next::Closed,
        // A line end that some clients send behind a body is no request.
        Ended::Late | Ended::Early if matches!(gate.ahead(), b"\r" | b"\r\n") => Next::Closed,
        Ended::Late => {
            let text = format!("{} bytes of the head came within {:?}", gate.ahead().len(), limits.header_timeout);
            Next::Refused(Denial::new(Reason::HeadTimeout).because(text), started)
        }
        Ended::Early => {
            let text = "the connection ended inside the head (RFC 9112, 8)";
            Next::Refused(Denial::new(Reason::HeaderMalformed).because(text), started)
        }
    }
}

/// Why there is no head.
enum Ended {
    Refused(Denial),
    /// The deadline passed.
    Late,
    /// The client sent its end.
    Early,
    /// The connection failed.
    Broken,
}

/// False: there will be none.
pub(super) async fn first_bytes(
    gate: &mut Gate,
    limits: &IntakeLimits,
    mut stopping: Pin<&mut (impl Future<Output = ()> + Send)>,
) -> bool {
    gate.wait_at_most(limits.idle_timeout);
    poll_fn(|context| {
        // What has arrived is served, even if the gateway stops at this moment.
        if let Poll::Ready(first) = gate.poll_fill(context, limits.head.head_bytes_max) {
            return Poll::Ready(matches!(first, Ok(count) if count > 0));
        }
        stopping.as_mut().poll(context).map(|()| false)
    })
    .await
}

/// `started` is set when more than what has arrived is needed: the deadline for the head begins with its first bytes.
async fn whole_head(
    gate: &mut Gate,
    limits: &IntakeLimits,
    started: &mut Option<Now>,
) -> Result<(usize, CheckedHead), Ended> {
    let mut resume = 0;
    loop {
        match head_end(gate.ahead(), resume) {
            HeadEnd::Found { length } | HeadEnd::Broken { length } => {
                let head = gate.ahead().get(..length).unwrap_or_default();
                let checked = check_head(head, &limits.head).map_err(Ended::Refused)?;
                return Ok((length, checked));
            }
            HeadEnd::Missing { resume: next } => resume = next,
        }
        if gate.ahead().len() >= limits.head.head_bytes_max {
            return Err(Ended::Refused(oversized(gate.ahead(), &limits.head)));
        }
        if started.is_none() {
            *started = Some(clock::now());
            gate.wait_at_most(limits.header_timeout);
        }
        match poll_fn(|context| gate.poll_fill(context, limits.head.head_bytes_max)).await {
            Ok(0) => return Err(Ended::Early),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => return Err(Ended::Late),
            Err(_) => return Err(Ended::Broken),
        }
    }
}
