//! What people, the bot and the desk say, in the house's own form.
//!
//! The debug forms tell sizes and kinds, never words or names: they may end up in a log.

mod content;
mod file;

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

pub use content::{Content, Message};
pub use file::File;

use crate::{
    asked::{Given, Question},
    id::SenderKey,
    under_way::UnderWay,
};

/// One thing that was said. Richer forms ride along in `payload`, which nobody here looks into.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The words; may be empty when everything is in the payload.
    pub text: String,
    /// What the user typed, where the words say more: the names of files. Gone once it is known what
    /// that answers, and never kept.
    #[serde(skip)]
    pub own_words: Option<String>,
    /// The value of the option the user chose, when this answers a question with options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// What the desk gets in place of the words, where its question wants another form than people
    /// type: a date. Typed all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_form: Option<String>,
    /// What a card gave in answer to a question, and to which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Given>,
    /// The words are not these: they were for the desk alone, and are not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<Masked>,
    /// What it asks for, if it is a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<Question>,
    /// The desk goes on changing it, under the same id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
    /// It was told piece by piece before: only the desk's virtual agent does that, no person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub streamed: bool,
    /// The options offered with the words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    /// The words are Markdown. A person's never are: `*` and `_` must show.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub markdown: bool,
    /// What the words answer, where the channel quotes it and they do not. Beside them, so that a
    /// quote never hides a phrase or the answer to a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<String>,
    /// What goes with the words, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// Files of it that are not here yet and come after it. Of the conversation's state from then on,
    /// and never kept with the words.
    #[serde(skip)]
    pub coming: Vec<UnderWay>,
    /// The desk's id of it, under which the desk wants to hear whether the user got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_id: Option<String>,
    /// The original, for those who can show more than words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
}

impl Said {
    /// Plain words and nothing else.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// What its author typed, without the lines for what goes with it.
    pub(crate) fn typed(&self) -> &str {
        self.own_words.as_deref().unwrap_or(&self.text)
    }

    /// `words` of it, below what they answer: for those who read words only.
    pub fn below_the_quote<'a>(&self, words: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        let words = words.into();
        let Some(quoted) = &self.quoted else { return words };
        let quoted = quoted.lines().map(|line| format!("> {line}\n"));
        quoted.chain([words.into_owned()]).collect::<String>().into()
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said")
            .field("bytes", &self.text.len())
            .field("chosen", &(self.choice.is_some() || self.in_form.is_some()))
            .field("answer", &self.answer)
            .field("masked", &self.masked.is_some())
            .field("asks", &self.asks)
            .field("options", &self.options.len())
            .field("markdown", &self.markdown)
            .field("quoted", &self.quoted.is_some())
            .field("files", &self.files)
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}

/// What stands for words that were for the desk alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Masked {
    /// By which the sender recognises them coming back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SenderKey>,
}

/// Words that are kept with the effect that delivers them, and nowhere else. The debug form shows
/// their size.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unlogged(pub String);

impl fmt::Debug for Unlogged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unlogged({} bytes)", self.0.len())
    }
}

/// An original in its channel's own form (an activity, a desk item), as JSON text. Opaque here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(pub String);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

/// One option of a question.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What the user sees.
    pub label: String,
    /// What the asker wants back.
    pub value: String,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").finish_non_exhaustive()
    }
}

/// A person at the desk, as far as the instance names them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The name shown to users; absent where the admin hides names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The instance's id of the agent's profile; newer app versions only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the agent's picture is at the instance; absent where the admin hides pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

impl Agent {
    /// Whether `other` is certainly somebody else: both carry an id, or else a name, that differ.
    pub fn differs_from(&self, other: &Self) -> bool {
        self.compare(other) == Some(false)
    }

    /// Whether `other` is, as far as anybody can tell, the same person.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.compare(other) == Some(true)
    }

    /// Whether they are equal by id, or else by name; `None` if neither can be compared.
    fn compare(&self, other: &Self) -> Option<bool> {
        let equal = |mine: &Option<String>, theirs: &Option<String>| {
            mine.as_ref().zip(theirs.as_ref()).map(|(mine, theirs)| mine == theirs)
        };
        equal(&self.id, &other.id).or_else(|| equal(&self.name, &other.name))
    }

    /// Takes over whatever `other` tells and this does not yet know.
    pub(crate) fn learn(&mut self, other: &Self) {
        if self.name.is_none() {
            self.name.clone_from(&other.name);
        }
        if self.id.is_none() {
            self.id.clone_from(&other.id);
        }
        if self.avatar.is_none() {
            self.avatar.clone_from(&other.avatar);
        }
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("named", &self.name.is_some())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Who a message is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The user.
    User,
    /// The bot.
    Bot,
    /// A person at the desk.
    Agent(Agent),
    /// The desk itself: its own texts and its virtual agent.
    Desk,
    /// Warmline: notices.
    Gateway,
}

