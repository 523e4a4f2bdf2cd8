//! The message catalogue: what each notice says in each language. Keys are the session crate's;
//! wording is here and nowhere else. A new notice, or a new language, is a list of compile errors
//! until there are words for it.

mod english;
mod german;

use session::{FileRefusal, Notice, Phrases};

use crate::masking::BuiltIn;

/// What users are spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// Every language there is.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Its code (ISO 639-1).
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language of this code; a region behind it (`de-AT`) makes no difference.
    pub fn of_code(code: &str) -> Option<Self> {
        let language = code.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|known| known.code().eq_ignore_ascii_case(language))
    }

    /// What users can type: the English phrases, which notices of other channels may name, and the
    /// language's own.
    pub fn phrases(self) -> Phrases {
        let mut phrases = Phrases::default();
        let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        match self {
            Self::English => {}
            Self::German => {
                phrases.escalate.extend(own(&["mitarbeiter", "mit einem menschen sprechen"]));
                phrases.cancel.extend(own(&["abbrechen"]));
                phrases.end.extend(own(&["chat beenden"]));
                phrases.yes.extend(own(&["jep", "jawohl", "ja"]));
                phrases.no.extend(own(&["nö", "nee", "nein"]));
                phrases.skip.extend(own(&["auslassen", "überspringen"]));
            }
        }
        phrases
    }
}

/// What a page shows in place of something that the bot took back.
pub(crate) fn withdrawn(language: Language) -> &'static str {
    match language {
        Language::English => "This message was deleted.",
        Language::German => "Diese Nachricht wurde gelöscht.",
    }
}

