//! JSON numbers as Java keeps them: exact decimals, printed like `BigDecimal.toString`.
//!
//! Never floating point where identity is at stake; and never arithmetic whose cost grows with an exponent.

use std::borrow::Cow;

/// Longest number text; Jackson has the same limit.
const NUMBER_CHARACTERS_MAX: usize = 1_000;
/// Largest exponent, up or down. Java's own limit is that of a 32-bit scale.
const EXPONENT_MAX: i64 = 2_000_000_000;

/// The text that Jackson prints for a valid JSON number, or `None` where Java's number types cannot hold it.
pub(super) fn java_text(text: &str, is_decimal: bool) -> Option<Cow<'_, str>> {
    if text.len() > NUMBER_CHARACTERS_MAX {
        return None;
    }
    if !is_decimal {
        return Some(if text == "-0" { Cow::Borrowed("0") } else { Cow::Borrowed(text) });
    }
    // The common decimal, `-12.50`, prints as it is. Small fractions, zeros and exponents need BigDecimal's rules.
    let has_exponent = text.bytes().any(|byte| byte.eq_ignore_ascii_case(&b'e'));
    let unsigned = text.trim_start_matches('-');
    if !has_exponent && !unsigned.starts_with("0.") {
        return Some(Cow::Borrowed(text));
    }
    let parts = Parts::of(text)?;
    Some(Cow::Owned(parts.to_java()))
}

/// A decimal as sign, digits without leading zeros, and scale (digits after the point; may be negative).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    negative: bool,
    digits: String,
    scale: i64,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], unsigned[at + 1..].parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if scale.abs() > EXPONENT_MAX {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let trimmed = all.trim_start_matches('0');
        let digits = if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() };
        // Java's decimals have no negative zero.
        Some(Self { negative: negative && digits != "0", digits, scale })
    }

    /// `BigDecimal.toString`: plain if the scale is not negative and the adjusted exponent at least -6.
    fn to_java(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let length = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        let adjusted = length - 1 - self.scale;
        if self.scale == 0 {
            return format!("{sign}{}", self.digits);
        }
        if self.scale > 0 && adjusted >= -6 {
            let scale = usize::try_from(self.scale).unwrap_or(0);
            let padded = if self.digits.len() <= scale {
                format!("{}{}", "0".repeat(scale + 1 - self.digits.len()), self.digits)
            } else {
                self.digits.clone()
            };
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            return format!("{sign}{whole}.{fraction}");
        }
        let (first, rest) = self.digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let plus = if adjusted > 0 { "+" } else { "" };
        if adjusted == 0 {
            return format!("{sign}{first}{point}{rest}");
        }
        format!("{sign}{first}{point}{rest}E{plus}{adjusted}")
    }
}

/// Is the number written as an integer (no point, no exponent)?
pub(super) fn is_integer(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
}

/// The value as Java's `doubleValue`.
pub(super) fn to_f64(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}

/// Is the value zero?
pub(super) fn is_zero(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or("");
    mantissa.bytes().all(|byte| !byte.is_ascii_digit() || byte == b'0')
}

/// How two values of `multipleOf` stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MultipleOf {
    Equal,
    /// The new value is a multiple of the old one.
    Expanded,
    /// The old value is a multiple of the new one.
    Reduced,
    Unrelated,
}

/// Compares two values of `multipleOf` as exact decimals.
pub(super) fn compare_multiples(old: &str, new: &str) -> MultipleOf {
    if same_value(old, new) {
        MultipleOf::Equal
    } else if is_multiple(new, old) {
        MultipleOf::Expanded
    } else if is_multiple(old, new) {
        MultipleOf::Reduced
    } else {
        MultipleOf::Unrelated
    }
}

/// Digits without trailing zeros, and the power of ten that belongs to them.
fn significant(text: &str) -> Option<(bool, String, i64)> {
    let parts = Parts::of(text)?;
    let trimmed = parts.digits.trim_end_matches('0');
    if trimmed.is_empty() {
        return Some((false, String::new(), 0));
    }
    let dropped = i64::try_from(parts.digits.len() - trimmed.len()).ok()?;
    Some((parts.negative, trimmed.to_owned(), dropped - parts.scale))
}

fn same_value(a: &str, b: &str) -> bool {
    significant(a) == significant(b)
}

/// Is `a` an integer multiple of `b`? Exact up to 18 significant digits, by double beyond.
fn is_multiple(a: &str, b: &str) -> bool {
    let exact = || {
        let (_, a_digits, a_power) = significant(a)?;
        let (_, b_digits, b_power) = significant(b)?;
        if a_digits.is_empty() || b_digits.is_empty() {
            return Some(a_digits.is_empty() && !b_digits.is_empty());
        }
        let mut a: u128 = a_digits.parse::<u64>().ok()?.into();
        let mut b: u128 = b_digits.parse::<u64>().ok()?.into();
        if a_power >= b_power {
            // a · 10^k mod b, without ever writing 10^k down.
            let mut base = 10 % b;
            let mut exponent = a_power.abs_diff(b_power);
            a %= b;
            while exponent > 0 {
                if exponent & 1 == 1 {
                    a = a * base % b;
                }
                base = base * base % b;
                exponent >>= 1;
            }
            return Some(a == 0);
        }
        for _ in 0..a_power.abs_diff(b_power).min(20) {
            b *= 10;
            if b > a {
                return Some(false);
            }
        }
        Some(a.is_multiple_of(b))
    };
    exact().unwrap_or_else(|| to_f64(a) % to_f64(b) == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_print_as_java_prints_them() {
        let cases = [
            ("1.0", "1.0"),
            ("1e5", "1E+5"),
            ("1.50E-9", "1.50E-9"),
            ("-0.0", "0.0"),
            ("0e3", "0E+3"),
            ("100E-2", "1.00"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1E-7"),
            ("123.456e3", "123456"),
            ("12.5e1", "125"),
            ("1.5e3", "1.5E+3"),
        ];
        for (text, expected) in cases {
            assert_eq!(java_text(text, true).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(java_text("1e99999999999", true), None);
    }

    #[test]
    fn multiples_are_exact_decimals() {
        assert_eq!(compare_multiples("0.5", "0.25"), MultipleOf::Reduced);
        assert_eq!(compare_multiples("0.1", "0.3"), MultipleOf::Expanded);
        assert_eq!(compare_multiples("2", "2.0"), MultipleOf::Equal);
        assert_eq!(compare_multiples("3", "2"), MultipleOf::Unrelated);
        assert_eq!(compare_multiples("3", "1E+900000000"), MultipleOf::Unrelated);
        assert_eq!(compare_multiples("2", "1E+900000000"), MultipleOf::Expanded);
    }
}
