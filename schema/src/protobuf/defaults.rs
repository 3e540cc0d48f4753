//! Defaults and other numbers as protoc writes them into descriptors.

use super::ast::{Scalar, Value, integer};

/// The text of a default in a descriptor that protoc makes; `scalar` is none for enums.
pub(super) fn compiled(scalar: Option<Scalar>, default: &Value) -> String {
    let text = default.scalar().unwrap_or_default();
    match scalar {
        Some(Scalar::Bytes) => match default {
            Value::Bytes(bytes) => escaped(bytes),
            Value::Text(_) | Value::Number(_) | Value::Word(_) | Value::Map(_) | Value::List(_) => {
                escaped(text.as_bytes())
            }
        },
        None | Some(Scalar::String | Scalar::Bool) => text.to_owned(),
        Some(Scalar::Float) => match float(text) {
            Some(number) => {
                #[expect(clippy::cast_possible_truncation, reason = "protoc rounds to a float as well")]
                let number = number as f32;
                shortest(f64::from(number), &[6, 9], |text| text.parse::<f32>().is_ok_and(|read| read == number))
            }
            None => text.to_owned(),
        },
        Some(Scalar::Double) => match float(text) {
            Some(number) => shortest(number, &[15, 17], |text| text.parse::<f64>().is_ok_and(|read| read == number)),
            None => text.to_owned(),
        },
        Some(_) => integer(text).map_or_else(|| text.to_owned(), |number| number.to_string()),
    }
}

/// A floating-point number as protoc reads it: decimal, an integer in any base, `inf`, `nan`.
pub(super) fn float(text: &str) -> Option<f64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let sign = if negative { -1.0 } else { 1.0 };
    match digits.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let first = digits.bytes().next()?;
    if !first.is_ascii_digit() && first != b'.' {
        return None;
    }
    let based = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    #[expect(clippy::cast_precision_loss, reason = "a float has no more precision")]
    if let (true, Some(number)) = (based, integer(digits)) {
        return Some(sign * number as f64);
    }
    let decimal = digits.strip_suffix(['f', 'F']).unwrap_or(digits);
    decimal.parse::<f64>().ok().map(|number| sign * number)
}

/// C's `%g` with the first of `precisions` that reads back as the same number.
fn shortest(number: f64, precisions: &[usize], reads_back: impl Fn(&str) -> bool) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let mut text = String::new();
    for precision in precisions {
        text = general(number, *precision);
        if reads_back(&text) {
            break;
        }
    }
    text
}

/// C's `%.<precision>g`.
fn general(number: f64, precision: usize) -> String {
    let scientific = format!("{number:.*e}", precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let trimmed = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    match usize::try_from(exponent) {
        Ok(positive) if positive >= precision => format!("{}e+{exponent:02}", trimmed(mantissa)),
        Err(_) if exponent < -4 => format!("{}e-{:02}", trimmed(mantissa), exponent.unsigned_abs()),
        Ok(positive) => trimmed(&format!("{number:.*}", precision - 1 - positive)),
        Err(_) => trimmed(&format!("{number:.*}", precision - 1 + exponent.unsigned_abs() as usize)),
    }
}

/// C escapes, as descriptors hold the defaults of bytes.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'"' => text.push_str("\\\""),
            b'\'' => text.push_str("\\'"),
            b'\\' => text.push_str("\\\\"),
            0x20..=0x7e => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\{byte:03o}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_protoc_does() {
        let cases = [
            ("1e22", "1e+22"),
            ("-0.0", "-0"),
            ("0x10", "16"),
            ("010", "8"),
            ("0.1", "0.1"),
            ("1.5f", "1.5"),
            ("1e-7", "1e-07"),
            ("123456789.123", "123456789.123"),
            ("inf", "inf"),
            ("-inf", "-inf"),
            ("-nan", "nan"),
            (".5", "0.5"),
            ("0.00001234", "1.234e-05"),
        ];
        for (text, expected) in cases {
            assert_eq!(compiled(Some(Scalar::Double), &Value::Number(text.to_owned())), expected, "{text}");
        }
    }
}
