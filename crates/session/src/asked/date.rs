//! Days and times of day as people and cards write them, in the form that the desk wants (reference
//! 5.3): `YYYY-MM-DD`, `HH:MM:SS`, or both with a blank between.

/// The longest text that may be a day or a time, in bytes: nobody writes a longer one.
const WRITTEN_BYTES_MAX: usize = 64;

/// Months by name, in the languages that users write; three letters are enough.
const MONTHS: [&[&str]; 12] = [
    &["january", "januar", "jänner"],
    &["february", "februar"],
    &["march", "märz", "maerz"],
    &["april"],
    &["may", "mai"],
    &["june", "juni"],
    &["july", "juli"],
    &["august"],
    &["september"],
    &["october", "oktober"],
    &["november"],
    &["december", "dezember"],
];

/// A day: `2026-12-01`, `2026/12/1`, `1.12.2026` as much of Europe writes it, `March 4, 2026`,
/// `4 March 2026`. With slashes the month stands first in one country and second in the next
/// (`12/1/2026`): taken only where no doubt is left (`12/31/2026`).
pub(super) fn date(text: &str) -> Option<String> {
    let text = written(text)?;
    if let Some([first, second, third]) = three(text.split('-')) {
        return day_of(first, second, third);
    }
    let european = three(text.split('.'));
    if let Some(day) = european.and_then(|[day, month, year]| day_of(year, month, day)) {
        return Some(day);
    }
    if let Some([first, second, third]) = three(text.split('/')) {
        if first.len() == 4 {
            return day_of(first, second, third);
        }
        let (by_day, by_month) = (day_of(third, second, first), day_of(third, first, second));
        return match (by_day, by_month) {
            (Some(one), Some(other)) => (one == other).then_some(one),
            (one, other) => one.or(other),
        };
    }
    in_words(text)
}

/// `March 4, 2026`, `4th of March 2026`, `4. März 2026`.
fn in_words(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    let [first, second, year] = three(words.filter(|word| !word.eq_ignore_ascii_case("of")))?;
    let (month, day) = match month(first) {
        Some(month) => (month, second),
        None => (month(second)?, first),
    };
    let digits = day.trim_end_matches('.').find(|c: char| !c.is_ascii_digit());
    let (day, behind) = digits.map_or((day.trim_end_matches('.'), ""), |at| day.split_at(at));
    let is_ordinal =
        ["", "st", "nd", "rd", "th"].iter().any(|end| behind.eq_ignore_ascii_case(end));
    is_ordinal.then(|| day_of(year, &month.to_string(), day))?
}

fn month(word: &str) -> Option<usize> {
    const LETTERS_MIN: usize = 3;
    let word = word.trim_end_matches('.').to_lowercase();
    let is_it = |names: &&[&str]| names.iter().any(|name| name.starts_with(&word));
    let place = MONTHS.iter().position(is_it)?;
    (word.chars().count() >= LETTERS_MIN).then_some(place + 1)
}

/// The day, if there is such a one.
fn day_of(year: &str, month: &str, day: &str) -> Option<String> {
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

/// A time of day: `14:30`, `14:30:05`, `2:30 pm`, `9 am`, `14 Uhr`. An hour alone is a number like any
/// other.
pub(super) fn time(text: &str) -> Option<String> {
    let text = written(text)?.to_lowercase();
    let ends = [("am", 0), ("a.m.", 0), ("pm", 12), ("p.m.", 12)];
    let half = ends.iter().find_map(|(end, hours)| Some((text.strip_suffix(end)?, Some(*hours))));
    let by_clock = || text.strip_suffix("uhr").map(|clock| (clock, None));
    let (clock, half, is_marked) = match half.or_else(by_clock) {
        Some((clock, half)) => (clock.trim_end(), half, true),
        None => (text.as_str(), None, false),
    };
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 1, 2)?;
    let minute = match parts.next() {
        Some(minute) => number(minute, 2, 2)?,
        None if is_marked => 0,
        None => return None,
    };
    let second = parts.next().map_or(Some(0), |second| number(second, 2, 2))?;
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(hours) => hour % 12 + hours,
    };
    let exists = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    exists.then(|| format!("{hour:02}:{minute:02}:{second:02}"))
}

