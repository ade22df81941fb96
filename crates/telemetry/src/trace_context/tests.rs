use super::*;
use proptest::prelude::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const RANDOM: [u8; 24] = [0xab; 24];

fn context(parents: &[&str], states: &[&str]) -> TraceContext {
    let parents = parents.iter().map(|value| value.as_bytes());
    let states = states.iter().map(|value| value.as_bytes());
    TraceContext::continue_or_start(parents, states, RANDOM)
}

#[test]
fn traceparent_is_read_strictly() {
    #[track_caller]
    fn check(what: &str, value: &str, expected: Option<bool>) {
        let parsed = TraceParent::parse(value.as_bytes());
        assert_eq!(parsed.map(|parent| parent.sampled), expected, "{what}: {value}");
    }
    check("sampled", VALID, Some(true));
    check("not sampled", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", Some(false));
    check("unknown flags beside sampled", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", Some(true));
    check("unknown flags alone", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe", Some(false));
    check("version 00 with more", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", None);
    check("version 00 with a dash", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", None);
    check("a later version, same form", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some(true));
    check("a later version with more", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what", Some(true));
    check("a later version, no dash", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what", None);
    check("version ff", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None);
    check("no trace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", None);
    check("no parent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None);
    check("upper case", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None);
    check("no hex", "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", None);
    check("version no hex", "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None);
    check("flags no hex", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x", None);
    check("short trace", "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-011", None);
    check("a dash for a digit", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902-7-01", None);
    check("cut off", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", None);
    check("white space", " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None);
    check("nothing", "", None);
}

#[test]
fn a_valid_trace_is_carried_on_under_a_new_parent() {
    let trace = context(&[VALID], &["rojo=00f067aa0ba902b7"]);
    assert_eq!(trace.header(), *b"00-4bf92f3577b34da6a3ce929d0e0e4736-abababababababab-01");
    assert_eq!(trace.trace_id().as_str(), TRACE);
    assert_eq!(trace.state(), Some("rojo=00f067aa0ba902b7"));
    assert_eq!(trace.origin(), Origin::Caller);
    assert!(trace.is_sampled());
}

#[test]
fn what_is_not_valid_starts_anew_without_state() {
    #[track_caller]
    fn check(what: &str, parents: &[&str]) {
        let trace = context(parents, &["rojo=1"]);
        assert_eq!(trace.header(), *b"00-abababababababababababababababab-abababababababab-00", "{what}");
        assert_eq!((trace.state(), trace.origin()), (None, Origin::Gateway), "{what}");
    }
    check("nothing sent", &[]);
    check("malformed", &["00-x"]);
    check("sent twice, equal", &[VALID, VALID]);
    check("sent twice, one malformed", &[VALID, ""]);
}

#[test]
fn zero_randomness_still_makes_valid_ids() {
    let trace = TraceContext::continue_or_start([], [], [0; 24]);
    assert_eq!(trace.header(), *b"00-00000000000000000000000000000001-0000000000000001-00");
}

#[test]
fn tracestate_is_carried_whole_or_not_at_all() {
    #[track_caller]
    fn check(what: &str, states: &[&str], expected: Option<&str>) {
        assert_eq!(context(&[VALID], states).state(), expected, "{what}");
    }
    let members = |count: usize| (0..count).map(|index| format!("k{index}=v")).collect::<Vec<_>>().join(",");
    check("none", &[], None);
    check("empty", &["", " , "], None);
    check("one", &["congo=t61rcWkgMzE"], Some("congo=t61rcWkgMzE"));
    check("several fields in order", &["b=1", "a=2, c=3\t"], Some("b=1,a=2,c=3"));
    check("empty members are left out", &["a=1,,b=2"], Some("a=1,b=2"));
    check("tenant", &["fw529a3039@dt=FfAA,0t@x=1"], Some("fw529a3039@dt=FfAA,0t@x=1"));
    check("a space within", &["a=1 2"], Some("a=1 2"));
    check("repeated key", &["a=1,a=2"], None);
    check("repeated key in another field", &["a=1", "a=2"], None);
    check("key begins with a digit", &["0a=1"], None);
    check("upper-case key", &["A=1"], None);
    check("system begins with a digit", &["a@0=1"], None);
    check("long system", &["a@abcdefghijklmno=1"], None);
    check("two at signs", &["a@b@c=1"], None);
    check("no value", &["a="], None);
    check("no equals sign", &["a"], None);
    check("two equals signs", &["a=b=c"], None);
    check("control byte", &["a=\u{1}"], None);
    check("no ASCII", &["a=é"], None);
    check("one bad spoils all", &["a=1,B=2"], None);
    check("32 members", &[&members(32)], Some(&members(32)));
    check("33 members", &[&members(33)], None);
    let long = |value: usize| format!("a={},b={}", "v".repeat(254), "v".repeat(value));
    check("512 bytes", &[&long(253)], Some(&long(253)));
    check("513 bytes", &[&long(254)], None);
    check("a value of 257 bytes", &[&format!("a={}", "v".repeat(257))], None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_we_send_can_be_read(parents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..3), random: [u8; 24]) {
        let trace = TraceContext::continue_or_start(parents.iter().map(Vec::as_slice), [], random);
        let sent = TraceParent::parse(&trace.header());
        prop_assert!(sent.is_some_and(|sent| sent.trace_id == trace.trace_id && sent.parent_id == trace.parent_id));
    }

    #[test]
    fn a_changed_byte_is_refused_unless_it_is_a_digit(at in 0..TRACEPARENT_BYTES, byte: u8) {
        let mut changed = VALID.as_bytes().to_vec();
        changed[at] = byte;
        let legal = byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let dash = matches!(at, 2 | 35 | 52);
        let expected = if dash { byte == b'-' } else { legal };
        prop_assert_eq!(TraceParent::parse(&changed).is_some(), expected);
    }

    #[test]
    fn state_is_never_out_of_bounds(states in prop::collection::vec("[a-c@=, 0-9\\PC]{0,400}", 0..4)) {
        let trace = TraceContext::continue_or_start([VALID.as_bytes()], states.iter().map(String::as_bytes), RANDOM);
        if let Some(state) = trace.state() {
            prop_assert!(state.len() <= TRACESTATE_BYTES_MAX && state.split(',').count() <= TRACESTATE_MEMBERS_MAX);
            let again = TraceContext::continue_or_start([VALID.as_bytes()], [state.as_bytes()], RANDOM);
            prop_assert_eq!(again.state(), Some(state));
        }
    }
}
