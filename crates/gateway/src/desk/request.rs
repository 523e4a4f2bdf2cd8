//! From what is to be done at the desk to the request that does it.

use std::{borrow::Cow, collections::HashMap, fmt::Display, time::Duration};

use secrecy::SecretString;
use servicenow::{Action, Attachment, ClientVariables, HistoryEntry, Message, Request};
use session::{
    Author, Content, Context, Effect, Line, Said, What, guarded,
    id::{ConversationKey, EffectNumber, Number, SessionId, Timestamp},
    parts,
};

use crate::{keeping::Entry, trace};

/// The most log entries that go to the agent as history.
pub(crate) const HISTORY_ENTRIES_MAX: usize = 200;

/// The most bytes of history: a request that is too large is refused, and then its user gets no
/// agent at all. Well below the smallest body limit we know of (1 MiB).
const HISTORY_BYTES_MAX: usize = 256 * 1024;

/// What a line of history costs besides its words, in bytes.
const LINE_BYTES: usize = 128;

/// The longest line of history, in characters; the agent sees that it goes on.
const LINE_CHARS_MAX: usize = 4_000;

/// The longest name beside a line, in characters.
const NAME_CHARS_MAX: usize = 100;

/// How far back the history goes.
pub(crate) const HISTORY_FOR: Duration = Duration::from_hours(24);

/// What the request for an agent says; the agent sees it as the user's first line. The
/// specification's own words.
const ASKING_WORDS: &str = "Live Agent Support.";

/// How an installation dresses its requests.
#[derive(Debug, Clone)]
pub(crate) struct Dress {
    /// The message-auth token (body `token`).
    pub(crate) token: Option<SecretString>,
    /// Words that the instance would obey instead of passing on (reference 3.7).
    pub(crate) commands: Vec<String>,
    /// Whether agents are to see what became of what they said.
    pub(crate) receipts: bool,
}

/// The log entries an effect needs to be rendered.
#[derive(Debug, Default)]
pub(crate) struct Material {
    /// For an escalation: the conversation so far.
    pub(crate) history: Vec<Entry>,
    /// For an escalation: the conversation so far as the bot told it, for where our own log has
    /// nothing.
    pub(crate) transcript: Vec<Line>,
    /// For an escalation: what the bot handed over.
    pub(crate) context: Option<Context>,
    /// For a message: what was said, and when.
    pub(crate) said: Option<(Said, Timestamp)>,
    /// For a message: its files, as the instance can have them.
    pub(crate) attachments: Vec<Attachment>,
    /// For a message: the names of files that do not go with it.
    pub(crate) lost: Vec<String>,
}

/// The request for an effect of a desk lane; `None` if the entry it names is gone (shredded), or it
/// is no effect of a desk lane. `trace` must be the same at every attempt, as all of it.
pub(crate) fn of(
    effect: &Effect,
    key: &ConversationKey,
    dress: &Dress,
    material: Material,
    now: Timestamp,
    trace: Option<trace::Context>,
) -> Option<Request> {
    let mut request = said(effect, key, dress, material, now)?;
    if let Some(variables) = &mut request.client_variables {
        // Comes back with the callbacks, which then belong to the same trace.
        variables.traceparent = trace.map(|trace| trace.to_string());
    }
    Some(request)
}

