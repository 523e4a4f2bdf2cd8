//! What was measured, as a table for people and a file for programs.

mod table;

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

pub(crate) use self::table::number;
use crate::machine;

/// The version of the file's schema; docs/benchmarks.md describes it.
const SCHEMA: u32 = 1;

/// What a figure is: its name in the file, its heading in the table, its unit, the digits after the
/// point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) heading: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) digits: usize,
}

impl Kind {
    pub(crate) const fn new(
        name: &'static str,
        heading: &'static str,
        unit: &'static str,
        digits: usize,
    ) -> Self {
        Self { name, heading, unit, digits }
    }
}

/// A column over rounds: what it is, and how it is read from a round, as far as it was measured.
pub(crate) type Column<R> = (Kind, fn(&R) -> Option<f64>);

/// One measure over all rounds.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) kind: Kind,
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    rounds: Vec<f64>,
}

impl Figure {
    /// The median and the range of these values; nothing of nothing.
    pub(crate) fn of(kind: Kind, rounds: Vec<f64>) -> Option<Self> {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let (lowest, highest) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        // Of an even number, the mean of the two in the middle.
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Some(Self { kind, median, lowest, highest, rounds })
    }

    /// The ratio of the medians, with the range of the ratios of neighbouring rounds.
    pub(crate) fn ratio(of: &Self, to: &Self) -> Option<Self> {
        let pairs = of.rounds.iter().zip(&to.rounds).map(|(of, to)| of / to);
        let kind = Kind { unit: "ratio", digits: 3, ..of.kind };
        Some(Self { median: of.median / to.median, ..Self::of(kind, pairs.collect())? })
    }

    /// Of each round.
    pub(crate) fn rounds(&self) -> &[f64] {
        &self.rounds
    }

    fn json(&self) -> Value {
        json!({
            "name": self.kind.name,
            "unit": self.kind.unit,
            "median": self.median,
            "lowest": self.lowest,
            "highest": self.highest,
            "rounds": self.rounds,
        })
    }
}

/// What was measured of one thing.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) figures: Vec<Figure>,
}

impl Row {
    /// The figures of all columns that every round has.
    pub(crate) fn of<R>(case: &str, columns: &[Column<R>], rounds: &[R]) -> Self {
        let figure = |(kind, read): &Column<R>| {
            Figure::of(*kind, rounds.iter().map(read).collect::<Option<_>>()?)
        };
        Self { case: case.to_owned(), figures: columns.iter().filter_map(figure).collect() }
    }

    pub(crate) fn figure(&self, kind: Kind) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.kind.name == kind.name)
    }

    /// Shows a round while the others still run.
    pub(crate) fn progress<R>(round: usize, case: &str, columns: &[Column<R>], seen: &R) {
        let shown = columns.iter().filter_map(|(kind, read)| {
            Some(format!("{} {}", kind.heading, number(read(seen)?, kind.digits)))
        });
        eprintln!("round {}, {case}: {}", round + 1, shown.collect::<Vec<_>>().join(", "));
    }
}

/// One subject's results.
#[derive(Debug)]
pub(crate) struct Section {
    /// The subject's name on the command line.
    pub(crate) subject: &'static str,
    pub(crate) title: &'static str,
    /// How it was measured: names and values.
    pub(crate) parameters: Value,
    pub(crate) rows: Vec<Row>,
    /// What else is to be known; sentences.
    pub(crate) notes: Vec<String>,
}

/// Collects the sections.
#[derive(Debug)]
pub(crate) struct Report {
    quick: bool,
    date: String,
    machine: String,
    sections: Vec<Section>,
}

impl Report {
    pub(crate) fn new(quick: bool) -> Self {
        let (date, machine) = (machine::today(), machine::line());
        Self { quick, date, machine, sections: Vec::new() }
    }

    /// Takes a subject in and prints its table.
    pub(crate) fn add(&mut self, section: Section) {
        println!("{}", table::markdown(&section));
        self.sections.push(section);
    }

    /// Writes the file.
    pub(crate) fn finish(&self, file: Option<PathBuf>) -> anyhow::Result<()> {
        let file = file.unwrap_or_else(usual_file);
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&file, format!("{:#}\n", self.json()))
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("Measured on {}, {}.", self.date, self.machine);
        if self.quick {
            println!("A smoke run: these figures mean nothing.");
        }
        eprintln!("written to {}", file.display());
        Ok(())
    }

    fn json(&self) -> Value {
        let sections = self.sections.iter().map(|section| {
            let rows = section.rows.iter().map(|row| {
                let figures: Vec<_> = row.figures.iter().map(Figure::json).collect();
                json!({ "case": row.case, "figures": figures })
            });
            json!({
                "subject": section.subject,
                "title": section.title,
                "parameters": section.parameters,
                "rows": rows.collect::<Vec<_>>(),
                "notes": section.notes,
            })
        });
        json!({
            "schema": SCHEMA,
            "version": env!("CARGO_PKG_VERSION"),
            "date": self.date,
            "machine": self.machine,
            "smoke_run": self.quick,
            "sections": sections.collect::<Vec<_>>(),
        })
    }
}

/// In the target folder, beside cargo's own things.
fn usual_file() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench").join("results.json")
}
