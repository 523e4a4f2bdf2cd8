//! Days and times of day as people and cards write them, in the form that the desk wants (reference
//! 5.3): `YYYY-MM-DD`, `HH:MM:SS`, or both with a blank between.

/// A day: `2026-12-01`, or `1.12.2026` as much of Europe writes it. Where the month stands first in
/// one country and second in the next (`12/1/2026`), nobody can tell.
pub(super) fn date(text: &str) -> Option<String> {
    let text = text.trim();
    let (year, month, day) = if let Some((year, rest)) = text.split_once('-') {
        let (month, day) = rest.split_once('-')?;
        (year, month, day)
    } else {
        let (day, rest) = text.split_once('.')?;
        let (month, year) = rest.split_once('.')?;
        (year, month, day)
    };
    let (year, month, day) = (number(year, 4, 4)?, number(month, 1, 2)?, number(day, 1, 2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap),
        _ => return None,
    };
    (year > 0 && (1..=days).contains(&day)).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// A time of day: `14:30`, `14:30:05`, `2:30 pm`.
pub(super) fn time(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let (clock, afternoon) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(clock), _) => (clock.trim_end(), Some(false)),
        (_, Some(clock)) => (clock.trim_end(), Some(true)),
        (None, None) => (text.as_str(), None),
    };
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 1, 2)?;
    let minute = number(parts.next()?, 2, 2)?;
    let second = parts.next().map_or(Some(0), |second| number(second, 2, 2))?;
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    let exists = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    exists.then(|| format!("{hour:02}:{minute:02}:{second:02}"))
}

/// Both, with `T`, a comma or blanks between. A day alone begins at midnight.
pub(super) fn date_time(text: &str) -> Option<String> {
    let text = text.trim();
    let at = text.find(|c: char| c == 'T' || c == 't' || c == ',' || c.is_whitespace());
    let Some(at) = at else { return date(text).map(|day| format!("{day} 00:00:00")) };
    let (day, clock) = text.split_at(at);
    let clock = clock.trim_start_matches(|c: char| "Tt,".contains(c) || c.is_whitespace());
    Some(format!("{} {}", date(day)?, time(clock)?))
}

/// A number of so many digits, and nothing else.
fn number(text: &str, digits_min: usize, digits_max: usize) -> Option<u32> {
    let fits = (digits_min..=digits_max).contains(&text.len());
    (fits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_in_iso_or_in_the_european_order_and_must_exist() {
        for (text, expected) in [
            ("2026-12-01", "2026-12-01"),
            (" 2026-2-3 ", "2026-02-03"),
            ("1.12.2026", "2026-12-01"),
            ("29.2.2028", "2028-02-29"),
            ("2000-02-29", "2000-02-29"),
        ] {
            assert_eq!(date(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "2026-04-31",
            "12/1/2026",
            "26-12-01",
            "2026-12-01x",
            "2026-12",
            "0000-01-01",
            "+026-01-01",
            "1.12.",
            "tomorrow",
            "2026-12-01 14:30",
            "２０２６-12-01",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_has_minutes_and_must_exist() {
        for (text, expected) in [
            ("14:30", "14:30:00"),
            ("9:05", "09:05:00"),
            ("23:59:59", "23:59:59"),
            ("2:30 pm", "14:30:00"),
            ("12:00 AM", "00:00:00"),
            ("12:15pm", "12:15:00"),
        ] {
            assert_eq!(time(text).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["", "14", "24:00", "14:60", "14:3", "14:30:60", "13:00 pm", "0:10 am", "1:2:3:4"]
        {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn both_have_something_between_and_a_day_begins_at_midnight() {
        for text in ["2026-12-01 14:30", "2026-12-01T14:30:00", "1.12.2026, 2:30 pm"] {
            assert_eq!(date_time(text).as_deref(), Some("2026-12-01 14:30:00"), "{text}");
        }
        assert_eq!(date_time("2026-12-01").as_deref(), Some("2026-12-01 00:00:00"));
        for text in ["", "T", "14:30", "2026-12-01 25:00", "soon 14:30", "2026-12-01T"] {
            assert_eq!(date_time(text), None, "{text}");
        }
    }
}
