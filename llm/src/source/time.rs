//! Dates and times between the texts of RFC 3339 that models write and the counts that Avro keeps. No clock, no time zone
//! but the offset that stands in the text.

/// Days from 1970-01-01 of a date `2026-02-28` in the Gregorian calendar.
pub(super) fn days_of(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// Units of `1 / 10^digits` seconds since midnight of a time `12:30:00.25`. `None` if it says more digits than the unit has.
pub(super) fn time_of_day(text: &str, digits: u32) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.splitn(3, ':');
    let (hour, minute, second) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let unit = 10_i64.checked_pow(digits)?;
    let fraction = match fraction {
        None => 0,
        Some("") => return None,
        Some(fraction) => {
            let kept = fraction.trim_end_matches('0');
            let missing = digits.checked_sub(u32::try_from(kept.len()).ok()?)?;
            let value = if kept.is_empty() { 0 } else { number(kept, kept.len())? };
            value * 10_i64.checked_pow(missing)?
        }
    };
    Some((hour * 3_600 + minute * 60 + second) * unit + fraction)
}

/// Units since 1970-01-01T00:00:00 of a date and a time, without an offset.
pub(super) fn local_timestamp(text: &str, digits: u32) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let seconds = days_of(date)?.checked_mul(86_400)?;
    seconds.checked_mul(10_i64.checked_pow(digits)?)?.checked_add(time_of_day(time, digits)?)
}

/// The same of an instant, whose offset is `Z` or `+02:00`.
pub(super) fn timestamp_text(text: &str, digits: u32) -> Option<i64> {
    let unit = 10_i64.checked_pow(digits)?;
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return local_timestamp(local, digits);
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    local_timestamp(local, digits)?.checked_sub(sign * (hours * 3_600 + minutes * 60) * unit)
}

fn number(text: &str, length: usize) -> Option<i64> {
    let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_from_1970() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-02-29", Some(11_016)),
            ("2026-12-01", Some(20_788)),
            ("0001-01-01", Some(-719_162)),
            ("9999-12-31", Some(2_932_896)),
            ("2023-02-29", None),
            ("1900-02-29", None),
            ("2026-13-01", None),
            ("2026-1-1", None),
            ("+026-01-01", None),
            ("2026-01-01x", None),
        ] {
            assert_eq!(days_of(text), expected, "{text}");
        }
    }

    #[test]
    fn instants_are_counted_in_units() {
        for (text, digits, expected) in [
            ("1970-01-01T00:00:01Z", 3, Some(1_000)),
            ("1970-01-01T02:00:00.5+02:00", 3, Some(500)),
            ("1969-12-31T23:59:59.999999Z", 6, Some(-1)),
            ("1970-01-01T00:00:00.0010Z", 3, Some(1)),
            ("1970-01-01T00:00:00.0001Z", 3, None),
            ("1970-01-01T00:00:00", 3, None),
            ("1970-01-01T24:00:00Z", 3, None),
            ("1970-01-01T00:00:60Z", 3, None),
            ("9999-12-31T00:00:00Z", 9, None),
            ("é1970-01-01T00:00:00+é1:00", 3, None),
        ] {
            assert_eq!(timestamp_text(text, digits), expected, "{text}");
        }
        assert_eq!(time_of_day("23:59:59.25", 6), Some(86_399_250_000));
        assert_eq!(local_timestamp("1970-01-02T00:00:00", 3), Some(86_400_000));
    }
}
