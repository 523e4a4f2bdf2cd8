//! What is written from the table of settings: the commented default file, the reference, and the
//! configuration in force.

use std::fmt::Write;

use super::{
    ConfigError,
    draft::{Draft, Origin, Owner},
    environment::Environment,
    table::{self, Change, Kind, Section, Setting},
};

/// The sections with what stands above them in the default file and in the reference.
const SECTIONS: [(Section, &str, &str); 9] = [
    (Section::Top, "", "The installation"),
    (Section::Console, "console", "The operators' console"),
    (Section::Operator, "operators.ada", "An operator of the console, by name"),
    (Section::Metrics, "metrics", "Metrics"),
    (Section::Telemetry, "telemetry", "Traces"),
    (Section::Files, "files", "Files"),
    (Section::Tenant, "tenants.default", "A tenant: what holds for all of its desks and bots"),
    (Section::Desk, "tenants.default.desks.default", "A desk: one ServiceNow instance of a tenant"),
    (Section::Bot, "tenants.default.bots.default", "A bot: who users talk to, and by which rules"),
];

/// The longest line of a comment, in characters.
const LINE_CHARS: usize = 96;

/// The commented default file: every setting, switched off, with its default or an example.
pub(crate) fn default_file() -> String {
    let mut text = String::from(
        "# Warmline's configuration. Every setting there is; take away the # before those you set.\n\
         # Variables of the environment go before this file. Secrets are best said by reference:\n\
         # \"env:NAME\" (a variable), \"file:PATH\" (a file that holds nothing else), \"vault:NAME\" (sealed in\n\
         # the store: warmline secret set NAME). A secret itself may stand here only while nobody else can\n\
         # read this file (chmod 600). After a change: kill -HUP the gateway; where it says “restart”, start\n\
         # it anew.\n",
    );
    for (section, table, heading) in SECTIONS {
        let _ = write!(text, "\n# --- {heading} ---\n");
        if !table.is_empty() {
            // A table without settings would still be a desk, so it is switched off as well.
            let _ = writeln!(text, "# [{table}]");
        }
        for setting in table::of(section) {
            text.push('\n');
            for line in wrapped(&comment(setting)) {
                let _ = writeln!(text, "# {line}");
            }
            let value = setting.default.unwrap_or(setting.example);
            let _ = writeln!(text, "# {} = {value}", setting.key());
        }
    }
    text
}

fn comment(setting: &Setting) -> String {
    let mut comment = setting.doc.to_owned();
    if let Some(name) = setting.env {
        let _ = write!(comment, " Variable: {name}.");
    }
    if setting.change == Change::Restart {
        comment.push_str(" Change: restart.");
    }
    comment
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines
            .last()
            .is_some_and(|line| line.chars().count() + 1 + word.chars().count() > LINE_CHARS);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The reference of all settings, in Markdown.
pub(crate) fn reference() -> String {
    let mut text = String::from(include_str!("document/reference.md"));
    for (section, table, heading) in SECTIONS {
        let place = match section {
            Section::Top => "Before the first table of the file.".to_owned(),
            Section::Tenant => "`[tenants.NAME]`".to_owned(),
            Section::Operator => "`[operators.NAME]`".to_owned(),
            Section::Desk => "`[tenants.NAME.desks.NAME]`".to_owned(),
            Section::Bot => "`[tenants.NAME.bots.NAME]`".to_owned(),
            Section::Console | Section::Metrics | Section::Telemetry | Section::Files => {
                format!("`[{table}]`")
            }
        };
        let _ = write!(text, "\n## {heading}\n\n{place}\n\n");
        text.push_str("| setting | variable | value | default | change | meaning |\n");
        text.push_str("| --- | --- | --- | --- | --- | --- |\n");
        for setting in table::of(section) {
            let variable = setting.env.map_or("–".to_owned(), |name| format!("`{name}`"));
            let default = setting.default.map_or("–".to_owned(), |value| format!("`{value}`"));
            let change = match setting.change {
                Change::Reload => "SIGHUP",
                Change::Restart => "restart",
            };
            let _ = writeln!(
                text,
                "| `{}` | {variable} | {} | {default} | {change} | {} |",
                setting.key(),
                kind(setting.kind),
                setting.doc,
            );
        }
    }
    text
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Secret => "secret".to_owned(),
        Kind::Choice(words) => {
            words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or ")
        }
        Kind::Span | Kind::Keep => "length of time".to_owned(),
        Kind::SpanOrOff | Kind::KeepOrOff => "length of time or `\"off\"`".to_owned(),
        Kind::Count => "number".to_owned(),
        Kind::Size => "number of bytes".to_owned(),
        Kind::Texts => "list of texts".to_owned(),
    }
}

/// The configuration in force, with secrets redacted and where each value comes from. It is a file
/// that could be read again, apart from the secrets.
pub(crate) fn in_force(environment: &Environment) -> Result<String, ConfigError> {
    let draft = Draft::read(environment)?;
    let mut text = match &draft.file {
        Some(path) => format!("# file: {}\n", path.display()),
        None => "# no file; the environment and the defaults\n".to_owned(),
    };
    for (section, table, _) in SECTIONS {
        let owners: Vec<_> = match section {
            Section::Tenant => draft.tenants().collect(),
            Section::Desk => draft.desks().cloned().collect(),
            Section::Bot => draft.bots().cloned().collect(),
            Section::Operator => draft.operators().cloned().collect(),
            Section::Top
            | Section::Console
            | Section::Metrics
            | Section::Telemetry
            | Section::Files => vec![Owner::House],
        };
        for owner in owners {
            let table = if owner == Owner::House { table.to_owned() } else { owner.table() };
            if !table.is_empty() {
                let _ = write!(text, "\n[{table}]\n");
            }
            for setting in table::of(section) {
                show(&draft, &owner, setting, &mut text);
            }
        }
    }
    Ok(text)
}

fn show(draft: &Draft, owner: &Owner, setting: &Setting, text: &mut String) {
    let key = setting.key();
    let (value, from) = match (draft.found(owner, setting.id), draft.value(owner, setting.id)) {
        (Some((value, Origin::Line(line))), _) => (value.shown(), format!("line {line}")),
        (Some((value, Origin::Variable(name))), _) => (value.shown(), (*name).to_owned()),
        (None, Some(value)) => (value.shown(), "default".to_owned()),
        (None, None) => {
            let _ = writeln!(text, "# {key} is not set");
            return;
        }
    };
    let _ = writeln!(text, "{key} = {value}  # {from}");
}