/// Named values a bot hands over with the conversation; they become context variables.
pub type Context = BTreeMap<String, String>;

/// The debug form of a [`Context`]: which values there are, never what they say.
pub(crate) struct Names<'a>(pub(crate) &'a Context);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// One line of a conversation that was held elsewhere, as the bot brought it along.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The user said it; otherwise the bot did.
    pub by_user: bool,
    /// What.
    pub text: String,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("by_user", &self.by_user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        conversation::Visitor,
        effect::What,
        event::Event,
        id::{DeskId, Number, SessionId, Timestamp, UserId},
        notice::Notice,
    };

    /// What must never be printed.
    const CANARY: &str = "canary";

    fn canary() -> String {
        CANARY.to_owned()
    }

    fn said() -> Said {
        Said {
            choice: Some(canary()),
            in_form: Some(canary()),
            answer: Some(Given { to: Number(1), value: canary(), secret: true }),
            own_words: Some(canary()),
            options: vec![Choice { label: canary(), value: canary() }],
            quoted: Some(canary()),
            files: vec![File { id: canary(), name: canary(), kind: String::new(), bytes: 1 }],
            desk_id: Some(canary()),
            payload: Some(Payload(canary())),
            ..Said::words(CANARY)
        }
    }

    fn context() -> Context {
        Context::from([("topic".to_owned(), canary())])
    }

    fn visitor() -> Visitor {
        Visitor {
            user: UserId::new("kim").unwrap(),
            email: Some(canary()),
            name: Some(canary()),
            timezone: Some(canary()),
            in_group: false,
            reference: Some(Payload(canary())),
        }
    }

    #[test]
    fn a_quote_stands_above_the_words_that_answer_it() {
        assert_eq!(Said::words("yes").below_the_quote("yes."), "yes.");
        let quoted = Some("Dana: Sure?\nReally?".to_owned());
        let said = Said { quoted, ..Said::words("yes") };
        assert_eq!(said.below_the_quote("yes."), "> Dana: Sure?\n> Really?\nyes.");
    }

    #[test]
    fn no_debug_form_prints_words_or_names() {
        let (session, desk) = (SessionId::new("ses_1").unwrap(), DeskId::new("d").unwrap());
        let ask = What::Ask {
            session: session.clone(),
            desk: desk.clone(),
            user: UserId::new("kim").unwrap(),
            email: Some(canary()),
            name: Some(canary()),
            timezone: Some(canary()),
            upto: Number(1),
            context: None,
        };
        let say = What::Say {
            session: session.clone(),
            desk,
            user: UserId::new("kim").unwrap(),
            email: Some(canary()),
            message: Number(1),
            timezone: None,
            part: None,
            words: Some(Unlogged(canary())),
        };
        let agent = Agent { name: Some(canary()), id: None, avatar: Some(canary()) };
        let notice = Notice::Connected { agent: Some(canary()), avatar: Some(canary()) };
        let lines = vec![Line { by_user: true, text: canary() }];
        let asked = Event::BotAsked {
            said: Some(said()),
            context: context(),
            transcript: lines.clone(),
            key: None,
            fresh: session,
        };
        let revised = Content::Revised { of: Number(1), at: Timestamp(1), said: said() };
        let forms: [&dyn fmt::Debug; 15] = [
            &Content::Transcript(lines),
            &Content::Done(Payload(canary())),
            &revised,
            &said(),
            &Payload(canary()),
            &said().options,
            &visitor(),
            &Author::Agent(agent),
            &Content::Said(said()),
            &Content::Notice(notice),
            &Content::Context(context()),
            &asked,
            &Event::Opened { visitor: visitor() },
            &ask,
            &say,
        ];
        for form in forms {
            let shown = format!("{form:?} {form:#?}");
            assert!(!shown.contains(CANARY), "{shown}");
        }
        assert!(format!("{asked:?}").contains("topic"), "the names of values are no words");
    }
}
