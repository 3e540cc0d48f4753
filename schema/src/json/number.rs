//! JSON numbers as Java keeps them: exact decimals, printed like `BigDecimal.toString`.
//!
//! Never floating point where identity is at stake; and never arithmetic whose cost grows with an exponent.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use num_bigint::BigUint;

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

/// A number by its value: equal values are equal, however they are written. No step depends on the size of an exponent.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: Box<str>,
    /// The power of ten of the last digit.
    power: i64,
}

impl Decimal {
    /// The value of a number that [`java_text`] let through; anything else counts as zero.
    pub(super) fn of(text: &str) -> Self {
        let (negative, digits, power) = significant(text).unwrap_or_default();
        Self { negative, digits: digits.into(), power }
    }

    /// Is the value a whole number? `1.0` and `1e3` are.
    pub(super) fn is_whole(&self) -> bool {
        self.power >= 0
    }

    fn compare_magnitudes(&self, other: &Self) -> Ordering {
        // The power of ten of the first digit decides, then the digits themselves; zero has none and is least.
        let first = |decimal: &Self| {
            let length = i64::try_from(decimal.digits.len()).unwrap_or(i64::MAX);
            (length > 0).then(|| decimal.power.saturating_add(length))
        };
        first(self).cmp(&first(other)).then_with(|| self.digits.cmp(&other.digits))
    }
}

impl From<i32> for Decimal {
    fn from(value: i32) -> Self {
        Self::of(&value.to_string())
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitudes(other),
            (true, true) => other.compare_magnitudes(self),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}e{}", if self.negative { "-" } else { "" }, self.digits, self.power)
    }
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

/// Is `a` an integer multiple of `b`? Exact; digits are at most [`NUMBER_CHARACTERS_MAX`], and exponents cost nothing.
fn is_multiple(a: &str, b: &str) -> bool {
    let exact = || {
        let (_, a_digits, a_power) = significant(a)?;
        let (_, b_digits, b_power) = significant(b)?;
        if a_digits.is_empty() || b_digits.is_empty() {
            return Some(a_digits.is_empty() && !b_digits.is_empty());
        }
        let apart = a_power.abs_diff(b_power);
        if a_power < b_power {
            // The divisor grows by a digit with each power, and a divisor with more digits than the number is larger.
            if b_digits.len() as u64 + apart > a_digits.len() as u64 {
                return Some(false);
            }
            let zeros = "0".repeat(usize::try_from(apart).ok()?);
            let divisor: BigUint = format!("{b_digits}{zeros}").parse().ok()?;
            return Some(a_digits.parse::<BigUint>().ok()? % divisor == BigUint::ZERO);
        }
        // a · 10^k mod b, without ever writing 10^k down.
        let divisor: BigUint = b_digits.parse().ok()?;
        let scale = BigUint::from(10_u8).modpow(&BigUint::from(apart), &divisor);
        Some(a_digits.parse::<BigUint>().ok()? * scale % divisor == BigUint::ZERO)
    };
    exact().unwrap_or(false)
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
        let ones = "1".repeat(900);
        assert_eq!(compare_multiples(&ones, &format!("{ones}0")), MultipleOf::Expanded);
        assert_eq!(compare_multiples(&format!("{ones}1"), &ones), MultipleOf::Unrelated);
        assert_eq!(compare_multiples("1E+1000000000", "1E-1000000000"), MultipleOf::Reduced);
        assert_eq!(compare_multiples("9007199254740993", "18014398509481986"), MultipleOf::Expanded);
        assert_eq!(compare_multiples("9007199254740993", "18014398509481985"), MultipleOf::Unrelated);
    }

    #[test]
    fn values_are_compared_exactly_and_at_no_cost() {
        let ascending = [
            "-1E+1000000000",
            "-9007199254740993",
            "-9007199254740992",
            "-1.5",
            "-1E-1000000000",
            "0",
            "1E-1000000000",
            "0.1",
            "0.10000000000000000000000001",
            "1",
            "1.0000000000000000000000001",
            "2",
            "10",
            "4294967295",
            "9007199254740992",
            "9007199254740993",
            "1E+1000000000",
            "1.1E+1000000000",
        ];
        for (position, low) in ascending.iter().enumerate() {
            assert_eq!(Decimal::of(low), Decimal::of(low));
            for high in &ascending[position + 1..] {
                assert!(Decimal::of(low) < Decimal::of(high), "{low} < {high}");
                assert!(Decimal::of(high) > Decimal::of(low), "{high} > {low}");
            }
        }
        for (one, other) in [("1", "1.0"), ("1000", "1E+3"), ("0", "0.00"), ("100E-2", "1"), ("-0", "0")] {
            assert_eq!(Decimal::of(one), Decimal::of(other), "{one} = {other}");
            assert!(Decimal::of(one).is_whole());
        }
        assert!(!Decimal::of("1.5").is_whole());
        assert!(!Decimal::of("1E-1000000000").is_whole());
    }
}
