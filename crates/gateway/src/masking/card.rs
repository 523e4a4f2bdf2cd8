//! Numbers of payment cards (ISO/IEC 7812): 13 to 19 digits, the last of which checks the others.

use std::ops::Range;

use super::Sign;

/// The fewest digits of a number.
const DIGITS_MIN: usize = 13;

/// The most.
const DIGITS_MAX: usize = 19;

/// The most signs between two groups: a dash with blanks around it.
const GAP_CHARS_MAX: usize = 3;

/// Digits without anything between them.
struct Group {
    place: Range<usize>,
    digits: Vec<u8>,
    /// A letter touches it: a name, or some hash.
    touched: bool,
}

/// Where the numbers are.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for run in runs(text) {
        in_run(&run, &mut found);
    }
    found
}

/// Groups that stand beside each other.
fn runs(text: &str) -> Vec<Vec<Group>> {
    let mut runs: Vec<Vec<Group>> = Vec::new();
    let (mut before, mut gap) = (Sign::Other, GAP_CHARS_MAX + 1);
    for (at, c) in text.char_indices() {
        let sign = Sign::of(c);
        let end = at + c.len_utf8();
        match sign {
            Sign::Digit(digit) if matches!(before, Sign::Digit(_)) => {
                if let Some(group) = runs.last_mut().and_then(|run| run.last_mut()) {
                    group.place.end = end;
                    group.digits.push(digit);
                }
            }
            Sign::Digit(digit) => {
                let touched = before == Sign::Letter;
                let group = Group { place: at..end, digits: vec![digit], touched };
                match runs.last_mut() {
                    Some(run) if gap <= GAP_CHARS_MAX => run.push(group),
                    _ => runs.push(vec![group]),
                }
                gap = 0;
            }
            Sign::Gap => gap = gap.saturating_add(1),
            Sign::Letter | Sign::Other => {
                let last = runs.last_mut().and_then(|run| run.last_mut());
                if let (Sign::Letter, Sign::Digit(_), Some(group)) = (sign, before, last) {
                    group.touched = true;
                }
                gap = GAP_CHARS_MAX + 1;
            }
        }
        before = sign;
    }
    runs
}

/// Looks for numbers that begin and end with a group, the longest first.
fn in_run(run: &[Group], found: &mut Vec<Range<usize>>) {
    let mut first = 0;
    while first < run.len() {
        let mut best = None;
        let mut digits = Vec::with_capacity(DIGITS_MAX);
        for (last, group) in run.iter().enumerate().skip(first) {
            if group.touched || digits.len() + group.digits.len() > DIGITS_MAX {
                break;
            }
            digits.extend_from_slice(&group.digits);
            let whole = first == 0 && last + 1 == run.len();
            let groups = &run[first..=last];
            if digits.len() >= DIGITS_MIN && (whole || is_usual(groups)) && is_number(&digits) {
                best = Some(last);
            }
        }
        match best {
            Some(last) => {
                found.push(run[first].place.start..run[last].place.end);
                first = last + 1;
            }
            None => first += 1,
        }
    }
}

/// Whether this is how a number is written among others: at one piece, in fours, or as two houses do.
fn is_usual(groups: &[Group]) -> bool {
    let lengths: Vec<_> = groups.iter().map(|group| group.digits.len()).collect();
    match lengths.as_slice() {
        [_] | [4, 6, 4 | 5] | [6, 7..=13] => true,
        [fours @ .., last] => fours.iter().all(|length| *length == 4) && (1..=4).contains(last),
        [] => false,
    }
}

/// By the first digit, which no clock and no telephone number of most countries has, and by the last.
fn is_number(digits: &[u8]) -> bool {
    let issued = digits.first().is_some_and(|first| (2..=6).contains(first));
    issued && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let weighed = digits.iter().rev().enumerate();
    let sum: u32 = weighed
        .map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}
