//! Which bytes may stand where, as one table with a bit for each place.

/// A byte of a token: methods, field names, connection options (RFC 9110, 5.6.2).
pub(super) const TOKEN: u8 = 1;
/// A byte of a field value: visible, space, tab or 0x80-0xFF (RFC 9110, 5.5).
pub(super) const VALUE: u8 = 2;
/// A byte of a request target: visible ASCII without those that RFC 3986 has no place for, `#` included.
pub(super) const TARGET: u8 = 4;
/// A byte of a registered name that a DNS name or a container name can have.
pub(super) const HOST: u8 = 8;

const fn class(byte: u8) -> u8 {
    let alphanumeric = byte.is_ascii_alphanumeric();
    let token_sign = matches!(
        byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    );
    let target_gap = matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
    let mut bits = 0;
    if alphanumeric || token_sign {
        bits |= TOKEN;
    }
    if byte == b'\t' || (byte >= 0x20 && byte != 0x7f) {
        bits |= VALUE;
    }
    if byte.is_ascii_graphic() && !target_gap {
        bits |= TARGET;
    }
    if alphanumeric || matches!(byte, b'-' | b'.' | b'_') {
        bits |= HOST;
    }
    bits
}

static CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte: u8 = 0;
    loop {
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time; a byte is always inside")]
        {
            table[byte as usize] = class(byte);
        }
        if byte == u8::MAX {
            break table;
        }
        byte = byte.saturating_add(1);
    }
};

pub(super) fn is(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|bits| bits & class != 0)
}

/// How many bytes from the start are of the class.
pub(super) fn run(bytes: &[u8], class: u8) -> usize {
    bytes.iter().position(|byte| !is(*byte, class)).unwrap_or(bytes.len())
}

/// How many bytes from the start may stand in a field's value. Looks at many bytes at once: values are most of a head.
pub(super) fn value_run(bytes: &[u8]) -> usize {
    const AT_ONCE: usize = 32;
    let fits = |byte: &u8| matches!(*byte, b'\t' | b' '..=b'~' | 0x80..);
    // Without an early end inside a chunk: so the compiler compares it whole.
    let whole = |chunk: &&[u8]| chunk.iter().fold(true, |all, byte| all & fits(byte));
    let certain = bytes.chunks_exact(AT_ONCE).take_while(whole).count().saturating_mul(AT_ONCE);
    let (words, _) = bytes.get(certain..).unwrap_or_default().as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).take_while(|word| !holds_control(*word)).count();
    let certain = certain.saturating_add(words.saturating_mul(size_of::<u64>()));
    // The last look is at each byte: a tab may stand here.
    certain.saturating_add(run(bytes.get(certain..).unwrap_or_default(), VALUE))
}

/// Whether one of eight bytes is below 0x20, or is 0x7f. A subtraction borrows where a byte is below another; what the borrow does to
/// the bytes above is of no account then.
const fn holds_control(word: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let deleted = word ^ (HIGH - ONES);
    let below_space = word.wrapping_sub(ONES << 5) & !word;
    (below_space | deleted.wrapping_sub(ONES) & !deleted) & HIGH != 0
}

/// Without the spaces and tabs around (RFC 9110, 5.6.3).
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::{VALUE, run, value_run};

    #[test]
    fn a_value_ends_at_the_same_byte_however_it_is_looked_for() {
        for byte in u8::MIN..=u8::MAX {
            for length in 0..100_usize {
                for at in [0, length / 2, length.saturating_sub(1)] {
                    let mut bytes = vec![b'a'; length];
                    if let Some(place) = bytes.get_mut(at) {
                        *place = byte;
                    }
                    assert_eq!(value_run(&bytes), run(&bytes, VALUE), "0x{byte:02X} at {at} of {length}");
                }
            }
        }
    }
}
