//! Values of settings: read from a text or from TOML, and written as TOML.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;
use toml::de::DeValue;

use super::table::{Kind, Setting};

/// The longest text of a setting, in bytes.
const TEXT_BYTES_MAX: usize = 4_096;

/// The most texts in a list.
const TEXTS_MAX: usize = 200;

/// The shortest deadline: clocks and deliveries are not finer.
const SPAN_MIN: Duration = Duration::from_secs(1);

/// The longest deadline: whatever takes longer has been forgotten by everybody.
const SPAN_MAX: Duration = Duration::from_hours(720);

/// The longest time for which something is kept: ten years.
const KEEP_MAX: Duration = Duration::from_hours(3_650 * 24);

/// The largest number.
const COUNT_MAX: usize = 1_000_000;

/// The largest number of bytes: more than a disk has.
const SIZE_BYTES_MAX: u64 = 16 << 40;

/// The value of a setting.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Path(PathBuf),
    Secret(Secret),
    Span(Duration),
    Off,
    Count(usize),
    Size(u64),
    Texts(Vec<String>),
}

/// A secret, or where it is.
#[derive(Debug, Clone)]
pub(crate) enum Secret {
    /// The secret itself.
    Plain(SecretString),
    /// `env:NAME`: a variable.
    Env(String),
    /// `file:PATH`: a file that holds nothing else.
    File(PathBuf),
    /// `vault:NAME`: sealed in the store under the master key.
    Vault(String),
}

impl Secret {
    fn read(text: &str) -> Result<Self, String> {
        let named = |name: &str, what: &str| {
            let name = name.trim();
            if name.is_empty() { Err(format!("names no {what}")) } else { Ok(name.to_owned()) }
        };
        if let Some(name) = text.strip_prefix("env:") {
            return named(name, "variable").map(Self::Env);
        }
        if let Some(path) = text.strip_prefix("file:") {
            return named(path, "file").map(|path| Self::File(path.into()));
        }
        if let Some(name) = text.strip_prefix("vault:") {
            let name = named(name, "secret")?;
            return gateway::secrets::check_name(&name)
                .map(|()| Self::Vault(name))
                .map_err(|error| error.to_string());
        }
        Ok(Self::Plain(text.into()))
    }

    /// Where it is; nothing of a secret itself.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Plain(_) => "(secret)".to_owned(),
            Self::Env(name) => format!("env:{name}"),
            Self::File(path) => format!("file:{}", path.display()),
            Self::Vault(name) => format!("vault:{name}"),
        }
    }
}

impl Value {
    /// As it stands in a file; a secret is not shown.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Path(path) => quoted(&path.display().to_string()),
            Self::Secret(secret) => quoted(&secret.shown()),
            Self::Span(span) => quoted(&span_text(*span)),
            Self::Off => quoted("off"),
            Self::Count(count) => count.to_string(),
            Self::Size(bytes) => quoted(&size_text(*bytes)),
            Self::Texts(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
                format!("[{}]", texts.join(", "))
            }
        }
    }
}

impl Setting {
    /// Reads a value from a text: a variable's, or a string of the file. The sentence of a refusal
    /// begins with a verb and never quotes the value.
    pub(crate) fn read_text(&self, text: &str) -> Result<Value, String> {
        if text.len() > TEXT_BYTES_MAX {
            return Err("is longer than 4,096 bytes".to_owned());
        }
        match self.kind {
            Kind::Text | Kind::Path if text.trim().is_empty() => Err("is empty".to_owned()),
            Kind::Text => Ok(Value::Text(text.to_owned())),
            Kind::Path => Ok(Value::Path(text.into())),
            Kind::Secret if text.is_empty() => Err("is empty".to_owned()),
            Kind::Secret => Secret::read(text).map(Value::Secret),
            Kind::Choice(words) if words.contains(&text) => Ok(Value::Text(text.to_owned())),
            Kind::Choice(words) => Err(format!("must be {}", words.join(" or "))),
            Kind::SpanOrOff | Kind::KeepOrOff if text == "off" => Ok(Value::Off),
            Kind::Span | Kind::SpanOrOff => span(text, SPAN_MAX).map(Value::Span),
            Kind::Keep | Kind::KeepOrOff => span(text, KEEP_MAX).map(Value::Span),
            Kind::Count => text.parse().map_err(|_| self.expected()).and_then(count),
            Kind::Size => size(text).map(Value::Size),
            Kind::Texts => texts(text),
        }
    }

