//! The table of faults in the docs tells the truth: each of its tests is there.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Fewer than this many are no table.
const FAULTS_MIN: usize = 30;

/// Columns: fault, user, agent, operator, test.
const COLUMNS: usize = 5;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Everything that is named as a test or any other function in Rust below `folder`.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut lines = text.lines();
            while let Some(line) = lines.next() {
                // The attribute stands right above its function.
                if !line.trim().starts_with("#[test]") && !line.trim().starts_with("#[tokio::test")
                {
                    continue;
                }
                let name = lines.find_map(|line| line.split_once("fn ")?.1.split('(').next());
                found.extend(name.map(str::to_owned));
            }
        }
    }
}

/// The flows are made by a macro: a module each.
fn flows(found: &mut BTreeSet<String>) {
    let flows = include_str!("../flows.rs");
    let list = flows.split_once("\nflows! {").unwrap().1.split_once("\n}").unwrap().0;
    found.extend(list.split(',').map(|name| name.trim().to_owned()));
}

#[test]
fn every_fault_in_the_table_names_a_test_that_exists() {
    let mut tests = BTreeSet::new();
    functions(&root().join("crates"), &mut tests);
    flows(&mut tests);
    let docs = std::fs::read_to_string(root().join("docs/faults.md")).unwrap();
    let rows = docs.lines().filter(|line| line.starts_with("| "));
    let rows =
        rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let rows: Vec<_> = rows.filter(|row| row[0] != "fault" && !row[0].starts_with("---")).collect();
    assert!(rows.len() >= FAULTS_MIN, "{} faults", rows.len());
    for row in &rows {
        assert_eq!(row.len(), COLUMNS, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "every cell says something: {row:?}");
        for name in row[COLUMNS - 1].split(", ") {
            let name = name.trim_matches('`');
            assert!(tests.contains(name), "there is no test {name:?}: {row:?}");
        }
    }
    let mut faults: Vec<_> = rows.iter().map(|row| row[0]).collect();
    faults.sort_unstable();
    faults.dedup();
    assert_eq!(faults.len(), rows.len(), "each fault once");
}

/// What the simulator can do wrong is in the table, by the name its desk knows it by.
#[test]
fn every_fault_of_the_simulator_is_in_the_table() {
    let docs = std::fs::read_to_string(root().join("docs/faults.md")).unwrap();
    for fault in simulator::Fault::ALL {
        assert!(docs.contains(&format!("`{}`", fault.name())), "{}", fault.name());
    }
}
