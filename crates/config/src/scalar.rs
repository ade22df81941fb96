//! Which type a plain scalar has: YAML 1.2's core schema, with doubt decided for text.
//!
//! `yes`, `on` and `010` are text: what a reader may take for two things is refused later, with a hint, where a number or a
//! boolean is wanted.

use crate::tree::Value;

/// Types a plain scalar.
#[must_use]
pub(crate) fn typed(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts_like_one = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let has_leading_zero = digits.starts_with('0') && digits.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    if !starts_like_one || has_leading_zero {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let unsigned = text.strip_prefix('+').unwrap_or(text);
        return match unsigned.parse::<i64>() {
            Ok(value) => Some(Value::Integer(value)),
            // Too large for any key: as a float it is out of range, as text it would be of the wrong type.
            Err(_) => unsigned.parse::<u64>().map(Value::Large).ok().or_else(|| float(unsigned)),
        };
    }
    let is_float = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if is_float && digits.bytes().any(|byte| byte.is_ascii_digit()) { float(text) } else { None }
}

fn float(text: &str) -> Option<Value> {
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Value::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_have_the_core_schemas_types() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (input, expected) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("true", Value::Bool(true)),
            ("False", Value::Bool(false)),
            ("0", Value::Integer(0)),
            ("-12", Value::Integer(-12)),
            ("+7", Value::Integer(7)),
            ("9223372036854775808", Value::Large(9_223_372_036_854_775_808)),
            ("18446744073709551616", Value::Float(18_446_744_073_709_551_616.0)),
            ("1.5", Value::Float(1.5)),
            ("1e3", Value::Float(1000.0)),
            (".5", Value::Float(0.5)),
            ("yes", text("yes")),
            ("010", text("010")),
            ("0x10", text("0x10")),
            ("1_000", text("1_000")),
            ("1.2.3", text("1.2.3")),
            ("2027-01-01", text("2027-01-01")),
            (".inf", text(".inf")),
            ("1e999", text("1e999")),
            (".", text(".")),
            ("-", text("-")),
            ("10.0.0.0/8", text("10.0.0.0/8")),
            ("5s", text("5s")),
        ] {
            assert_eq!(typed(input), expected, "{input}");
        }
    }
}
