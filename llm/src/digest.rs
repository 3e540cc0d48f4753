//! The canonical text of a JSON value (RFC 8785) and its digest.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The text of RFC 8785: no white space, keys in the order of their UTF-16 units, numbers as ECMAScript prints them.
///
/// A whole number that no IEEE double holds keeps its digits, so that two integers never share a text.
pub fn canonical_text(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

/// `sha256:` and the hexadecimal digest of the canonical text.
pub fn digest(value: &Value) -> String {
    let digest = Sha256::digest(canonical_text(value));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Depth is bounded by the parser and by the limits of a projection.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
        Value::Number(number) => out.push_str(&number_text(&number.to_string())),
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (position, name) in names.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                write_canonical(&members[name], out);
            }
            out.push('}');
        }
    }
}

/// Digits without zeros at either end, and the power of ten of the first digit.
fn number_parts(text: &str) -> Option<(bool, String, i64)> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    let trimmed = digits.trim_matches('0').to_owned();
    let first = i64::try_from(whole.len()).ok()? - 1 - i64::try_from(zeros).ok()? + exponent;
    Some((negative, trimmed, first))
}

/// `Number.prototype.toString` of ECMAScript, on the digits of the double where it holds the value.
fn number_text(text: &str) -> String {
    let double = text.parse::<f64>().ok().filter(|double| double.is_finite());
    let shortest = double.map(|double| format!("{double:e}")).and_then(|text| number_parts(&text));
    let Some((negative, digits, first)) = number_parts(text) else { return text.to_owned() };
    // A whole number that a double rounds keeps its digits; a fraction is the double that it is read as.
    let exact = (negative, digits, first);
    let is_written_whole = !text.contains(['.', 'e', 'E']);
    let (negative, digits, first) = match shortest {
        Some(shortest) if !is_written_whole || shortest == exact => shortest,
        Some(_) | None => exact,
    };
    if digits.is_empty() {
        return "0".to_owned();
    }
    let sign = if negative { "-" } else { "" };
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    if (0..21).contains(&first) {
        if count <= first + 1 {
            return format!("{sign}{digits}{}", zeros(first + 1 - count));
        }
        let (whole, fraction) = digits.split_at(usize::try_from(first + 1).unwrap_or(0));
        return format!("{sign}{whole}.{fraction}");
    }
    if (-6..0).contains(&first) {
        return format!("{sign}0.{}{digits}", zeros(-first - 1));
    }
    let (leading, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let plus = if first > 0 { "+" } else { "" };
    format!("{sign}{leading}{point}{rest}e{plus}{first}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_the_standard() {
        // From RFC 8785, section 3.2.3 and appendix B, and ECMA 262's Number::toString.
        for (text, expected) in [
            (r#"{"b":1,"a":[true,null,"\u20ac\n"]}"#, "{\"a\":[true,null,\"\u{20ac}\\n\"],\"b\":1}"),
            ("{\"\u{fb33}\":1,\"\u{1f600}\":2,\"\\r\":3}", "{\"\\r\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}"),
            (
                "[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001]",
                "[333333333.3333333,1e+30,4.5,0.002,1e-27]",
            ),
            ("[0,-0,-0.0,1.0,100,1e21,123456789012345680000]", "[0,0,0,1,100,1e+21,123456789012345680000]"),
            ("[0.000001,0.0000001,-1.5e300,9007199254740993]", "[0.000001,1e-7,-1.5e+300,9007199254740993]"),
        ] {
            assert_eq!(canonical_text(&serde_json::from_str(text).unwrap()), expected);
        }
    }
}
