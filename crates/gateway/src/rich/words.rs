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
    pub(super) link: &'static str,
    pub(super) more: &'static str,
    pub(super) rows: &'static str,
    pub(super) columns: &'static str,
    pub(super) for_instance: &'static str,
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
    link: "Link",
    more: "More",
    rows: "rows",
    columns: "columns",
    for_instance: "for instance",
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
    link: "Link",
    more: "Mehr",
    rows: "Zeilen",
    columns: "Spalten",
    for_instance: "zum Beispiel",
    sources: "Quellen",
    of: "von",
    confidential: "Vertraulich",
    missing: "Bitte ausfüllen.",
    file_max: "Datei höchstens",
    files_max: "Dateien höchstens",
    megabytes_each: "MB je Datei",
};

/// What a button is called that has no name of its own and leads on.
pub(crate) fn more(language: Language) -> &'static str {
    words(language).more
}

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}
