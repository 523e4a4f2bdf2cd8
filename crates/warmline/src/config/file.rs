//! The file: from its text to the settings it holds, each with its place. Whatever is no setting, or
//! no value of one, is named with its line and what was probably meant.
//!
//! Values are never quoted: they may be secrets.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    draft::Owner,
    table::{self, Section, Setting},
    value::Value,
};

/// The largest file, in bytes: thousands of bots.
pub(crate) const FILE_BYTES_MAX: u64 = 1_024 * 1_024;

/// The longest name of a tenant, desk or bot, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// How many edits away a known key may be to be meant.
const EDITS: usize = 3;

/// The tables of the whole installation.
const TABLES: [(&str, Section); 4] = [
    ("console", Section::Console),
    ("metrics", Section::Metrics),
    ("telemetry", Section::Telemetry),
    ("files", Section::Files),
];

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) values: Vec<(Owner, &'static Setting, Value, usize)>,
    /// Desks and bots in the order of their names, those without a setting too.
    pub(crate) owners: Vec<Owner>,
}

/// Reads a file; on trouble gives back all of it, a sentence each, in the order of the lines.
pub(crate) fn parse(text: &str) -> Result<Parsed, Vec<String>> {
    let root = DeTable::parse(text).map_err(|error| {
        // Its message alone: what it displays quotes the line.
        let line = error.span().map_or(1, |span| line_of(text, &span));
        vec![format!("line {line} is no TOML: {}", error.message().replace('\n', ", "))]
    })?;
    let mut reader = Reader { text, parsed: Parsed::default(), problems: Vec::new() };
    reader.root(root.get_ref());
    let Reader { parsed, mut problems, .. } = reader;
    if problems.is_empty() {
        return Ok(parsed);
    }
    problems.sort_by_key(|(line, _)| *line);
    Err(problems.into_iter().map(|(_, problem)| problem).collect())
}

/// One setting of the top of a file, and its line, whatever else is wrong with the file.
pub(crate) fn find(text: &str, setting: &Setting) -> Result<Option<(Value, usize)>, String> {
    // What comes before and after a fault is read all the same.
    let (root, _) = DeTable::parse_recoverable(text);
    let mut settings = root.get_ref().iter();
    let Some((key, value)) = settings.find(|(key, _)| key.get_ref() == setting.id) else {
        return Ok(None);
    };
    let line = line_of(text, &key.span());
    let value = setting.read_toml(value.get_ref());
    let value = value.map_err(|problem| format!("`{}` on line {line} {problem}", setting.id))?;
    Ok(Some((value, line)))
}

