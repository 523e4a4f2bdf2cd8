//! The few words of ours that stand on cards.

use crate::notices::Language;

/// Words in one language.
pub(super) struct Words {
    pub(super) date: &'static str,
    pub(super) time: &'static str,
    pub(super) answer: &'static str,
    pub(super) choice: &'static str,
    pub(super) choices: &'static str,
    pub(super) send: &'static str,
    pub(super) open: &'static str,
    pub(super) watch: &'static str,
    pub(super) file: &'static str,
    pub(super) picture: &'static str,
    pub(super) sources: &'static str,
    pub(super) of: &'static str,
    pub(super) confidential: &'static str,
    pub(super) missing: &'static str,
    pub(super) file_max: &'static str,
    pub(super) files_max: &'static str,
    pub(super) megabytes_each: &'static str,
}

const ENGLISH: Words = Words {
    date: "Date",
    time: "Time",
    answer: "Your answer",
    choice: "Your choice",
    choices: "Your choices",
    send: "Send",
    open: "Open",
    watch: "Watch",
    file: "File",
    picture: "Picture",
    sources: "Sources",
    of: "of",
    confidential: "Confidential",
    missing: "Please fill this in.",
    file_max: "file at most",
    files_max: "files at most",
    megabytes_each: "MB each",
};

const GERMAN: Words = Words {
    date: "Datum",
    time: "Uhrzeit",
    answer: "Ihre Antwort",
    choice: "Ihre Wahl",
    choices: "Ihre Auswahl",
    send: "Senden",
    open: "Öffnen",
    watch: "Ansehen",
    file: "Datei",
    picture: "Bild",
    sources: "Quellen",
    of: "von",
    confidential: "Vertraulich",
    missing: "Bitte ausfüllen.",
    file_max: "Datei höchstens",
    files_max: "Dateien höchstens",
    megabytes_each: "MB je Datei",
};

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}