fn said(
    effect: &Effect,
    key: &ConversationKey,
    dress: &Dress,
    material: Material,
    now: Timestamp,
) -> Option<Request> {
    match &effect.what {
        What::Ask { session, user, email, name, timezone, .. } => {
            let mut request = base(effect.number, session, user.as_str(), key, dress);
            request.action = Some(Action::Agent);
            request.now_bot_id = Some(key.bot.as_str().to_owned());
            request.email_id.clone_from(email);
            request.timezone.clone_from(timezone);
            request.message =
                Some(message(session, format_args!("e{}", effect.number), ASKING_WORDS, true));
            request.context_variables = material
                .context
                .unwrap_or_default()
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect();
            // The newest entry is the one that asked. A repeat says the same, whenever it is sent.
            let asked_at = material.history.last().map_or(now, |entry| entry.at);
            request.history = history(&material.history, name.as_deref(), asked_at);
            if request.history.is_empty() {
                request.history = brought(&material.transcript, name.as_deref(), asked_at);
            }
            request.timestamp = Some(asked_at.0);
            Some(request)
        }
        What::Say { session, user, email, timezone, message: number, part, words, .. } => {
            let (said, at) = material.said?;
            let mut request = base(effect.number, session, user.as_str(), key, dress);
            request.email_id.clone_from(email);
            request.timezone.clone_from(timezone);
            let (text, typed): (Cow<'_, str>, bool) = match words {
                // Not a letter more or less: it may be a password.
                Some(words) => (words.0.as_str().into(), true),
                None => match spoken(&said, *part, dress)? {
                    (text, true) => (with_files(&text, &material.lost).into_owned().into(), true),
                    value => value,
                },
            };
            request.message = Some(match part {
                None | Some(0) => message(session, number, &text, typed),
                Some(part) => message(session, format_args!("{number}.{part}"), &text, typed),
            });
            request.attachments = material.attachments;
            request.timestamp = Some(at.0);
            Some(request)
        }
        What::End { session, user, .. } => {
            let mut request = base(effect.number, session, user.as_str(), key, dress);
            request.action = Some(Action::EndConversation);
            request.message = Some(message(session, format_args!("e{}", effect.number), "", true));
            Some(request)
        }
        What::Greet | What::ToBot { .. } | What::TellBot { .. } | What::Show { .. } => None,
    }
}

/// What the desk is told in this message, and whether it was typed; `None` behind the last part. Each
/// message may be nothing but a command word.
fn spoken<'a>(said: &'a Said, part: Option<u16>, dress: &Dress) -> Option<(Cow<'a, str>, bool)> {
    if let Some(value) = &said.choice {
        return Some((value.into(), false));
    }
    if let Some(words) = &said.in_form {
        return Some((words.into(), true));
    }
    let words = match part {
        Some(part) if parts::to_desk(said) > 1 => parts::part(&said.text, part)?,
        Some(_) | None => &said.text,
    };
    let words = guarded(words, &dress.commands);
    let is_first = part.is_none_or(|part| part == 0);
    Some((if is_first { said.below_the_quote(words) } else { words }, true))
}

pub(super) fn base(
    number: EffectNumber,
    session: &SessionId,
    user: &str,
    key: &ConversationKey,
    dress: &Dress,
) -> Request {
    Request {
        // Made of what is stored, so a retry carries the same and no table is needed to know it.
        request_id: format!("{session}.{number}"),
        token: dress.token.clone(),
        client_session_id: session.as_str().to_owned(),
        client_variables: Some(ClientVariables {
            tenant_id: key.tenant.as_str().to_owned(),
            bot_id: key.bot.as_str().to_owned(),
            conversation_id: key.conversation.clone().into(),
            traceparent: None,
        }),
        user_id: user.to_owned(),
        ..Request::default()
    }
}

/// `number` is the log entry's. What is no entry goes by the number of its effect, told apart by a
/// letter, because the two count separately.
fn message(session: &SessionId, number: impl Display, text: &str, typed: bool) -> Message {
    let client_message_id = Some(format!("{session}-{number}"));
    Message { text: text.to_owned(), typed, client_message_id }
}

/// The words, and the names of files that do not come with them: an agent is to know that there were some.
fn with_files<'a>(words: &'a str, files: &[String]) -> Cow<'a, str> {
    let mut words = Cow::from(words);
    for name in files {
        let line = format!("[file: {}]", shortened(name, NAME_CHARS_MAX));
        // Some channels' words name their files already.
        if !words.contains(&line) {
            let words = words.to_mut();
            if !words.is_empty() {
                words.push('\n');
            }
            words.push_str(&line);
        }
    }
    words
}

