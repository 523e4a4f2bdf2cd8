//! Phrases the user can type, and words that would be commands to ServiceNow.

use std::borrow::Cow;

/// Whether `text`, as a whole message, is one of `phrases`: trimmed, case-folded, inner white space
/// as one blank, final punctuation ignored. `phrases` are given folded already.
pub fn is_phrase(text: &str, phrases: &[String]) -> bool {
    let folded = fold(text);
    !folded.is_empty() && phrases.contains(&folded)
}

/// The text as the desk may have it: a message that is nothing but a command word of the instance
/// (`bye`, `restart` …; reference 3.7) gets a full stop, so that the agent reads it instead of the
/// instance obeying it.
pub fn guarded<'a>(text: &'a str, commands: &[String]) -> Cow<'a, str> {
    let bare = text.trim().to_lowercase();
    if commands.contains(&bare) { format!("{}.", text.trim_end()).into() } else { text.into() }
}

/// The form in which texts are compared; phrases of a policy are given in it.
pub fn fold(text: &str) -> String {
    let bare = text.trim().trim_end_matches(|c: char| {
        c.is_whitespace() || matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | ',' | ';')
    });
    let mut folded = String::with_capacity(bare.len());
    for word in bare.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_the_whole_message_whatever_its_dress() {
        let phrases = ["agent".to_owned(), "talk to a human".to_owned()];
        for text in ["agent", " Agent ", "AGENT!!", "talk  to a\thuman?", "Talk to a human …"] {
            assert!(is_phrase(text, &phrases), "{text:?} is a phrase");
        }
        for text in ["", "...", "an agent", "agent please", "age nt", "talk to a humanoid"] {
            assert!(!is_phrase(text, &phrases), "{text:?} is no phrase");
        }
    }

    #[test]
    fn a_command_word_alone_is_disarmed_and_nothing_else_is_touched() {
        let commands = ["bye".to_owned()];
        assert_eq!(guarded("Bye", &commands), "Bye.");
        assert_eq!(guarded(" bye \n", &commands), " bye.");
        for text in ["bye.", "bye for now", "goodbye", ""] {
            assert_eq!(guarded(text, &commands), text);
        }
    }
}
