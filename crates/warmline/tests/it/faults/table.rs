//! The tables of faults and of promises in the docs tell the truth: each of their tests is there.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Fewer than this many are no table.
const FAULTS_MIN: usize = 30;

/// And fewer than this many no promises.
const PROMISES_MIN: usize = 15;

/// And fewer than this many no threat model.
const THREATS_MIN: usize = 30;

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

fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    functions(&root().join("crates"), &mut tests);
    flows(&mut tests);
    tests
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let tests = tests();
    let docs = std::fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let rows: Vec<_> = docs.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() >= PROMISES_MIN, "{} promises", rows.len());
    for row in rows {
        let named: Vec<_> =
            row.split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
        assert!(!named.is_empty(), "{row}");
        for name in named {
            assert!(tests.contains(name), "there is no test {name:?}: {row}");
        }
    }
}

/// A mitigation that no test shows is a wish.
#[test]
fn every_mitigation_in_the_threat_model_names_a_test_that_exists() {
    let tests = tests();
    let docs = std::fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let threats = docs.lines().filter(|line| line.starts_with("| **"));
    let mut count = 0;
    for row in threats {
        count += 1;
        let shown = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let named: Vec<_> = shown.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{row}");
        for name in named {
            assert!(tests.contains(name), "there is no test {name:?}: {row}");
        }
    }
    assert!(count >= THREATS_MIN, "{count} threats");
}

/// The pages of the book are there, and every page is in the book.
#[test]
fn the_book_has_every_page_and_links_lead_somewhere() {
    let docs = root().join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    for entry in std::fs::read_dir(&docs).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md")
            && name != "SUMMARY.md"
        {
            assert!(summary.contains(&format!("({name})")), "{name} is not in SUMMARY.md");
            let page = std::fs::read_to_string(docs.join(&name)).unwrap();
            links_lead_somewhere(&docs, &name, &page);
        }
    }
    links_lead_somewhere(&docs, "SUMMARY.md", &summary);
}

/// Links to files of ours; those to the world are not tried.
fn links_lead_somewhere(folder: &Path, name: &str, page: &str) {
    for link in page.split("](").skip(1) {
        let link = link.split([')', '#']).next().unwrap();
        if !link.is_empty() && !link.contains("://") {
            assert!(folder.join(link).exists(), "{name} links to {link}, which is not there");
        }
    }
}

#[test]
fn every_fault_in_the_table_names_a_test_that_exists() {
    let tests = tests();
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

/// The crates of the program; the simulator's limits are its own matter.
const CRATES: [&str; 8] =
    ["bot-framework", "gateway", "outbound", "servicenow", "session", "store", "vault", "warmline"];

/// A limit as the code has it: its file below `crates`, its name, its value.
type Limit = (String, String, String);

/// Every constant or default of a policy in the sources; tests and the demo aside.
fn constants(folder: &Path, found: &mut BTreeSet<Limit>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if ["tests", "contract", "bed", "demo"].contains(&name) {
            continue;
        }
        if path.is_dir() {
            constants(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(root().join("crates")).unwrap().to_str().unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for line in code.lines() {
            let constant = line.split_once("const ").and_then(|(_, rest)| {
                let (name, rest) = rest.split_once(':')?;
                Some((name, rest.split_once("= ")?.1.strip_suffix(';')?))
            });
            let field = || line.trim().strip_suffix(',')?.split_once(": ");
            if let Some((name, value)) = constant.or_else(field) {
                found.insert((file.to_owned(), name.to_owned(), value.to_owned()));
            }
        }
    }
}

fn limits() -> (BTreeSet<Limit>, Vec<Limit>) {
    let mut in_code = BTreeSet::new();
    for name in CRATES {
        constants(&root().join("crates").join(name).join("src"), &mut in_code);
    }
    let docs = std::fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let rows = docs.lines().filter(|line| line.starts_with("| ") && line.contains(" in `"));
    let told = rows.map(|row| {
        let mut code = row.split('`').skip(1).step_by(2).map(str::to_owned);
        let [name, file, value] = [code.next(), code.next(), code.next()].map(Option::unwrap);
        (file, name, value)
    });
    (in_code, told.collect())
}

#[test]
fn every_limit_in_the_table_stands_so_in_the_code() {
    let (in_code, told) = limits();
    for limit in &told {
        assert!(in_code.contains(limit), "the code has it otherwise: {limit:?}");
    }
}

/// Whoever adds a limit adds its row.
#[test]
fn every_named_limit_is_in_the_table() {
    let (in_code, told) = limits();
    let named = |name: &str| name.ends_with("_MAX") || name.ends_with("_WITHIN");
    for limit in in_code.iter().filter(|(_, name, _)| named(name)) {
        assert!(told.contains(limit), "docs/limits.md does not tell of {limit:?}");
    }
    assert!(told.len() >= 40, "{} limits", told.len());
}
