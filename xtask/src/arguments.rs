//! What the person asked for, read from the arguments.

use std::path::Path;

use anyhow::{Result, bail};

/// Printed by `cargo xtask` alone, and with `help`, `-h` and `--help`.
pub(crate) const HELP: &str = "\
The project's own commands:

  cargo xtask demo [--release] [arguments of `warmline demo`]
      Builds the pages (with Node) and Warmline, then runs the demo. Ctrl-C ends it.
  cargo xtask test
      Builds the pages and runs every test. Needs Node.
  cargo xtask check
      Format, lints, documentation, and the dependencies' licences and sources.
  cargo xtask docs
      Builds the documentation as a book; installs mdBook below target/ the first time.
  cargo xtask sbom
      Writes what the binary and its pages are made of (CycloneDX) to target/warmline.cdx.json.
  cargo xtask bench [webhook|stream|desk|bot|sealed|overload|memory|restart|files|all]... [--quick] [--json FILE]
      Measures; without a name everything, about ten minutes. `--quick` only shows that it works.
      `cargo xtask bench --help` lists the rest.
";

/// Printed by `cargo xtask bench --help`; the benchmark's own.
pub(crate) const BENCH_HELP: &str = include_str!("../../crates/warmline/benches/suite/help.txt");

/// One of the project's commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    /// `rest` goes to `warmline demo` as it is.
    Demo {
        release: bool,
        rest: Vec<String>,
    },
    Test,
    Check,
    Docs,
    Sbom,
    /// `rest` goes to the benchmark as it is.
    Bench {
        rest: Vec<String>,
    },
    BenchHelp,
}

impl Command {
    /// Reads the arguments after the program's name. Fails on a command that does not exist, and on
    /// arguments to a command that takes none. The demo's help is the demo's own.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut arguments = arguments.into_iter();
        let Some(name) = arguments.next() else { return Ok(Self::Help) };
        let rest: Vec<String> = arguments.collect();
        match name.as_str() {
            "help" | "-h" | "--help" => Ok(Self::Help),
            "demo" => Ok(Self::demo(&rest)),
            "test" | "check" | "docs" | "sbom" if rest.iter().any(|one| is_help(one)) => {
                Ok(Self::Help)
            }
            "bench" if rest.iter().any(|one| is_help(one)) => Ok(Self::BenchHelp),
            "bench" => Ok(Self::Bench { rest: without_separator(rest) }),
            "test" => none(&rest, "test", "`cargo test` runs a part").map(|()| Self::Test),
            "check" => {
                none(&rest, "check", "`cargo clippy` and others take some").map(|()| Self::Check)
            }
            "sbom" => none(&rest, "sbom", "it writes one file").map(|()| Self::Sbom),
            "docs" => none(&rest, "docs", "it builds every page").map(|()| Self::Docs),
            unknown => bail!("there is no command `{unknown}`\n\n{HELP}"),
        }
    }

    /// `--release` is for the build; whatever stands after `--` is for the demo alone.
    fn demo(rest: &[String]) -> Self {
        let separator = rest.iter().position(|argument| argument == "--").unwrap_or(rest.len());
        let (ours, theirs) = rest.split_at(separator);
        let release = ours.iter().any(|argument| argument == "--release");
        let passed = ours.iter().filter(|argument| *argument != "--release");
        Self::Demo { release, rest: passed.chain(theirs.iter().skip(1)).cloned().collect() }
    }
}

/// Arguments of the benchmark that name a file.
const FILES: [&str; 2] = ["--json", "--against"];

/// The benchmark's arguments with their files as seen from this folder: cargo runs benchmarks in a
/// folder of its own.
pub(crate) fn with_file_from(folder: &Path, rest: &[String]) -> Vec<String> {
    let from_here = |file: &str| folder.join(file).to_string_lossy().into_owned();
    let mut is_file = false;
    rest.iter()
        .map(|argument| {
            if std::mem::take(&mut is_file) {
                return from_here(argument);
            }
            is_file = FILES.contains(&argument.as_str());
            match argument.split_once('=') {
                Some((name, file)) if FILES.contains(&name) => {
                    format!("{name}={}", from_here(file))
                }
                _ => argument.clone(),
            }
        })
        .collect()
}

fn is_help(argument: &str) -> bool {
    matches!(argument, "-h" | "--help")
}

fn without_separator(mut rest: Vec<String>) -> Vec<String> {
    if rest.first().is_some_and(|first| first == "--") {
        rest.remove(0);
    }
    rest
}

