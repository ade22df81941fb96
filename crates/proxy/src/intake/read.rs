//! The next head of a connection: awaited under one deadline, whole or in pieces, and checked.

use super::IntakeLimits;
use super::gate::Gate;
use bytes::{Buf, BytesMut};
use engine::denial::Denial;
use engine::reason::Reason;
use engine::wire::{CheckedHead, HeadEnd, check_head, head_end, oversized};
use limits::clock::{self, Now};
use pingora::server::ShutdownWatch;
use tokio::time::timeout;

/// What a connection brought.
pub(super) enum Next {
    /// A head that passed, from its request line on; the gate is open for its body.
    Head(BytesMut, CheckedHead),
    /// What arrived is still in the gate.
    Refused(Denial, Now),
    /// The client went away or was idle, or the gateway stops. There is nobody to tell.
    Closed,
}

pub(super) async fn next_head(gate: &mut Gate, limits: &IntakeLimits, shutdown: &mut ShutdownWatch) -> Next {
    if gate.ahead().is_empty() && !first_bytes(gate, limits, shutdown).await {
        return Next::Closed;
    }
    let started = clock::now();
    let checked = match timeout(limits.header_timeout, whole_head(gate, limits)).await {
        Ok(Ok((length, checked))) => Ok((length, checked)),
        Ok(Err(end)) => Err(end),
        Err(_) => Err(Ended::Late),
    };
    match checked {
        Ok((length, checked)) => {
            let mut head = gate.open(length, checked.framing, limits.pace, limits.head.head_bytes_max);
            head.advance(checked.start.min(head.len()));
            Next::Head(head, checked)
        }
        Err(Ended::Refused(denial)) => Next::Refused(denial, started),
        Err(Ended::Broken) => Next::Closed,
        // A line end that some clients send behind a body is no request.
        Err(Ended::Late | Ended::Early) if matches!(gate.ahead(), b"\r" | b"\r\n") => Next::Closed,
        Err(Ended::Late) => {
            let text = format!("{} bytes of the head came within {:?}", gate.ahead().len(), limits.header_timeout);
            Next::Refused(Denial::new(Reason::HeadTimeout).because(text), started)
        }
        Err(Ended::Early) => {
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
async fn first_bytes(gate: &mut Gate, limits: &IntakeLimits, shutdown: &mut ShutdownWatch) -> bool {
    tokio::select! {
        // What has arrived is served, even if the gateway stops at this moment.
        biased;
        first = timeout(limits.idle_timeout, gate.fill(limits.head.head_bytes_max)) => {
            matches!(first, Ok(Ok(count)) if count > 0)
        }
        // An error is a sender that is gone, which also means the end.
        _ = shutdown.wait_for(|stopping| *stopping) => false,
    }
}

async fn whole_head(gate: &mut Gate, limits: &IntakeLimits) -> Result<(usize, CheckedHead), Ended> {
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
        match gate.fill(limits.head.head_bytes_max).await {
            Ok(0) => return Err(Ended::Early),
            Ok(_) => {}
            Err(_) => return Err(Ended::Broken),
        }
    }
}
