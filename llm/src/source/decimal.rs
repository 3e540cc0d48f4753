//! Decimals between the digits that people write and the two's complement that Avro keeps, never through a float.

/// The big-endian two's complement of a decimal with `scale` digits after the point, as short as it can be.
///
/// `None` for what is no decimal, or has more digits than `precision` and `scale` allow.
pub(super) fn unscaled(text: &str, precision: u64, scale: u64) -> Option<Vec<u8>> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || unsigned.ends_with('.') || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let scale = usize::try_from(scale).ok()?;
    // Zeros at the end say nothing.
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > scale {
        return None;
    }
    let digits = format!("{whole}{fraction}{}", "0".repeat(scale - fraction.len()));
    let significant = digits.trim_start_matches('0');
    if significant.len() as u64 > precision {
        return None;
    }
    let mut magnitude = Vec::new();
    for digit in significant.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in magnitude.iter_mut().rev() {
            let sum = u32::from(*byte) * 10 + carry;
            *byte = u8::try_from(sum & 0xFF).unwrap_or(0);
            carry = sum >> 8;
        }
        if carry > 0 {
            magnitude.insert(0, u8::try_from(carry).unwrap_or(0));
        }
    }
    // The highest bit is the sign.
    if magnitude.first().is_none_or(|first| first & 0x80 != 0) {
        magnitude.insert(0, 0);
    }
    Some(if negative { negate_magnitude(&magnitude) } else { magnitude })
}

fn negate_magnitude(magnitude: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = magnitude.iter().map(|byte| !byte).collect();
    for byte in bytes.iter_mut().rev() {
        let (sum, overflows) = byte.overflowing_add(1);
        *byte = sum;
        if !overflows {
            break;
        }
    }
    while let [0xFF, second, ..] = bytes.as_slice()
        && second & 0x80 != 0
    {
        bytes.remove(0);
    }
    bytes
}

/// The same number in `size` bytes; `None` if it needs more.
pub(super) fn extend_sign(bytes: Vec<u8>, size: usize) -> Option<Vec<u8>> {
    let missing = size.checked_sub(bytes.len())?;
    let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { 0xFF } else { 0 };
    let mut extended = vec![sign; missing];
    extended.extend(bytes);
    Some(extended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_become_the_shortest_twos_complement() {
        for (text, expected) in [
            ("0", Some(vec![0])),
            ("-0", Some(vec![0])),
            ("1.27", Some(vec![127])),
            ("1.28", Some(vec![0, 128])),
            ("-1.28", Some(vec![0x80])),
            ("-1.29", Some(vec![0xFF, 0x7F])),
            ("655.36", Some(vec![1, 0, 0])),
            ("1.500", Some(vec![0, 150])),
            ("1.501", None),
            ("10000", None),
            ("", None),
            ("1.", None),
            (".5", None),
            ("1e2", None),
            ("+1", None),
        ] {
            assert_eq!(unscaled(text, 6, 2), expected, "{text}");
        }
    }

    #[test]
    fn every_number_of_two_bytes_is_that_of_the_machine() {
        for number in i16::MIN..=i16::MAX {
            let bytes = unscaled(&number.to_string(), 5, 0).and_then(|bytes| extend_sign(bytes, 2));
            assert_eq!(bytes, Some(number.to_be_bytes().to_vec()), "{number}");
        }
        assert_eq!(extend_sign(vec![1, 0, 0], 2), None);
    }
}