/// Something that a user did without saying it in words, for the agent who reads words only.
#[derive(Clone, Copy)]
pub(crate) enum Told<'a> {
    /// An earlier message says something else from now on.
    Edited {
        /// What it said, if that is known.
        before: Option<&'a str>,
        now: &'a str,
    },
    /// An earlier message was taken back.
    Deleted { what: Option<&'a str> },
    /// That was undone.
    Restored { now: &'a str },
    /// A reaction to an earlier message.
    Reacted { with: &'a str, to: Option<&'a str> },
    /// A reaction was taken back.
    Unreacted { with: &'a str, to: Option<&'a str> },
    /// A card was filled in and sent.
    Submitted { values: &'a str },
    /// A button of a card was pressed that says nothing.
    Pressed,
    /// Where they are, or a place that they mean.
    Located { place: &'a str, link: Option<&'a str> },
    /// A person whom they name.
    Contact { who: &'a str },
    /// A picture that stands for a feeling.
    Sticker { sign: Option<&'a str> },
    /// Something of a kind that nobody here can read.
    Unreadable,
}

/// Its words, in brackets, so that nobody takes them for the user's own.
pub(crate) fn told(language: Language, told: &Told<'_>) -> String {
    match language {
        Language::English => english::told(told),
        Language::German => german::told(told),
    }
}

/// What stands at a button for a moment after it was pressed.
pub(crate) fn taken(language: Language) -> &'static str {
    match language {
        Language::English => "Thank you, that was passed on.",
        Language::German => "Danke, das wurde weitergegeben.",
    }
}

/// What stands in place of something that may not be passed on.
pub(crate) fn mask(language: Language, kind: &str) -> String {
    match language {
        Language::English => format!("[{kind} removed]"),
        Language::German => format!("[{kind} entfernt]"),
    }
}

/// What such a thing is called.
pub(crate) fn kind(language: Language, kind: BuiltIn) -> &'static str {
    match (language, kind) {
        (Language::English, BuiltIn::Card) => "card number",
        (Language::German, BuiltIn::Card) => "Kartennummer",
        (_, BuiltIn::Iban) => "IBAN",
        (Language::English, BuiltIn::UsSsn) => "social security number",
        (Language::German, BuiltIn::UsSsn) => "Sozialversicherungsnummer",
    }
}

/// Why the address of a file opens none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoFile {
    /// There is none.
    Unknown,
    /// It was kept for a while, which is over.
    Expired,
    /// It was damaged where it is kept.
    Damaged,
    /// It cannot be had at the moment.
    Later,
    /// It never comes from the desk.
    Never(FileRefusal),
}

/// What whoever opens such an address in a browser reads: a title, and why.
pub(crate) fn no_file(language: Language, why: NoFile) -> (&'static str, String) {
    if let NoFile::Never(why) = why {
        let words = words(language, &Notice::FileNotPassedOn { name: None, why });
        return (no_file(language, NoFile::Unknown).0, words);
    }
    let (title, words) = match language {
        Language::English => english::no_file(why),
        Language::German => german::no_file(why),
    };
    (title, words.to_owned())
}

/// The words of a notice.
pub(crate) fn words(language: Language, notice: &Notice) -> String {
    match language {
        Language::English => english::words(notice),
        Language::German => german::words(notice),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use session::{EndReason, EndedBy};

    use super::*;

    const REASONS: [EndReason; 14] = [
        EndReason::AgentEnded,
        EndReason::UserEnded,
        EndReason::UserCancelled,
        EndReason::DeskCancelled,
        EndReason::NoAgent,
        EndReason::NotRouted,
        EndReason::Refused,
        EndReason::Rejected,
        EndReason::Unreachable,
        EndReason::Silence,
        EndReason::WaitedTooLong,
        EndReason::Lost,
        EndReason::UserLeft,
        EndReason::OperatorEnded,
    ];

    /// Every notice, with and without what it may name.
    fn notices() -> Vec<Notice> {
        let agents = || [Some("Dana".to_owned()), None];
        let mut all = vec![
            Notice::Asked,
            Notice::Waiting { estimate: "8 Seconds".to_owned() },
            Notice::Transferring { estimate: "8 Seconds".to_owned() },
            Notice::Held,
            Notice::WentThrough,
            Notice::IdleWarning,
            Notice::Ended { by: EndedBy::User },
            Notice::Ended { by: EndedBy::Operator },
            Notice::NobodyThere,
            Notice::Cancelled,
            Notice::BusyElsewhere,
            Notice::Undelivered,
            Notice::BackWithBot,
            Notice::BotAway,
            Notice::UserLeft,
            Notice::NoMoreHeld,
            Notice::PersonalOnly,
            Notice::AgentUnheard,
            Notice::AnsweredTooLate,
            Notice::Masked,
        ];
        for agent in agents() {
            all.push(Notice::Connected { agent: agent.clone(), avatar: None });
            all.push(Notice::Transferred { agent: agent.clone(), avatar: None });
            all.push(Notice::AgentIdle { agent: agent.clone() });
            all.push(Notice::Ended { by: EndedBy::Agent(agent) });
        }
        let refusals = [
            FileRefusal::Infected,
            FileRefusal::NotAllowed,
            FileRefusal::Empty,
            FileRefusal::TooLarge,
            FileRefusal::NoRoom,
            FileRefusal::NotNow,
            FileRefusal::NotGiven,
        ];
        all.extend(refusals.map(|why| Notice::FileNotTaken { name: None, why }));
        let named = || Some("a.exe".to_owned());
        all.extend(refusals.map(|why| Notice::FileNotTaken { name: named(), why }));
        for name in [named(), None] {
            all.extend(refusals.map(|why| Notice::FileNotPassedOn { name: name.clone(), why }));
        }
        let address = "https://chat.example/files/x".to_owned();
        all.push(Notice::FileLinked { name: "a.pdf".to_owned(), address });
        all.extend(REASONS.map(|reason| Notice::Failed { reason }));
        all
    }

    #[test]
    fn every_notice_has_words_of_its_own_in_each_language() {
        for notice in notices() {
            let said = Language::ALL.map(|language| words(language, &notice));
            let apart: BTreeSet<_> = said.iter().collect();
            assert_eq!(apart.len(), said.len(), "not translated: {said:?}");
            for words in said {
                assert!(words.ends_with(['.', '?']) && words.len() > 10, "no sentence: {words}");
                let gaps = ["{", "}", "  ", " .", " ,", "None"];
                assert!(!gaps.iter().any(|gap| words.contains(gap)), "a gap: {words}");
            }
        }
    }

    #[test]
    fn whatever_a_notice_names_is_in_its_words() {
        for language in Language::ALL {
            for notice in notices() {
                let fields = serde_json::to_string(&notice).unwrap();
                let words = words(language, &notice);
                for name in ["Dana", "8 Seconds"].iter().filter(|name| fields.contains(**name)) {
                    assert!(words.contains(name), "{words}");
                }
            }
        }
    }

    #[test]
    fn whatever_an_agent_is_told_is_told_in_each_language_with_all_it_names() {
        let (now, with, values) = ("N1", "👍", "V1");
        let mut all = vec![Told::Restored { now }, Told::Submitted { values }, Told::Pressed];
        for old in [None, Some("O1")] {
            all.extend([Told::Edited { before: old, now }, Told::Deleted { what: old }]);
            all.extend([Told::Reacted { with, to: old }, Told::Unreacted { with, to: old }]);
            all.extend([Told::Located { place: values, link: old }, Told::Sticker { sign: old }]);
        }
        all.extend([Told::Contact { who: values }, Told::Unreadable]);
        let mut each = BTreeSet::new();
        for one in &all {
            let said = Language::ALL.map(|language| told(language, one));
            for words in &said {
                assert!(words.starts_with('[') && words.contains(']'), "{words}");
                for (name, named) in [
                    ("N1", matches!(one, Told::Edited { .. } | Told::Restored { .. })),
                    (
                        "V1",
                        matches!(
                            one,
                            Told::Submitted { .. } | Told::Located { .. } | Told::Contact { .. }
                        ),
                    ),
                    ("👍", matches!(one, Told::Reacted { .. } | Told::Unreacted { .. })),
                    (
                        "O1",
                        matches!(
                            one,
                            Told::Edited { before: Some(_), .. }
                                | Told::Deleted { what: Some(_) }
                                | Told::Reacted { to: Some(_), .. }
                                | Told::Unreacted { to: Some(_), .. }
                                | Told::Located { link: Some(_), .. }
                                | Told::Sticker { sign: Some(_) }
                        ),
                    ),
                ] {
                    assert_eq!(words.contains(name), named, "{words}");
                }
            }
            each.extend(said);
        }
        assert_eq!(each.len(), all.len() * Language::ALL.len());
    }

    #[test]
    fn the_phrases_that_notices_name_are_understood() {
        for (language, escalate, cancel, end) in [
            (Language::English, "agent", "cancel", "end chat"),
            (Language::German, "Mitarbeiter", "Abbrechen", "Chat beenden"),
        ] {
            let phrases = language.phrases();
            for (notice, phrase, known) in [
                (Notice::BotAway, escalate, &phrases.escalate),
                (Notice::Asked, cancel, &phrases.cancel),
                (Notice::Connected { agent: None, avatar: None }, end, &phrases.end),
            ] {
                assert!(words(language, &notice).contains(phrase), "{notice:?}");
                assert!(known.contains(&phrase.to_lowercase()), "{phrase}");
            }
        }
    }

    #[test]
    fn failures_that_a_user_would_tell_apart_have_words_of_their_own() {
        let reasons = [
            EndReason::NoAgent,
            EndReason::UserCancelled,
            EndReason::Refused,
            EndReason::Rejected,
            EndReason::Unreachable,
            EndReason::Silence,
            EndReason::WaitedTooLong,
            EndReason::Lost,
            EndReason::AgentEnded,
        ];
        for language in Language::ALL {
            let failed = |reason| words(language, &Notice::Failed { reason });
            let words: BTreeSet<_> = reasons.into_iter().map(failed).collect();
            assert_eq!(words.len(), reasons.len());
        }
    }

    #[test]
    fn a_language_is_known_by_its_code_whatever_the_region() {
        for (code, expected) in [
            ("en", Some(Language::English)),
            ("de", Some(Language::German)),
            ("de-AT", Some(Language::German)),
            ("DE_de", Some(Language::German)),
            ("fr", None),
            ("", None),
        ] {
            assert_eq!(Language::of_code(code), expected, "{code}");
        }
    }
}
