//! The gateway's languages as values of an option.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use gateway::Language;

/// Reads the code of a language.
pub(crate) fn parser() -> impl TypedValueParser<Value = Language> {
    PossibleValuesParser::new(Language::ALL.map(Language::code))
        .try_map(|code| Language::of_code(&code).ok_or("is no language"))
}