/// Both, with `T`, a comma, blanks, `at` or `um` between. A day alone begins at midnight.
pub(super) fn date_time(text: &str) -> Option<String> {
    let text = written(text)?;
    if let Some(day) = date(text) {
        return Some(format!("{day} 00:00:00"));
    }
    let is_between = |c: char| matches!(c, 'T' | 't' | ',') || c.is_whitespace();
    text.char_indices().filter(|(_, c)| is_between(*c)).find_map(|(at, c)| {
        let clock = text[at + c.len_utf8()..].trim_start_matches([',', ' ']);
        let said = ["at ", "um "].iter().find_map(|word| clock.strip_prefix(word));
        Some(format!("{} {}", date(&text[..at])?, time(said.unwrap_or(clock))?))
    })
}

/// What may be a day or a time, without blanks around it.
fn written(text: &str) -> Option<&str> {
    let text = text.trim();
    (text.len() <= WRITTEN_BYTES_MAX).then_some(text)
}

/// Three pieces, and no fourth.
fn three<'a>(mut pieces: impl Iterator<Item = &'a str>) -> Option<[&'a str; 3]> {
    let three = [pieces.next()?, pieces.next()?, pieces.next()?];
    pieces.next().is_none().then_some(three)
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
            ("2026/3/4", "2026-03-04"),
            ("March 4, 2026", "2026-03-04"),
            ("march 4 2026", "2026-03-04"),
            ("Mar 4th, 2026", "2026-03-04"),
            ("4th of March 2026", "2026-03-04"),
            ("4. März 2026", "2026-03-04"),
            ("4. Dez. 2026", "2026-12-04"),
            ("31/12/2026", "2026-12-31"),
            ("12/31/2026", "2026-12-31"),
            ("4/4/2026", "2026-04-04"),
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
            "03/04/2026",
            "13/13/2026",
            "Ma 4, 2026",
            "March 32, 2026",
            "March 4x, 2026",
            "March 4",
            "4 March 26",
            "4 5 2026",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_has_minutes_or_says_that_it_is_one_and_must_exist() {
        for (text, expected) in [
            ("14:30", "14:30:00"),
            ("9:05", "09:05:00"),
            ("23:59:59", "23:59:59"),
            ("2:30 pm", "14:30:00"),
            ("12:00 AM", "00:00:00"),
            ("12:15pm", "12:15:00"),
            ("9 am", "09:00:00"),
            ("9PM", "21:00:00"),
            ("9:05 p.m.", "21:05:00"),
            ("14 Uhr", "14:00:00"),
            ("9:30 Uhr", "09:30:00"),
        ] {
            assert_eq!(time(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "", "14", "am", "13 am", "25 Uhr", "24:00", "14:60", "14:3", "14:30:60", "13:00 pm",
            "0:10 am", "1:2:3:4",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn both_have_something_between_and_a_day_begins_at_midnight() {
        for text in [
            "2026-12-01 14:30",
            "2026-12-01T14:30:00",
            "1.12.2026, 2:30 pm",
            "December 1, 2026 2:30 pm",
            "1 December 2026, at 14:30",
            "1. Dezember 2026 um 14:30 Uhr",
        ] {
            assert_eq!(date_time(text).as_deref(), Some("2026-12-01 14:30:00"), "{text}");
        }
        assert_eq!(date_time("2026-12-01").as_deref(), Some("2026-12-01 00:00:00"));
        let long = format!("2026-12-01 {}14:30", " ".repeat(WRITTEN_BYTES_MAX));
        for text in [
            long.as_str(),
            "",
            "T",
            "14:30",
            "2026-12-01 25:00",
            "3/4/2026 9 am",
            "soon 14:30",
            "2026-12-01T",
        ] {
            assert_eq!(date_time(text), None, "{text}");
        }
    }
}
