//! The count of a body's bytes as they arrive.

use engine::names::PolicyId;
use engine::policy::payload::{Allowance, Payload, TypeMissing};
use engine::reason::Reason;
use engine::trail::Mode;

/// Two bytes for the mode and the kind of bound, eight for the bound, then four for each piece that arrives; a piece of `u32::MAX`
/// bytes is a new try. Held against a sum in 128 bits: refused exactly when the bound is passed, and only if enforced.
pub fn body_guard(data: &[u8]) {
    let Some(([mode, bounded], data)) = data.split_first_chunk() else { return };
    let Some((max, data)) = data.split_first_chunk() else { return };
    let mode = match mode % 3 {
        0 => Mode::Enforce,
        1 => Mode::DryRun,
        _ => Mode::Off,
    };
    let bytes_max = match bounded % 4 {
        0 => None,
        1 => Some(u64::from_le_bytes(*max)),
        // Near what the pieces can reach.
        2 => Some(u64::from_le_bytes(*max) >> 32),
        _ => Some(u64::from_le_bytes(*max) >> 48),
    };
    let policy = PolicyId(7);
    let type_missing = TypeMissing::Refuse;
    let payload = Payload { policy, bytes_max, content_types: Vec::new(), type_missing, require_length: false, mode };
    let mut allowance = payload.allowance();
    let mut unbounded = Allowance::unbounded();
    let bound = bytes_max.filter(|_| mode == Mode::Enforce).map(u128::from);
    let mut sum = 0_u128;
    for piece in data.chunks_exact(4) {
        let size = u32::from_le_bytes(piece.try_into().expect("four bytes"));
        if size == u32::MAX {
            allowance.reset();
            sum = 0;
            continue;
        }
        let arrived = usize::try_from(size).expect("a machine of 32 bits or more");
        assert_eq!(unbounded.spend(arrived), Ok(()));
        let after = sum + u128::from(size);
        match allowance.spend(arrived) {
            Ok(()) => {
                assert!(bound.is_none_or(|bound| after <= bound), "{after} bytes of {bound:?}");
                sum = after;
            }
            // A refused piece is not counted.
            Err(denial) => {
                assert!(bound.is_some_and(|bound| after > bound), "{after} bytes of {bound:?} are refused");
                assert_eq!((denial.reason, denial.policy), (Reason::BodyTooLarge, Some(policy)));
            }
        }
    }
}
