//! The JSON texts of well-known types: timestamps, durations, field masks, base64, numbers.
//!
//! Each function says whether a text is one, by the Protobuf JSON specification.

use super::json_text::is_number;

/// Seconds that a duration may have either way: 10,000 years.
const DURATION_SECONDS_MAX: i64 = 315_576_000_000;
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z in seconds since the epoch.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// A text split at the first character that is no digit.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Takes `.` and one to nine digits, if there is a point.
fn skip_fraction(text: &str) -> Option<&str> {
    let Some(rest) = text.strip_prefix('.') else { return Some(text) };
    let (fraction, rest) = digits(rest);
    (1..=9).contains(&fraction.len()).then_some(rest)
}

/// `-1.5s`, within ±10,000 years.
pub(super) fn is_duration(text: &str) -> bool {
    let (seconds, rest) = digits(text.strip_prefix('-').unwrap_or(text));
    let in_range = seconds.parse::<i64>().is_ok_and(|seconds| seconds <= DURATION_SECONDS_MAX);
    in_range && skip_fraction(rest) == Some("s")
}

/// RFC 3339 with upper-case `T` and `Z`, years 1 to 9999.
pub(super) fn is_timestamp(text: &str) -> bool {
    timestamp_seconds(text).is_some_and(|seconds| TIMESTAMP_SECONDS.contains(&seconds))
}

/// A number of exactly `length` digits between `low` and `high`, and what follows it.
fn part(text: &str, length: usize, low: i64, high: i64) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(length)?;
    let value = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse::<i64>().ok())??;
    (low..=high).contains(&value).then_some((value, rest))
}

fn timestamp_seconds(text: &str) -> Option<i64> {
    let (year, rest) = part(text, 4, 0, 9999)?;
    let (month, rest) = part(rest.strip_prefix('-')?, 2, 1, 12)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let (day, rest) = part(rest.strip_prefix('-')?, 2, 1, days)?;
    let (hour, rest) = part(rest.strip_prefix('T')?, 2, 0, 23)?;
    let (minute, rest) = part(rest.strip_prefix(':')?, 2, 0, 59)?;
    let (second, rest) = part(rest.strip_prefix(':')?, 2, 0, 59)?;
    let rest = skip_fraction(rest)?;
    let offset = if rest == "Z" {
        0
    } else {
        let (sign, rest) = match rest.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, rest.strip_prefix('+')?),
        };
        let (hours, rest) = part(rest, 2, 0, 23)?;
        let (minutes, rest) = part(rest.strip_prefix(':')?, 2, 0, 59)?;
        if !rest.is_empty() {
            return None;
        }
        sign * (hours * 3600 + minutes * 60)
    };
    // Days since the epoch, counting years from March so that the leap day comes last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

/// Comma-separated paths in lower camel case.
pub(super) fn is_field_mask(text: &str) -> bool {
    text.is_empty()
        || text.split(',').all(|path| !path.is_empty() && !path.contains(|c: char| c == '_' || c.is_whitespace()))
}

/// Base64 in the standard or the URL alphabet, padded or not.
pub(super) fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let alphabet = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_'));
    let length = match body.len() % 4 {
        0 => padding == 0,
        1 => false,
        rest => padding == 0 || padding + rest == 4,
    };
    alphabet && length
}

/// The integer that a number's text stands for, if it is one: `100`, `1e2`, `100.0`.
pub(super) fn integer_text(text: &str) -> Option<i128> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(place) => (&text[..place], text[place + 1..].parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    // The value is `significant` times ten to the `scale`.
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let scale =
        exponent.checked_add(i64::try_from(trailing).ok()?)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    if !(0..=38).contains(&scale) {
        return None;
    }
    let value = significant.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(u32::try_from(scale).ok()?)?)?;
    Some(if negative { -value } else { value })
}

/// The finite number that a text stands for, in JSON's grammar.
pub(super) fn float_text(text: &str) -> Option<f64> {
    is_number(text).then(|| text.parse::<f64>().ok())?.filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_checked_to_the_second() {
        for good in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59.999999999Z",
            "0001-01-01T00:00:00Z",
            "1969-12-31T16:00:01-08:00",
        ] {
            assert!(is_timestamp(good), "{good}");
        }
        for bad in [
            "0001-01-01T00:00:00+00:01",
            "1900-02-29T00:00:00Z",
            "1970-01-01T00:00:00",
            "1970-01-01t00:00:00Z",
            "0000-12-31T00:00:00Z",
            "1970-01-01T24:00:00Z",
        ] {
            assert!(!is_timestamp(bad), "{bad}");
        }
        assert_eq!(timestamp_seconds("1970-01-01T00:00:01Z"), Some(1));
        assert_eq!(timestamp_seconds("9999-12-31T23:59:59Z"), Some(253_402_300_799));
    }

    #[test]
    fn integers_may_be_written_as_floats() {
        for (text, value) in [
            ("1e2", Some(100)),
            ("100.000", Some(100)),
            ("-2.147483648e9", Some(-2_147_483_648)),
            ("0.5", None),
            ("1e-1", None),
            ("0e999", Some(0)),
            ("", None),
            ("12abc", None),
        ] {
            assert_eq!(integer_text(text), value, "{text}");
        }
    }
}
