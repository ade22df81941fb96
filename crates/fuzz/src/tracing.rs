//! The trace that a request belongs to.

use regex::bytes::Regex;
use std::sync::LazyLock;
use telemetry::trace_context::{Origin, TRACESTATE_BYTES_MAX, TRACESTATE_MEMBERS_MAX, TraceContext, TraceParent};

/// W3C Trace Context, 3.2: version, trace, parent, flags and, above version 00, more behind a dash.
static TRACEPARENT: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"\A([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})((?s-u:-.*)?)\z";
    Regex::new(text).expect("a regex")
});

/// 24 bytes of chance, then lines: the first byte is `p` (traceparent) or `s` (tracestate), the rest the value. The caller's trace
/// is carried on if and only if its header is valid, and what is sent on is always valid.
pub fn traceparent(data: &[u8]) {
    let Some((random, rest)) = data.split_first_chunk::<24>() else { return };
    let lines: Vec<(u8, &[u8])> =
        rest.split(|byte| *byte == b'\n').filter_map(<[u8]>::split_first).map(|(kind, value)| (*kind, value)).collect();
    let of = |kind: u8| lines.iter().filter(move |line| line.0 == kind).map(|line| line.1);
    let context = TraceContext::continue_or_start(of(b'p'), of(b's'), *random);
    let expected = match of(b'p').collect::<Vec<_>>().as_slice() {
        [only] => reference(only),
        _ => None,
    };
    let header = context.header();
    let sent = TraceParent::parse(&header).expect("a valid header");
    assert!(header.starts_with(b"00-"));
    assert_eq!(sent.sampled, context.is_sampled());
    assert_eq!(&header[3..35], context.trace_id().as_str().as_bytes());
    match (expected, context.origin()) {
        (Some((trace_id, sampled)), Origin::Caller) => {
            assert_eq!((&header[3..35], sent.sampled), (trace_id, sampled));
        }
        (None, Origin::Gateway) => assert!(context.state().is_none() && !sent.sampled),
        (expected, origin) => panic!("{expected:?}, but {origin:?}"),
    }
    if let Some(state) = context.state() {
        check_state(state, *random);
    }
}

/// The trace ID and whether it is sampled.
fn reference(value: &[u8]) -> Option<(&[u8], bool)> {
    let found = TRACEPARENT.captures(value)?;
    let part = |index: usize| found.get(index).map_or(&[][..], |part| part.as_bytes());
    let (version, trace_id, parent_id, flags) = (part(1), part(2), part(3), part(4));
    let known = match version {
        b"ff" => false,
        b"00" => part(5).is_empty(),
        _ => true,
    };
    let zero = |id: &[u8]| id.iter().all(|digit| *digit == b'0');
    let odd = matches!(flags.last(), Some(b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f'));
    (known && !zero(trace_id) && !zero(parent_id)).then_some((trace_id, odd))
}

fn check_state(state: &str, random: [u8; 24]) {
    assert!(!state.is_empty() && state.len() <= TRACESTATE_BYTES_MAX);
    assert!(state.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{state:?}");
    let mut keys: Vec<&str> = state.split(',').filter_map(|member| Some(member.split_once('=')?.0)).collect();
    assert_eq!(keys.len(), state.split(',').count(), "{state:?}");
    assert!(keys.len() <= TRACESTATE_MEMBERS_MAX);
    keys.sort_unstable();
    assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "{state:?}");
    let parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".as_slice();
    let again = TraceContext::continue_or_start([parent], [state.as_bytes()], random);
    assert_eq!(again.state(), Some(state), "the next gateway drops it");
}
