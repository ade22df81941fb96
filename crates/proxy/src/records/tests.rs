use super::*;

fn record(path: &str, reason: Option<Reason>, would_deny: &[Reason], habit: Option<Habit>) -> Record {
    Record {
        unix_ms: 0,
        request_id: RequestId::new(0, 0),
        client: None,
        method: cut("GET"),
        host: cut("a.example"),
        path: cut(path),
        route: None,
        consumer: None,
        plan: None,
        status: 429,
        denied: reason.map(|reason| Denied { reason, policy: None, facts: None, retry_after: None }),
        would_deny: would_deny.iter().map(|reason| (*reason, None)).collect(),
        without_store: false,
        retry: habit.map(|habit| Retried { habit, tries: 2, lasting: Duration::ZERO }),
        upstream: None,
        endpoint: None,
        attempts: 0,
        upstream_status: None,
        duration: Duration::ZERO,
        revision: Name::from("r"),
    }
}

fn count(records: &Records, path: &str) -> usize {
    records.between(0, records.last()).iter().filter(|record| &*record.what.path == path).count()
}

#[test]
fn no_flood_pushes_out_what_is_rare() {
    const RARE: [Reason; 3] = [Reason::QuotaExceeded, Reason::KeyRevoked, Reason::TotalTimeout];
    let records = Records::default();
    for reason in RARE {
        records.put(record("/rare", Some(reason), &[], None));
        records.put(record("/watched", None, &[reason], None));
    }
    records.put(record("/backs/off", Some(Reason::QuotaExceeded), &[], Some(Habit::BackingOff)));
    for _ in 0..10_000 {
        records.put(record("/flood", Some(Reason::KeyUnknown), &[], None));
        records.put(record("/watched/flood", None, &[Reason::KeyUnknown], None));
        records.put(record("/loops", Some(Reason::QuotaExceeded), &[], Some(Habit::Looping)));
    }
    let found =
        ["/rare", "/watched", "/backs/off", "/flood", "/watched/flood", "/loops"].map(|path| count(&records, path));
    // The newest of a flood are in its reserve as well, and are one record all the same.
    assert_eq!(found, [3, 3, 1, DENIED_MAX, WOULD_DENY_MAX, LOOPING_MAX]);
}

#[test]
fn of_one_reason_the_reserve_and_what_else_there_is_room_for_are_kept() {
    let records = Records::default();
    for _ in 0..100 {
        records.put(record("/quota", Some(Reason::QuotaExceeded), &[], None));
    }
    assert_eq!(count(&records, "/quota"), 100);
    for _ in 0..DENIED_MAX {
        records.put(record("/flood", Some(Reason::KeyUnknown), &[], None));
    }
    assert_eq!(count(&records, "/quota"), RESERVE);
}

#[test]
fn each_reason_has_a_reserve_of_its_own() {
    let records = Records::default();
    for reason in Reason::ALL {
        records.put(record("/", Some(*reason), &[], None));
        records.put(record("/", None, &[*reason], None));
    }
    for _ in 0..DENIED_MAX {
        records.put(record("/flood", Some(Reason::KeyUnknown), &[], None));
        records.put(record("/flood", None, &[Reason::KeyUnknown], None));
    }
    assert_eq!(count(&records, "/"), 2 * (Reason::ALL.len() - 1));
}

#[test]
fn what_a_client_chose_is_cut_at_a_characters_end() {
    let kept = |text: &str| record(text, None, &[], None).path.len();
    assert_eq!(kept("/short"), 6);
    assert_eq!(kept(&"/".repeat(1_000)), TEXT_BYTES_MAX);
    assert_eq!(kept(&"€".repeat(1_000)), TEXT_BYTES_MAX - 1);
}
