//! Tables in Markdown, to be pasted into docs/benchmarks.md.

use std::fmt::Write;

use super::{Figure, Kind, Section};

/// Where nothing was measured.
const NOTHING: &str = "–";

pub(super) fn markdown(section: &Section) -> String {
    // In the order of the row that has most.
    let longest = section.rows.iter().max_by_key(|row| row.figures.len());
    let mut kinds: Vec<Kind> = Vec::new();
    for figure in longest.into_iter().chain(&section.rows).flat_map(|row| &row.figures) {
        if !kinds.iter().any(|kind| kind.name == figure.kind.name) {
            kinds.push(figure.kind);
        }
    }
    let mut text = format!("## {}\n\n|", section.title);
    for heading in std::iter::once("").chain(kinds.iter().map(|kind| kind.heading)) {
        write!(text, " {heading} |").expect("a string takes everything");
    }
    text.push_str("\n|");
    text.push_str(&" --- |".repeat(kinds.len() + 1));
    for row in &section.rows {
        write!(text, "\n| {} |", row.case).expect("a string takes everything");
        for kind in &kinds {
            let cell = row.figure(*kind).map_or_else(|| NOTHING.to_owned(), cell);
            write!(text, " {cell} |").expect("a string takes everything");
        }
    }
    text.push('\n');
    for note in &section.notes {
        write!(text, "\n{note}").expect("a string takes everything");
    }
    text.push('\n');
    text
}

fn cell(figure: &Figure) -> String {
    let digits = figure.kind.digits;
    let [median, lowest, highest] =
        [figure.median, figure.lowest, figure.highest].map(|value| number(value, digits));
    if lowest == highest { median } else { format!("{median} ({lowest}–{highest})") }
}

/// A number with its thousands apart.
pub(crate) fn number(value: f64, digits: usize) -> String {
    let plain = format!("{value:.digits$}");
    let (whole, rest) = plain.find('.').map_or((&*plain, ""), |point| plain.split_at(point));
    let first = whole.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let (sign, whole) = whole.split_at(first);
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}