struct Reader<'t> {
    text: &'t str,
    parsed: Parsed,
    problems: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn root(&mut self, root: &DeTable<'_>) {
        for (key, value) in root {
            let name = key.get_ref().as_ref();
            let table = TABLES.into_iter().find(|(table, _)| *table == name);
            match (table, value.get_ref()) {
                (Some((_, section)), DeValue::Table(table)) => {
                    self.settings(name, section, &Owner::House, table);
                }
                (None, DeValue::Table(tenants)) if name == "tenants" => self.tenants(tenants),
                (Some(_), _) => self.wrong(key.span(), name, "must be a table: [name]"),
                (None, _) if name == "tenants" => {
                    self.wrong(key.span(), name, "must be a table: [tenants.NAME.desks.NAME]");
                }
                (None, value) => {
                    let tables = TABLES.into_iter().map(|(table, _)| table).chain(["tenants"]);
                    self.setting("", Section::Top, &Owner::House, key, value, tables);
                }
            }
        }
    }

    fn tenants(&mut self, tenants: &DeTable<'_>) {
        for (tenant, kinds) in tenants {
            let path = format!("tenants.{}", tenant.get_ref());
            let Some(kinds) = self.named_table(&path, tenant, kinds) else { continue };
            for (kind, things) in kinds {
                let section = match kind.get_ref().as_ref() {
                    "desks" => Section::Desk,
                    "bots" => Section::Bot,
                    _ => {
                        let owner = Owner::Tenant { tenant: tenant.get_ref().to_string() };
                        let (value, tables) = (things.get_ref(), ["desks", "bots"].into_iter());
                        self.setting(&path, Section::Tenant, &owner, kind, value, tables);
                        continue;
                    }
                };
                let path = format!("{path}.{}", kind.get_ref());
                let DeValue::Table(things) = things.get_ref() else {
                    self.wrong(kind.span(), &path, "must hold a table for each: [….NAME]");
                    continue;
                };
                for (name, settings) in things {
                    let path = format!("{path}.{}", name.get_ref());
                    let Some(settings) = self.named_table(&path, name, settings) else { continue };
                    let [tenant, name] = [tenant, name].map(|name| name.get_ref().to_string());
                    let owner = match section {
                        Section::Desk => Owner::Desk { tenant, name },
                        _ => Owner::Bot { tenant, name },
                    };
                    self.settings(&path, section, &owner, settings);
                    self.parsed.owners.push(owner);
                }
            }
        }
    }

    /// The table below a name that the operator chose.
    fn named_table<'v>(
        &mut self,
        path: &str,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &'v Spanned<DeValue<'_>>,
    ) -> Option<&'v DeTable<'v>> {
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let text = name.get_ref();
        if !(1..=NAME_BYTES_MAX).contains(&text.len()) || !text.bytes().all(fine) {
            let problem = "must have a name of 1 to 64 letters, digits, dots, hyphens and \
                           underscores";
            self.wrong(name.span(), path, problem);
            return None;
        }
        if let DeValue::Table(table) = value.get_ref() {
            return Some(table);
        }
        self.wrong(name.span(), path, "must be a table");
        None
    }

    fn settings(&mut self, path: &str, section: Section, owner: &Owner, table: &DeTable<'_>) {
        for (key, value) in table {
            self.setting(path, section, owner, key, value.get_ref(), std::iter::empty());
        }
    }

    fn setting(
        &mut self,
        path: &str,
        section: Section,
        owner: &Owner,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &DeValue<'_>,
        others: impl Iterator<Item = &'static str>,
    ) {
        let name = key.get_ref().as_ref();
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{name}");
        let Some(setting) = table::of(section).find(|setting| setting.key() == name) else {
            let meant = nearest(name, table::of(section).map(Setting::key).chain(others));
            return self.unknown(key.span(), &path, meant);
        };
        match setting.read_toml(value) {
            Ok(value) => {
                let line = line_of(self.text, &key.span());
                self.parsed.values.push((owner.clone(), setting, value, line));
            }
            Err(problem) => self.wrong(key.span(), &path, &problem),
        }
    }

    fn unknown(&mut self, at: Range<usize>, path: &str, meant: Option<&str>) {
        let meant = meant.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
        let line = line_of(self.text, &at);
        let problem = format!("`{}` on line {line} is no setting{meant}", printable(path));
        self.problems.push((line, problem));
    }

    fn wrong(&mut self, at: Range<usize>, path: &str, problem: &str) {
        let line = line_of(self.text, &at);
        self.problems.push((line, format!("`{}` on line {line} {problem}", printable(path))));
    }
}

/// A key as it may be shown; who puts a secret where a key belongs has it cut short.
fn printable(path: &str) -> String {
    const CHARS: usize = 120;
    let clean = path.chars().map(|c| if c.is_control() { '?' } else { c });
    clean.take(CHARS).collect()
}

/// The line of a place, from 1.
fn line_of(text: &str, at: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..at.start).unwrap_or(text.as_bytes());
    before.split(|&byte| byte == b'\n').count()
}

/// The known word that was probably meant.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase().replace('-', "_");
    if word.len() > NAME_BYTES_MAX {
        return None;
    }
    let distances = known.map(|known| (strsim::damerau_levenshtein(&word, known), known));
    let best = distances.min_by_key(|(distance, _)| *distance);
    // More than half of a word changed is another word.
    best.filter(|(distance, known)| *distance <= EDITS && distance * 2 <= known.len())
        .map(|(_, known)| known)
}