    /// Reads a value of the file.
    pub(crate) fn read_toml(&self, value: &DeValue<'_>) -> Result<Value, String> {
        match (self.kind, value) {
            (Kind::Count, DeValue::Integer(number)) => {
                let number = usize::from_str_radix(number.as_str(), number.radix());
                number.map_err(|_| self.expected()).and_then(count)
            }
            (Kind::Texts, DeValue::Array(items)) => {
                if items.len() > TEXTS_MAX {
                    return Err(format!("has more than {TEXTS_MAX} texts"));
                }
                let text = |item: &toml::Spanned<DeValue<'_>>| match item.get_ref() {
                    DeValue::String(text) if text.len() > TEXT_BYTES_MAX => {
                        Err("holds a text that is longer than 4,096 bytes".to_owned())
                    }
                    // An empty one would be part of every text.
                    DeValue::String(text) if text.trim().is_empty() => {
                        Err("holds an empty text".to_owned())
                    }
                    DeValue::String(text) => Ok(text.to_string()),
                    _ => Err(self.expected()),
                };
                items.iter().map(text).collect::<Result<_, _>>().map(Value::Texts)
            }
            (Kind::Count | Kind::Texts, _) => Err(self.expected()),
            (_, DeValue::String(text)) => self.read_text(text),
            _ => Err(self.expected()),
        }
    }

    /// What it would take instead.
    fn expected(&self) -> String {
        match self.kind {
            Kind::Text | Kind::Path => "must be a text in quotation marks".to_owned(),
            Kind::Secret => {
                "must be a text in quotation marks: env:NAME, file:PATH, vault:NAME, or the secret"
                    .to_owned()
            }
            Kind::Choice(words) => format!("must be {}, in quotation marks", words.join(" or ")),
            Kind::Span | Kind::Keep => {
                "must be a length of time, for instance \"60s\" or \"30min\"".to_owned()
            }
            Kind::SpanOrOff | Kind::KeepOrOff => {
                "must be a length of time, for instance \"5min\", or \"off\"".to_owned()
            }
            Kind::Count => format!("must be a whole number from 1 to {COUNT_MAX}"),
            Kind::Size => "must be a number of bytes, for instance \"25MB\" or \"2GB\"".to_owned(),
            Kind::Texts => "must be a list of texts, for instance [\"one\", \"two\"]".to_owned(),
        }
    }
}

/// A list in one text, as variables have it.
fn texts(text: &str) -> Result<Value, String> {
    let texts: Vec<_> = text.split(',').map(|text| text.trim().to_owned()).collect();
    if texts.len() > TEXTS_MAX {
        return Err(format!("has more than {TEXTS_MAX} texts"));
    }
    if texts.iter().any(String::is_empty) {
        return Err("holds an empty text; put one comma between two texts".to_owned());
    }
    Ok(Value::Texts(texts))
}

fn count(number: usize) -> Result<Value, String> {
    if (1..=COUNT_MAX).contains(&number) {
        Ok(Value::Count(number))
    } else {
        Err(format!("must be a whole number from 1 to {COUNT_MAX}"))
    }
}

/// Reads `60s`, `30min`, `3h`, `2d`, and several of them in a row.
fn span(text: &str, max: Duration) -> Result<Duration, String> {
    let wrong = || "must be a length of time, for instance 60s, 30min, 3h or 1h 30min".to_owned();
    let mut rest = text.trim();
    let mut seconds: u64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let tail = tail.trim_start();
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit = match unit {
            "s" => 1,
            "min" | "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let more = number.checked_mul(unit).and_then(|more| seconds.checked_add(more));
        seconds = more.ok_or_else(wrong)?;
        rest = tail.trim_start();
    }
    let span = Duration::from_secs(seconds);
    if (SPAN_MIN..=max).contains(&span) {
        Ok(span)
    } else {
        Err(format!("must be from 1s to {}", span_text(max)))
    }
}

/// The units of sizes, as people say them and computers count them.
const SIZES: [(u64, &str); 4] =
    [(1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")];

/// Reads `500KB`, `25MB`, `2GB`.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || "must be a number of bytes, for instance 500KB, 25MB or 2GB".to_owned();
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let known = SIZES.into_iter().find(|(_, name)| name.eq_ignore_ascii_case(unit.trim()));
    let (unit, _) = known.ok_or_else(wrong)?;
    match number.checked_mul(unit) {
        Some(bytes) if (1..=SIZE_BYTES_MAX).contains(&bytes) => Ok(bytes),
        Some(_) | None => Err("must be from 1KB to 16TB".to_owned()),
    }
}

/// As it is read again, in the largest unit that fits.
fn size_text(bytes: u64) -> String {
    let fits = SIZES.into_iter().find(|(unit, _)| bytes.is_multiple_of(*unit));
    fits.map_or_else(|| bytes.to_string(), |(unit, name)| format!("{}{name}", bytes / unit))
}

/// As it is read again, in the largest unit that fits.
pub(crate) fn span_text(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let fits = units.into_iter().find(|(unit, _)| seconds > *unit && seconds.is_multiple_of(*unit));
    fits.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

/// A text as a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(["\\u", &format!("{:04x}", u32::from(c))]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