/// The transcript for the agent: the newest lines that fit, in order.
fn history(entries: &[Entry], user: Option<&str>, upto: Timestamp) -> Vec<HistoryEntry> {
    // What was changed later is read as it stands now, and what was taken back is not read.
    let mut now: HashMap<Number, Option<&Said>> = HashMap::new();
    for entry in entries {
        match &entry.content {
            Content::Revised { of, said, .. } => drop(now.insert(*of, Some(said))),
            Content::Withdrawn { of, .. } => drop(now.insert(*of, None)),
            Content::Said(_)
            | Content::Done(_)
            | Content::Notice(_)
            | Content::Context(_)
            | Content::Transcript(_) => {}
        }
    }
    let lines =
        entries.iter().rev().filter(|entry| upto.since(entry.at) <= HISTORY_FOR).filter_map(
            |entry| {
                let said = entry.content.said()?;
                line(entry, now.get(&entry.number).copied().unwrap_or(Some(said))?, user)
            },
        );
    fitting(lines)
}

/// The transcript that the bot brought along; it tells no times.
fn brought(lines: &[Line], user: Option<&str>, at: Timestamp) -> Vec<HistoryEntry> {
    fitting(lines.iter().rev().map(|line| HistoryEntry {
        display_name: shortened(
            if line.by_user { user.unwrap_or("User") } else { "Bot" },
            NAME_CHARS_MAX,
        ),
        is_bot_message: !line.by_user,
        timestamp: at.0,
        value: shortened(&line.text, LINE_CHARS_MAX),
    }))
}

/// As many as fit, given newest first, in order.
fn fitting(lines: impl Iterator<Item = HistoryEntry>) -> Vec<HistoryEntry> {
    let mut room = HISTORY_BYTES_MAX;
    let lines = lines.take_while(|line| {
        let bytes = line.value.len() + line.display_name.len() + LINE_BYTES;
        let fits = bytes <= room;
        room = room.saturating_sub(bytes);
        fits
    });
    let mut lines: Vec<_> = lines.collect();
    lines.reverse();
    lines
}

fn line(entry: &Entry, said: &Said, user: Option<&str>) -> Option<HistoryEntry> {
    let (name, is_bot_message) = match &entry.author {
        Author::User => (user.unwrap_or("User"), false),
        Author::Bot => ("Bot", true),
        Author::Agent(agent) => (agent.name.as_deref().unwrap_or("Agent"), true),
        Author::Desk => ("Service desk", true),
        Author::Gateway => return None,
    };
    let files: Vec<_> = said.files.iter().map(|file| file.name.clone()).collect();
    Some(HistoryEntry {
        display_name: shortened(name, NAME_CHARS_MAX),
        is_bot_message,
        timestamp: entry.at.0,
        value: shortened(&with_files(&said.below_the_quote(&said.text), &files), LINE_CHARS_MAX),
    })
}

fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// The session and the number in a `requestId` of ours.
pub(crate) fn parse_request_id(text: &str) -> Option<(SessionId, session::id::EffectNumber)> {
    let (session, number) = text.rsplit_once('.')?;
    // Exactly as written: no sign, no leading zero.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    let number = digits.then(|| number.parse().ok())??;
    Some((SessionId::new(session).ok()?, session::id::EffectNumber(number)))
}

#[cfg(test)]
mod tests {
    use session::{
        Unlogged,
        id::{BotId, ChannelId, DeskId, TenantId, UserId},
    };

    use super::*;

    #[test]
    fn a_request_id_is_recognised_exactly_as_it_was_written() {
        let (session, number) = parse_request_id("ses_1.12").unwrap();
        assert_eq!((session.as_str(), number.0), ("ses_1", 12));
        for foreign in ["", "r-01", "ses_1", "ses_1.", "ses_1.+2", "ses_1.02", "ses_1.0", ".3"] {
            assert!(parse_request_id(foreign).is_none(), "{foreign:?}");
        }
        assert!(parse_request_id("ses_1.99999999999999999999999").is_none());
    }

