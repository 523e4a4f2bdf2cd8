//! International bank account numbers (ISO 13616): a country, two check digits, and as many signs as
//! the country has.

use std::ops::Range;

use super::signs::{GAP_MAX, Placed, Sign};

/// How long a number is, by country (SWIFT's registry).
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

/// The fewest digits of a number, whatever its country: what has fewer is words.
const DIGITS_MIN: usize = 7;

/// Where the numbers are.
pub(super) fn find(signs: &[Placed]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < signs.len() {
        match number(signs, at) {
            Some(end) => {
                found.push(signs[at].place.start..signs[end - 1].place.end);
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

/// The end of the number that begins here. A letter may touch it there, as the name of a currency.
fn number(signs: &[Placed], first: usize) -> Option<usize> {
    let sign = |at: usize| signs.get(at).map_or(Sign::Other, |placed| placed.sign);
    let Sign::Letter(begin) = sign(first) else { return None };
    let before = first.checked_sub(1).map_or(Sign::Other, sign);
    if matches!(before, Sign::Letter(_) | Sign::Digit(_)) {
        return None;
    }
    let Sign::Letter(second) = sign(first + 1) else { return None };
    let is_country = |of: &str| of.chars().eq([begin, second]);
    let (_, length) = LENGTHS.iter().find(|(of, _)| is_country(of))?;
    let mut taken = Vec::with_capacity(*length);
    let (mut at, mut gap) = (first, 0);
    while taken.len() < *length {
        match sign(at) {
            Sign::Digit(digit) => taken.push(char::from(b'0' + digit)),
            Sign::Letter(letter) if letter.is_ascii() && !matches!(taken.len(), 2 | 3) => {
                taken.push(letter);
            }
            Sign::Blank | Sign::Mark if gap < GAP_MAX => {
                (at, gap) = (at + 1, gap + 1);
                continue;
            }
            Sign::Blank | Sign::Mark | Sign::Letter(_) | Sign::Other => return None,
        }
        (at, gap) = (at + 1, 0);
    }
    let ends = !matches!(sign(at), Sign::Digit(_));
    let digits = taken.iter().filter(|c| c.is_ascii_digit()).count();
    (ends && digits >= DIGITS_MIN && is_checked(&taken)).then_some(at)
}

/// Whether the number leaves one when it is divided by 97, its first four signs at its end.
fn is_checked(signs: &[char]) -> bool {
    let turned = signs.iter().skip(4).chain(signs.iter().take(4));
    let rest = turned.fold(0_u32, |rest, c| {
        let value = c.to_digit(36).unwrap_or(0);
        (if value > 9 { rest * 100 } else { rest * 10 } + value) % 97
    });
    rest == 1
}
