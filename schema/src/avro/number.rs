//! Numbers as Java reads and prints them: the canonical text of a schema holds them in that form.

/// Is the text that of a whole number (as [`super::json`] keeps it)?
pub(crate) fn is_whole(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Is it a number that JSON can say? `NaN` and the infinities are not.
pub(crate) fn is_finite(number: &str) -> bool {
    !number.ends_with(['N', 'y'])
}

/// `Double.toString`: plain between 10⁻³ and 10⁷, else with an exponent; at least one digit after the point.
pub(crate) fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    java_text(&format!("{value:e}"))
}

/// `Float.toString`, of the same shape but with the digits that a float needs.
pub(crate) fn float_text(value: f32) -> String {
    if !value.is_finite() {
        return double_text(f64::from(value));
    }
    java_text(&format!("{value:e}"))
}

/// Java's shape from Rust's scientific one (`-1.25e-7`), which already has the shortest digits.
fn java_text(scientific: &str) -> String {
    let (sign, unsigned) = match scientific.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", scientific),
    };
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|character| *character != '.').collect();
    if digits == "0" {
        return format!("{sign}0.0");
    }
    if !(-3..7).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let rest = if rest.is_empty() { "0" } else { rest };
        return format!("{sign}{first}.{rest}E{exponent}");
    }
    if exponent < 0 {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        return format!("{sign}0.{}{digits}", "0".repeat(zeros));
    }
    let point = usize::try_from(exponent + 1).unwrap_or(1);
    if digits.len() > point {
        format!("{sign}{}.{}", &digits[..point], &digits[point..])
    } else {
        format!("{sign}{digits}{}.0", "0".repeat(point - digits.len()))
    }
}

/// `Double.parseDouble`, without its hexadecimal form: white space around, a sign, `NaN`, `Infinity`, a trailing `f` or `d`.
pub(crate) fn parse_java_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|character: char| character <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let magnitude = match unsigned {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => {
            let digits = unsigned.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(unsigned);
            let plain = digits.starts_with(|character: char| character.is_ascii_digit() || character == '.')
                && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
            if !plain {
                return None;
            }
            digits.parse().ok()?
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_have_javas_shape() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (123.456, "123.456"),
            (-1.5e300, "-1.5E300"),
            (100.0, "100.0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_text(value), text);
        }
        assert_eq!(float_text(0.1), "0.1");
        assert_eq!(float_text(1.5e10), "1.5E10");
    }

    #[test]
    fn texts_are_read_as_java_reads_them() {
        assert_eq!(parse_java_double(" 1.5d "), Some(1.5));
        assert_eq!(parse_java_double("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(parse_java_double("NaN").is_some_and(f64::is_nan));
        for text in ["", "x", "inf", "nan", "1..5", "e5", "--1", "1 2"] {
            assert_eq!(parse_java_double(text), None, "{text}");
        }
    }
}
