//! One look over the bytes of a text, without recursion: blank, byte order mark, depth, and numbers that no machine number holds.
//! Where the text is no JSON, what this finds is of no account: the parser refuses it anyway.

use super::Fault;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Integers of so many digits fit 64 bits without a look.
const DIGITS_PLAIN: usize = 18;
/// A fraction without exponent has to be longer than this to leave a double's range.
const FRACTION_BYTES_PLAIN: usize = 300;

pub(super) fn survey(text: &[u8], depth_max: u32) -> Result<(), Fault> {
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(Fault::ByteOrderMark);
    }
    if text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
        return Err(Fault::Empty);
    }
    let mut depth: u32 = 0;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at = match byte {
            b'"' => behind_string(text, at.saturating_add(1)),
            b'[' | b'{' => {
                depth = depth.saturating_add(1);
                if depth > depth_max {
                    return Err(Fault::TooDeep { depth_max });
                }
                at.saturating_add(1)
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at.saturating_add(1)
            }
            b'-' | b'0'..=b'9' => {
                let end = behind_number(text, at);
                if !is_held(text.get(at..end).unwrap_or_default()) {
                    return Err(Fault::NumberOutOfRange { at });
                }
                end
            }
            _ => at.saturating_add(1),
        };
    }
    Ok(())
}

fn behind_string(text: &[u8], mut at: usize) -> usize {
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(found) = memchr::memchr2(b'"', b'\\', rest) else { return text.len() };
        let behind = at.saturating_add(found).saturating_add(1);
        if rest.get(found) == Some(&b'"') {
            return behind;
        }
        at = behind.saturating_add(1);
    }
}

fn behind_number(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    at.saturating_add(length.unwrap_or(rest.len()))
}

/// Whether the machine number is the number, up to the digits that a double cannot tell apart.
fn is_held(number: &[u8]) -> bool {
    let Ok(number) = std::str::from_utf8(number) else { return true };
    let is_whole = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_whole {
        let plain = number.len() <= DIGITS_PLAIN;
        // What is no number at all is left to the parser.
        let digits = number.strip_prefix('-').unwrap_or(number);
        let wild = digits.is_empty() || digits.contains('-');
        return plain || wild || number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    }
    let exponent = number.find(['e', 'E']);
    if exponent.is_none() && number.len() <= FRACTION_BYTES_PLAIN {
        return true;
    }
    let Ok(value) = number.parse::<f64>() else { return true };
    let mantissa = exponent.and_then(|end| number.get(..end)).unwrap_or(number);
    value.is_finite() && (value != 0.0 || !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9')))
}