fn none(rest: &[String], command: &str, instead: &str) -> Result<()> {
    if let Some(first) = rest.first() {
        bail!("`cargo xtask {command}` takes no arguments, but was given `{first}`; {instead}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command> {
        Command::parse(line.split_whitespace().map(str::to_owned))
    }

    fn demo(release: bool, rest: &[&str]) -> Command {
        Command::Demo { release, rest: rest.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn each_line_is_read_as_its_command() {
        let bench =
            |rest: &[&str]| Command::Bench { rest: rest.iter().map(ToString::to_string).collect() };
        let table = [
            ("", Command::Help),
            ("help", Command::Help),
            ("-h", Command::Help),
            ("--help", Command::Help),
            ("test", Command::Test),
            ("check", Command::Check),
            ("docs", Command::Docs),
            ("bench", bench(&[])),
            ("bench --seconds 3", bench(&["--seconds", "3"])),
            ("bench stream desk --quick", bench(&["stream", "desk", "--quick"])),
            ("bench --help", Command::BenchHelp),
            ("bench desk -h", Command::BenchHelp),
            ("test --help", Command::Help),
            ("check -h", Command::Help),
            ("docs --help", Command::Help),
            ("bench -- --seconds 3", bench(&["--seconds", "3"])),
            ("demo", demo(false, &[])),
            ("demo --release", demo(true, &[])),
            ("demo --port 8000 --release", demo(true, &["--port", "8000"])),
            ("demo --release -- --release --port 1", demo(true, &["--release", "--port", "1"])),
            ("demo -- --release", demo(false, &["--release"])),
        ];
        for (line, expected) in table {
            assert_eq!(parsed(line).unwrap(), expected, "cargo xtask {line}");
        }
    }

    #[test]
    fn the_benchmarks_help_names_every_option_and_subject() {
        let source = include_str!("../../crates/warmline/benches/suite/arguments.rs");
        let (subjects, options) = source.split_once("struct Arguments").unwrap();
        let subjects = subjects.split_once("enum Subject").unwrap().1.lines();
        let subjects = subjects.filter_map(|line| line.trim().strip_suffix(','));
        let mut named = 0;
        for subject in subjects.filter(|name| name.chars().all(char::is_alphabetic)) {
            assert!(BENCH_HELP.contains(&format!("\n  {} ", subject.to_lowercase())), "{subject}");
            named += 1;
        }
        for (attribute, field) in options.lines().zip(options.lines().skip(1)) {
            if attribute.contains("#[arg(long") && !attribute.contains("hide") {
                let name =
                    field.trim().trim_start_matches("pub(crate) ").split(':').next().unwrap();
                let option = format!("--{} ", name.replace('_', "-"));
                assert!(BENCH_HELP.contains(&option), "{option}");
                named += 1;
            }
        }
        assert_eq!(named, 22, "this test looks at the source, which may look otherwise now");
    }

    #[test]
    fn a_benchmark_writes_where_the_person_stands() {
        let folder = Path::new("here");
        let file = folder.join("out.json");
        let file = file.to_str().unwrap();
        for (given, expected) in [
            ("desk --json out.json --quick", format!("desk --json {file} --quick")),
            ("--json=out.json desk", format!("--json={file} desk")),
            ("--against out.json --quick", format!("--against {file} --quick")),
            ("--against=out.json", format!("--against={file}")),
            ("desk --quick", "desk --quick".to_owned()),
            ("--json", "--json".to_owned()),
        ] {
            let given: Vec<String> = given.split(' ').map(str::to_owned).collect();
            assert_eq!(with_file_from(folder, &given).join(" "), expected);
        }
        let absolute = std::env::current_dir().unwrap().join("out.json");
        let given = ["--json".to_owned(), absolute.to_str().unwrap().to_owned()];
        assert_eq!(with_file_from(folder, &given), given);
    }

    #[test]
    fn an_unknown_command_is_refused_with_the_list_of_commands() {
        let error = parsed("dmeo").unwrap_err().to_string();
        assert!(error.contains("`dmeo`") && error.contains("cargo xtask demo"), "{error}");
    }

    #[test]
    fn arguments_to_a_command_that_takes_none_are_refused_by_name() {
        for line in ["test --lib", "check --lib", "docs --lib"] {
            let error = parsed(line).unwrap_err().to_string();
            assert!(error.contains("`--lib`"), "{line}: {error}");
        }
    }
}
