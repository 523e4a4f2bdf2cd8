//! The seeds as they are, and a few thousand variations of them, the same each time.

use std::{fs, panic, path::Path};

/// How many variations of each target: about a second in a build without optimisation.
const VARIATIONS: usize = 3_000;

/// What means something to one of the readers.
const WORDS: [&str; 30] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\u0000",
    "\\ud800",
    ":null,",
    "<",
    ">",
    "&#x0;",
    "&lt;",
    "<at>",
    "</",
    "<a href=https://e.org/>",
    "</a>",
    "<div>",
    "<br>",
    "<b>",
    "<li>",
    "\r\n",
    "--",
    "\u{202e}",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "-1",
    "1e999",
    "true",
    "\"\"",
    "javascript:",
    "\0",
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "there are no seeds in {}", folder.display());
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// A seed with a few things done to it.
fn varied(seeds: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = random.choice(seeds).unwrap().clone();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(0..=bytes.len());
        let upto = (at + random.usize(0..40)).min(bytes.len());
        match random.u8(0..6) {
            0 if at < bytes.len() => bytes[at] = random.u8(..),
            1 => drop(bytes.drain(at..upto)),
            2 => {
                let again = bytes[at..upto].to_vec();
                drop(bytes.splice(at..at, again));
            }
            3 => drop(bytes.splice(at..upto, random.choice(WORDS).unwrap().bytes())),
            4 => {
                let other = random.choice(seeds).unwrap();
                let from = random.usize(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => drop(bytes.splice(at..at, random.choice(WORDS).unwrap().bytes())),
        }
    }
    bytes
}

fn survives(target: &str, read: fn(&[u8])) {
    let seeds = seeds(target);
    for seed in &seeds {
        read(seed);
    }
    let mut random = fastrand::Rng::with_seed(0x5eed);
    for _ in 0..VARIATIONS {
        let bytes = varied(&seeds, &mut random);
        let read = panic::catch_unwind(|| read(&bytes));
        assert!(read.is_ok(), "these bytes break {target}:\n{}", bytes.escape_ascii());
    }
}

#[test]
fn no_body_at_the_webhook_breaks_anything() {
    survives("webhook", super::webhook);
}

#[test]
fn no_activity_breaks_anything() {
    survives("activities", super::activity);
}

#[test]
fn no_form_breaks_anything() {
    survives("multipart", super::form);
}

#[test]
fn no_html_breaks_anything() {
    survives("html", super::html);
}