    #[test]
    fn a_talkative_user_gets_an_agent_too() {
        let entry = |number: u64, text: String| Entry {
            number: Number(number),
            at: Timestamp(1_000 + i64::try_from(number).unwrap()),
            author: Author::User,
            content: Content::Said(Said::words(text)),
        };
        let long: Vec<_> =
            (0..200).map(|n| entry(n, format!("{n} {}", "ä".repeat(60_000)))).collect();
        let lines = history(&long, Some(&"K".repeat(200_000)), Timestamp(2_000));
        let bytes: usize = lines.iter().map(|l| l.value.len() + l.display_name.len()).sum();
        assert!((100_000..=HISTORY_BYTES_MAX).contains(&bytes), "{bytes} bytes");
        assert!(lines.last().unwrap().value.starts_with("199 "), "the newest stay");
        assert!(lines[0].value.ends_with('…') && lines[0].display_name.ends_with('…'));
        let short: Vec<_> = (0..200).map(|n| entry(n, n.to_string())).collect();
        assert_eq!(history(&short, None, Timestamp(2_000)).len(), 200);
    }

    /// What the desk gets for this effect on entry 9, as text, typed and id.
    fn told(said: Said, part: Option<u16>, words: Option<&str>) -> Option<(String, bool, String)> {
        let effect = Effect {
            number: EffectNumber(12),
            what: What::Say {
                session: SessionId::new("ses_1").unwrap(),
                desk: DeskId::new("d").unwrap(),
                user: UserId::new("kim").unwrap(),
                email: None,
                timezone: Some("Europe/Oslo".to_owned()),
                message: Number(9),
                part,
                words: words.map(|words| Unlogged(words.to_owned())),
            },
            expires_at: Timestamp(1),
        };
        let key = ConversationKey {
            tenant: TenantId::new("acme").unwrap(),
            channel: ChannelId::new("directline").unwrap(),
            bot: BotId::new("helper").unwrap(),
            conversation: "c-1".into(),
            user: "dl_kim".into(),
        };
        let dress = Dress { token: None, commands: vec!["bye".to_owned()], receipts: false };
        let lost = if words.is_some() { vec!["a.png".to_owned()] } else { Vec::new() };
        let material = Material { said: Some((said, Timestamp(7))), lost, ..Material::default() };
        let request = of(&effect, &key, &dress, material, Timestamp(8), None)?;
        assert_eq!(request.timezone.as_deref(), Some("Europe/Oslo"));
        let message = request.message?;
        Some((message.text, message.typed, message.client_message_id?))
    }

    #[test]
    fn an_answer_is_written_as_its_question_wants_it() {
        let id = || "ses_1-9".to_owned();
        let said = |text: &str| Said::words(text);
        let chosen = Said { choice: Some("bye".to_owned()), ..said("Phone") };
        assert_eq!(told(chosen, None, None), Some(("bye".to_owned(), false, id())));
        let day = Said { in_form: Some("2026-12-01".to_owned()), ..said("1.12.2026") };
        assert_eq!(told(day, None, None), Some(("2026-12-01".to_owned(), true, id())));
        assert_eq!(told(said("bye"), None, None), Some(("bye.".to_owned(), true, id())));
        // A secret is not touched, though it be a command.
        assert_eq!(
            told(said("••••••"), Some(0), Some("bye")),
            Some(("bye".to_owned(), true, id()))
        );
    }

    #[test]
    fn long_words_are_told_in_parts_each_under_an_id_of_its_own() {
        let long = format!("{}\n\n{}", "a".repeat(3_000), "b".repeat(3_000));
        let quoted = Some("Dana: Sure?".to_owned());
        let said = || Said { quoted: quoted.clone(), ..Said::words(long.clone()) };
        let first = format!("> Dana: Sure?\n{}", "a".repeat(3_000));
        assert_eq!(told(said(), Some(0), None), Some((first, true, "ses_1-9".to_owned())));
        let second = ("b".repeat(3_000), true, "ses_1-9.1".to_owned());
        assert_eq!(told(said(), Some(1), None), Some(second));
        assert_eq!(told(said(), Some(2), None), None);
        // As an earlier version ordered it: whole.
        let whole = format!("> Dana: Sure?\n{long}");
        assert_eq!(told(said(), None, None), Some((whole, true, "ses_1-9".to_owned())));
        // The last part may be a word that the instance would obey.
        let command = Said::words(format!("{}\n\nbye", "a".repeat(3_999)));
        let disarmed = ("bye.".to_owned(), true, "ses_1-9.1".to_owned());
        assert_eq!(told(command, Some(1), None), Some(disarmed));
    }
}
