//! Where a request goes: an upstream is a named set of endpoints that do the same work.

use crate::names::Name;
use limits::cursor::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The turns of one round: weights are reduced to at most this many.
pub const TURNS_MAX: usize = 10_000;

#[derive(Debug)]
pub struct Upstream {
    pub name: Name,
    pub endpoints: Vec<Endpoint>,
    pub timeouts: Timeouts,
    pub tls: Option<Tls>,
    /// Bounds the idle connections that are kept open to it.
    pub idle_timeout: Duration,
    turns: Vec<u32>,
    cursor: Arc<Cursor>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As the config has it: log, metrics and explain show this.
    pub label: Name,
    pub address: Address,
    /// The share of requests, relative to the other endpoints; 0 takes none.
    pub weight: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Socket(SocketAddr),
    /// Resolved again and again while running; the last good answer stays in use.
    Name {
        host: Name,
        port: u16,
    },
}

/// How long each part of an exchange with the endpoint may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    /// From the end of the request's head to the first byte of the answer's.
    pub first_byte: Duration,
    /// The longest silence in the middle of an exchange.
    pub idle: Duration,
    /// The whole exchange; none is unbounded, for streams.
    pub total: Option<Duration>,
}

/// TLS towards the endpoints. A server name is required: without one nothing would be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub server_name: Name,
    /// DER certificates of the authorities to trust, checked at load; empty is the system's.
    pub authorities: Vec<Vec<u8>>,
}

impl Upstream {
    #[must_use]
    pub fn new(
        name: Name,
        endpoints: Vec<Endpoint>,
        timeouts: Timeouts,
        tls: Option<Tls>,
        idle_timeout: Duration,
        cursor: Arc<Cursor>,
    ) -> Self {
        let weights: Vec<u32> = endpoints.iter().map(|endpoint| endpoint.weight).collect();
        Self { name, turns: turns(&weights), endpoints, timeouts, tls, idle_timeout, cursor }
    }

    /// The endpoint whose turn it is. `None` when no endpoint takes requests.
    #[must_use]
    pub fn pick(&self) -> Option<(usize, &Endpoint)> {
        let turn = match &*self.turns {
            // Where there is no choice, the cursor would only be a line of memory that all threads write to.
            [only] => only,
            turns => turns.get(self.cursor.turn().checked_rem(turns.len())?)?,
        };
        let endpoint = usize::try_from(*turn).ok()?;
        Some((endpoint, self.endpoints.get(endpoint)?))
    }
}

/// One round of smooth weighted round robin: each endpoint as often as its weight says, spread as evenly as can be.
fn turns(weights: &[u32]) -> Vec<u32> {
    let divisor = weights.iter().fold(0, |divisor, weight| greatest_common_divisor(divisor, *weight)).max(1);
    let weights: Vec<i64> = weights.iter().map(|weight| i64::from(weight.checked_div(divisor).unwrap_or(0))).collect();
    let total: i64 = weights.iter().fold(0, |total, weight| total.saturating_add(*weight));
    let rounds = usize::try_from(total).unwrap_or(0).min(TURNS_MAX);
    let mut credit = vec![0_i64; weights.len()];
    let mut order = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        for (credit, weight) in credit.iter_mut().zip(&weights) {
            *credit = credit.saturating_add(*weight);
        }
        // The first of the richest, so that the order is the same on every node.
        let richest = credit.iter().enumerate().max_by_key(|(index, credit)| (**credit, std::cmp::Reverse(*index)));
        let Some((index, _)) = richest else { break };
        if let Some(credit) = credit.get_mut(index) {
            *credit = credit.saturating_sub(total);
        }
        order.extend(u32::try_from(index));
    }
    order
}

const fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while let Some(rest) = a.checked_rem(b) {
        a = b;
        b = rest;
    }
    a
}

#[cfg(test)]
mod tests {
    use super::turns;

    #[test]
    fn turns_follow_the_weights_and_are_spread() {
        let check = |weights: &[u32], expected: &[u32]| assert_eq!(turns(weights), expected, "{weights:?}");
        check(&[], &[]);
        check(&[0, 0], &[]);
        check(&[1], &[0]);
        check(&[1, 1, 1], &[0, 1, 2]);
        check(&[5, 1, 1], &[0, 0, 1, 0, 2, 0, 0]);
        check(&[200, 100], &[0, 1, 0]);
        check(&[1, 0], &[0]);
    }
}
