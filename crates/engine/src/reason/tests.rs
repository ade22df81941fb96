use super::{Kind, Reason};
use std::collections::HashSet;

#[test]
fn codes_are_unique_and_found_by_name() {
    let kinds: HashSet<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
    let reasons: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(reasons.len(), Reason::ALL.len());
    assert!(Kind::ALL.iter().all(|kind| Kind::named(kind.code()) == Some(*kind)));
    assert!(Reason::ALL.iter().all(|reason| Reason::named(reason.code()) == Some(*reason)));
}

#[test]
fn a_reason_that_shares_a_kinds_name_belongs_to_it() {
    for reason in Reason::ALL {
        if let Some(kind) = Kind::named(reason.code()) {
            assert_eq!(reason.kind(), kind);
        }
    }
}
