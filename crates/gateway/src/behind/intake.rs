//! What an activity of the bot's amounts to.

use bot_framework::{Activity, activity::kinds};
use session::{
    Author, Event, Payload, Said,
    id::{Number, SenderKey, SessionId},
};

use super::{cards, handoff, links::hidden};
use crate::behind::BehindSetup;

/// Attachments of one activity that are told in its words, for those who see words only.
const ATTACHMENTS_NAMED_MAX: usize = 20;

/// What follows from an activity.
pub(crate) enum Move {
    /// Something for the engine.
    Event(Box<Event>),
    /// Something for whoever looks at the moment, and for nobody later: typing, also such as carries a
    /// text that grows.
    Passing(Activity),
    /// Nothing: it is for developers' eyes, or has no meaning to a user.
    Nothing,
}

/// What is needed to read an activity of the bot's.
pub(crate) struct Intake<'a> {
    /// The bot.
    pub(crate) setup: &'a BehindSetup,
    /// The entry that it answers, if that is known.
    pub(crate) answers: Option<Number>,
    /// By which a repeat is recognised, where one can come.
    pub(crate) key: Option<SenderKey>,
    /// The id of the session, should this begin one.
    pub(crate) fresh: SessionId,
}

impl Intake<'_> {
    pub(crate) fn read(self, activity: Activity) -> Move {
        if handoff::ends(&activity) {
            let said = words_of(&activity);
            return Move::Event(Box::new(Event::BotEnds { said }));
        }
        if let Some(asked) = handoff::asks(&activity, &self.setup.handoff_events) {
            let (context, transcript) = (asked.context, asked.transcript);
            let (key, fresh) = (self.key, self.fresh);
            // An event asks in silence, a message with a tag may say something to the user as well.
            let said = words_of(&activity);
            let asked = Event::BotAsked { said, context, transcript, key, fresh };
            return Move::Event(Box::new(asked));
        }
        match &*activity.kind() {
            kinds::MESSAGE => {
                let (answers, key) = (self.answers, self.key);
                Move::Event(Box::new(Event::BotSaid { said: said(&activity), answers, key }))
            }
            kinds::TYPING => Move::Passing(activity),
            // `invokeResponse` and `delay` never leave an SDK; who joined is nothing for a page
            // (reference 1.2, 4.3).
            kinds::TRACE
            | kinds::CONVERSATION_UPDATE
            | kinds::INVOKE
            | "invokeResponse"
            | "delay" => Move::Nothing,
            _ => {
                let (answers, key) = (self.answers, self.key);
                let payload = Payload(activity.to_json());
                Move::Event(Box::new(Event::BotDid { payload, answers, key }))
            }
        }
    }
}

/// What a message says to the user besides what its tag asks for.
fn words_of(activity: &Activity) -> Option<Said> {
    let said = (activity.kind() == kinds::MESSAGE).then(|| said(activity))?;
    (!said.text.trim().is_empty()).then_some(said)
}

/// A message of the bot's: readable for everybody, and whole for those who can show more.
pub(crate) fn said(activity: &Activity) -> Said {
    let mut text = hidden(&activity.text().unwrap_or_default()).into_owned();
    for attachment in activity.attachments().into_iter().take(ATTACHMENTS_NAMED_MAX) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&hidden(&cards::words(&attachment)));
    }
    // Absent, it is Markdown to a web page (reference 4.6).
    let markdown = activity.text_format().is_none_or(|format| format == "markdown");
    Said { markdown, payload: Some(Payload(activity.to_json())), ..Said::words(text) }
}

/// A line of before, as `activities/history` brings it; `None` for what was no message.
pub(crate) fn brought(activity: &Activity) -> Option<(Author, Said)> {
    if activity.kind() != kinds::MESSAGE {
        return None;
    }
    let by_user = handoff::is_by_user(activity, None);
    Some((if by_user { Author::User } else { Author::Bot }, said(activity)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behind::tests::setup;

    fn read(json: &str) -> Move {
        let (setup, fresh) = (setup(), SessionId::new("ses_1").unwrap());
        let intake = Intake { setup: &setup, answers: None, key: None, fresh };
        intake.read(Activity::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn each_kind_of_activity_has_its_meaning() {
        let name = |json| match read(json) {
            Move::Event(event) => match *event {
                Event::BotSaid { .. } => "said",
                Event::BotDid { .. } => "did",
                Event::BotAsked { .. } => "asked",
                Event::BotEnds { .. } => "ends",
                _ => "another",
            },
            Move::Passing(_) => "passing",
            Move::Nothing => "nothing",
        };
        for (json, meaning) in [
            (r#"{"type":"message","text":"hi"}"#, "said"),
            (r#"{"type":"message"}"#, "said"),
            (r#"{"type":"typing"}"#, "passing"),
            (r#"{"type":"typing","text":"so far","entities":[{"type":"streaminfo"}]}"#, "passing"),
            (r#"{"type":"event","name":"navigate","value":"/pay"}"#, "did"),
            (r#"{"type":"event","name":"handoff.initiate"}"#, "asked"),
            (r#"{"type":"event","name":"GenesysHandoff"}"#, "asked"),
            (r#"{"type":"endOfConversation","code":"completedSuccessfully"}"#, "did"),
            (r#"{"type":"trace","name":"x"}"#, "nothing"),
            (r#"{"type":"conversationUpdate"}"#, "nothing"),
            (r#"{"type":"brandNew"}"#, "did"),
            (r#"{"type":"message","channelData":{"tags":"{\"type\":\"Escalate\"}"}}"#, "asked"),
            (
                r#"{"type":"message","channelData":{"tags":"{\"type\":\"EndConversation\"}"}}"#,
                "ends",
            ),
            (r#"{"type":"message","channelData":{"tags":"EndConversation"}}"#, "ends"),
        ] {
            assert_eq!(name(json), meaning, "{json}");
        }
    }

    #[test]
    fn a_message_is_kept_whole_beside_its_words() {
        let json = r#"{"type":"message","text":"a *b*","x":1.0,"attachments":[{"contentType":"image/png","name":"a.png"}]}"#;
        let said = said(&Activity::parse(json.as_bytes()).unwrap());
        assert_eq!(said.text, "a *b*\n[attachment: a.png]");
        assert!(said.markdown);
        assert_eq!(said.payload.unwrap().0, json);
        let plain = r#"{"type":"message","text":"a","textFormat":"plain"}"#;
        assert!(!super::said(&Activity::parse(plain.as_bytes()).unwrap()).markdown);
    }
}
