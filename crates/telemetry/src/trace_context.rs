//! W3C Trace Context, level 1: which trace a request belongs to. Reads strictly and starts anew where the caller's word cannot be
//! relied on. Knows neither spans nor exporters.

use crate::text::{self, Text};

/// The length of `traceparent` in version 00, in bytes.
const TRACEPARENT_BYTES: usize = 55;
/// Longer vendor state is dropped as a whole.
pub const TRACESTATE_BYTES_MAX: usize = 512;
/// More vendor state is dropped as a whole.
pub const TRACESTATE_MEMBERS_MAX: usize = 32;

const SAMPLED: u8 = 0b1;

/// The trace that a request is part of, with the gateway as the parent of what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    parent_id: [u8; 8],
    flags: u8,
    origin: Origin,
    state: Option<Box<str>>,
}

/// Who began the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The caller, by a valid `traceparent`.
    Caller,
    /// The gateway: nothing valid was sent.
    Gateway,
}

/// What a valid `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    pub trace_id: [u8; 16],
    pub parent_id: [u8; 8],
    pub sampled: bool,
}

impl TraceContext {
    /// Carries on the caller's trace under a new parent ID, or begins one, not sampled, without the caller's state. `traceparent` and
    /// `tracestate` are the values of all fields of that name; 16 bytes of `random` are for the trace, 8 for the parent.
    #[must_use]
    pub fn continue_or_start<'a, 'b>(
        traceparent: impl IntoIterator<Item = &'a [u8]>,
        tracestate: impl IntoIterator<Item = &'b [u8]>,
        random: [u8; 24],
    ) -> Self {
        let parent_id = nonzero(random.last_chunk().copied().unwrap_or_default());
        if let Some(parent) = the_only(traceparent).and_then(TraceParent::parse) {
            return Self {
                trace_id: parent.trace_id,
                parent_id,
                flags: if parent.sampled { SAMPLED } else { 0 },
                origin: Origin::Caller,
                state: join_state(tracestate),
            };
        }
        let trace_id = nonzero(random.first_chunk().copied().unwrap_or_default());
        Self { trace_id, parent_id, flags: 0, origin: Origin::Gateway, state: None }
    }

    /// The `traceparent` to send on.
    #[must_use]
    pub fn header(&self) -> [u8; TRACEPARENT_BYTES] {
        let mut out = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let (_, rest) = out.split_at_mut(3);
        text::hex(&self.trace_id, rest);
        let (_, rest) = rest.split_at_mut(33);
        text::hex(&self.parent_id, rest);
        let (_, rest) = rest.split_at_mut(17);
        text::hex(&[self.flags], rest);
        out
    }

    /// The `tracestate` to send on, if any.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// 32 lower-case hex digits, as logs and tracing backends have it.
    #[must_use]
    pub fn trace_id(&self) -> Text<32> {
        let mut digits = [0; 32];
        text::hex(&self.trace_id, &mut digits);
        Text::own(&digits)
    }

    /// Whether the caller may have recorded its part of the trace.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }
}

impl TraceParent {
    /// Section 3.2 of the recommendation. A version above 00 is read by its first four fields, and only if more follows after a dash.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (version, rest) = field::<1>(value)?;
        let (trace_id, rest) = field::<16>(rest.strip_prefix(b"-")?)?;
        let (parent_id, rest) = field::<8>(rest.strip_prefix(b"-")?)?;
        let (flags, rest) = field::<1>(rest.strip_prefix(b"-")?)?;
        let length_fits = match version {
            [0x00] => rest.is_empty(),
            [0xff] => false,
            [_] => matches!(rest, [] | [b'-', ..]),
        };
        let valid = length_fits && trace_id != [0; 16] && parent_id != [0; 8];
        valid.then_some(Self { trace_id, parent_id, sampled: flags[0] & SAMPLED != 0 })
    }
}

/// A field that may stand once only: with two, nobody knows which one the caller's own tracing meant.
fn the_only<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let mut values = values.into_iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// The next `2 * N` bytes as lower-case hex digits, and what follows them.
fn field<const N: usize>(value: &[u8]) -> Option<([u8; N], &[u8])> {
    // Anything from 16 up is no digit; looked at once, behind the loop.
    const fn nibble(digit: u8) -> u8 {
        match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => 0xff,
        }
    }
    let (digits, rest) = value.split_at_checked(2 * N)?;
    let mut out = [0; N];
    let mut seen = 0;
    for (slot, pair) in out.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = *pair;
        let (high, low) = (nibble(high), nibble(low));
        seen |= high | low;
        *slot = high << 4 | low & 0xf;
    }
    (seen < 16).then_some((out, rest))
}

/// All-zero IDs mean "none" on the wire.
fn nonzero<const N: usize>(mut id: [u8; N]) -> [u8; N] {
    if id == [0; N]
        && let Some(last) = id.last_mut()
    {
        *last = 1;
    }
    id
}

/// Section 3.3: the members of all fields in their order; none at all if one of them is malformed, repeated or too much.
fn join_state<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Box<str>> {
    let mut joined = String::new();
    let mut members = 0;
    for member in values.into_iter().flat_map(|value| value.split(|byte| *byte == b',')) {
        let member = trim(member);
        if member.is_empty() {
            continue;
        }
        let (key, member) = state_member(member)?;
        let repeated = joined.split(',').any(|known| known.split_once('=').is_some_and(|(known, _)| known == key));
        members += 1;
        if repeated || members > TRACESTATE_MEMBERS_MAX {
            return None;
        }
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(member);
        if joined.len() > TRACESTATE_BYTES_MAX {
            return None;
        }
    }
    (!joined.is_empty()).then(|| joined.into_boxed_str())
}

/// The key and the whole of `key=value`.
fn state_member(member: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(member).ok()?;
    let (key, value) = text.split_once('=')?;
    (is_state_key(key.as_bytes()) && is_state_value(value.as_bytes())).then_some((key, text))
}

fn is_state_key(key: &[u8]) -> bool {
    fn part(part: &[u8], length_max: usize, digit_first: bool) -> bool {
        let first = part.first().is_some_and(|b| b.is_ascii_lowercase() || digit_first && b.is_ascii_digit());
        let rest = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'*' | b'/');
        first && part.len() <= length_max && part.iter().all(rest)
    }
    match key.iter().position(|byte| *byte == b'@') {
        None => part(key, 256, false),
        Some(at) => {
            let (tenant, system) = key.split_at(at);
            part(tenant, 241, true) && part(system.get(1..).unwrap_or_default(), 14, false)
        }
    }
}

fn is_state_value(value: &[u8]) -> bool {
    let printable = value.iter().all(|b| matches!(b, 0x20..=0x7e) && !matches!(b, b',' | b'='));
    printable && (1..=256).contains(&value.len()) && value.last() != Some(&b' ')
}

/// Without the optional white space of RFC 9110, 5.6.3.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests;
