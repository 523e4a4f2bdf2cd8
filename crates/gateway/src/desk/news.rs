//! From what a callback says to what happened.

use servicenow::{Asks, Callback, Item, MORE, Signal, UiType};
use session::{Agent, Choice, Claims, News, Payload, Question, Said, Wants, id::SenderKey};

use crate::{notices::Language, observe::Unnamed, plain::plain, rich::more, wakes::Typist};

/// Texts by which an instance tells things that have no signal of their own. All are written by
/// admins and translated, so they are the last resort and can be changed (reference 5.6). Compared
/// without case, anywhere in the text.
#[derive(Debug, Clone)]
pub struct Wording {
    /// Nobody is there.
    pub nobody: Vec<String>,
    /// The chat is over.
    pub ended: Vec<String>,
    /// Somebody came; Warmline says so itself.
    pub joined: Vec<String>,
    /// The language of the users: what has no name of its own has one in it.
    pub language: Language,
}

impl Default for Wording {
    fn default() -> Self {
        let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Self {
            nobody: own(&["no agents are available"]),
            ended: own(&[
                "has closed the support session",
                "the support session was closed",
                "it seems you have left the conversation",
                "it seems that you have left the conversation",
                "the conversation has ended",
            ]),
            joined: own(&["has entered the chat"]),
            language: Language::default(),
        }
    }
}

impl Wording {
    /// Whether a text says that the chat is over.
    pub(crate) fn says_ended(&self, text: &str) -> bool {
        Self::says(&self.ended, text)
    }

    fn says(patterns: &[String], text: &str) -> bool {
        let text = text.to_lowercase();
        patterns.iter().any(|pattern| text.contains(&pattern.to_lowercase()))
    }
}

/// The longest agent's name or id that is kept, in characters.
const AGENT_CHARS_MAX: usize = 100;

/// The longest address of an agent's picture that is kept, in bytes: it is part of the state.
const AVATAR_BYTES_MAX: usize = 512;

/// The longest estimate that is kept and shown, in characters.
const ESTIMATE_CHARS_MAX: usize = 200;

/// Whether somebody at the desk types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Typing {
    pub(crate) who: Typist,
    pub(crate) on: bool,
}

/// What a callback tells: news for the session, and typing, which is never stored.
pub(crate) fn read(callback: Callback, wording: &Wording) -> (Vec<News>, Vec<Typing>) {
    let failed = callback.signals.iter().any(|signal| matches!(signal, Signal::Failed { .. }));
    let over = callback.signals.iter().any(|signal| {
        matches!(signal, Signal::Completed { .. } | Signal::LetGo | Signal::BackToVirtualAgent)
    });
    let with_agents = callback.agent_chat
        || callback.signals.iter().any(|signal| {
            matches!(
                signal,
                Signal::Queued | Signal::WaitTime(_) | Signal::AgentHere(_) | Signal::Active
            )
        });
    let mut reading =
        Reading { wording, failed, over, with_agents, news: Vec::new(), typing: Vec::new() };
    for signal in callback.signals {
        reading.signal(signal);
    }
    reading.drop_arrivals_that_speak();
    (reading.news, reading.typing)
}

/// What of a callback has no name here.
pub(crate) fn unnamed(callback: &Callback) -> impl Iterator<Item = Unnamed> {
    callback.signals.iter().filter_map(|signal| match signal {
        Signal::Unknown { what } if what.starts_with("actionType") => Some(Unnamed::Action),
        Signal::Unknown { what } if what.starts_with("status") => Some(Unnamed::Status),
        Signal::Item(Item { ui_type: UiType::Other(_), .. }) | Signal::Unknown { .. } => {
            Some(Unnamed::UiType)
        }
        _ => None,
    })
}

/// By what a message of the desk is recognised, whichever way it comes: its `messageId`, which is
/// its `sys_id` in the table of messages (reference 5.2).
pub(crate) fn message_key(id: &str) -> Option<SenderKey> {
    SenderKey::new(&format!("sn:{id}")).ok()
}

/// What a callback's `clientVariables` claim.
pub(crate) fn claims_of(callback: &Callback) -> Claims {
    callback.client_variables.as_ref().map_or_else(Claims::default, |variables| Claims {
        tenant: variables.tenant_id.clone(),
        bot: variables.bot_id.clone(),
        conversation: variables.conversation_id.clone(),
    })
}

struct Reading<'a> {
    wording: &'a Wording,
    failed: bool,
    over: bool,
    with_agents: bool,
    news: Vec<News>,
    typing: Vec<Typing>,
}

impl Reading<'_> {
    fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Queued => self.news.push(News::Queued),
            Signal::WaitTime(estimate) => {
                self.news.push(News::Estimate(plain(&estimate, ESTIMATE_CHARS_MAX)));
            }
            Signal::AgentHere(agent) => self.news.push(News::AgentHere(agent_of(agent))),
            Signal::Active => self.news.push(News::Active),
            Signal::Item(item) => self.item(item),
            Signal::System { text } => self.system(text),
            Signal::Typing { on, agent, streams } => {
                let agent = Typist::Agent(agent_of(agent).name);
                let who = if streams { Typist::Desk } else { agent };
                self.typing.push(Typing { who, on });
            }
            Signal::Completed { text: Some(text) } => self.system_end(text),
            Signal::BackToVirtualAgent | Signal::Completed { text: None } => {
                self.news.push(News::Ended);
            }
            Signal::LetGo => self.news.push(News::LetGo),
            Signal::Failed { message } => self.failed(message),
            Signal::Cancelled => self.news.push(News::Cancelled),
            Signal::Unknown { what } => {
                tracing::info!(signal = what, "a callback said something unknown");
            }
            Signal::ConversationStarted { conversation_id } => {
                let id = conversation_id.filter(|id| is_sys_id(id));
                self.news.extend(id.map(|conversation| News::Started { conversation }));
            }
            // Spinners while the instance works: nothing follows from them.
            Signal::Working(_) => {}
        }
    }

    fn item(&mut self, item: Item) {
        if let UiType::Other(kind) = &item.ui_type {
            tracing::info!(ui_type = kind, "a callback showed something of an unknown kind");
        }
        let key = item.message_id.as_ref().and_then(|id| message_key(id));
        let from_agent = item.from_agent;
        let agent = agent_of(item.agent.clone().unwrap_or_default());
        let said = said_of(item, self.wording.language);
        if from_agent {
            self.news.push(News::AgentSaid { agent, said, key });
        } else if Wording::says(&self.wording.nobody, &said.text) && !self.with_agents {
            self.news.push(News::Nobody { said: Some(said) });
        } else if self.over && Wording::says(&self.wording.ended, &said.text) {
            // The ending itself follows in the same callback; the user is told once.
        } else {
            // Words that come with an ending are part of it, not a virtual agent that took over.
            let with_agents = self.with_agents || self.over || self.failed;
            self.news.push(News::DeskSaid { said, key, with_agents });
        }
    }

    fn system(&mut self, text: String) {
        if Wording::says(&self.wording.joined, &text) {
            // The arrival has a signal of its own, and this may come before anybody accepted
            // (PRB2012130).
        } else if Wording::says(&self.wording.ended, &text) {
            self.news.push(News::Ended);
        } else if Wording::says(&self.wording.nobody, &text) {
            self.news.push(News::Nobody { said: Some(Said::words(text)) });
        } else {
            self.news.push(News::DeskSaid {
                said: Said::words(text),
                key: None,
                with_agents: true,
            });
        }
    }

    /// The words of an ending are shown if they say more than that it is over.
    fn system_end(&mut self, text: String) {
        if !Wording::says(&self.wording.ended, &text) {
            let said = Said::words(text);
            self.news.push(News::DeskSaid { said, key: None, with_agents: true });
        }
        self.news.push(News::Ended);
    }

    /// Where two agents speak in one callback, their words tell who is there, each in its place.
    /// Arrivals before them would announce the second one first.
    fn drop_arrivals_that_speak(&mut self) {
        let speakers: Vec<Agent> = self
            .news
            .iter()
            .filter_map(|news| match news {
                News::AgentSaid { agent, .. } => Some(agent.clone()),
                _ => None,
            })
            .collect();
        let several = speakers.iter().any(|speaker| speaker.differs_from(&speakers[0]));
        self.news.retain(|news| match news {
            News::AgentHere(agent) if several => {
                speakers.iter().all(|speaker| speaker.differs_from(agent))
            }
            _ => true,
        });
    }

    /// The specification's `fail`: its words are the item that came with it, else the envelope's.
    fn failed(&mut self, message: Option<String>) {
        let told = self
            .news
            .iter()
            .any(|news| matches!(news, News::DeskSaid { .. } | News::Nobody { .. }));
        if !told {
            self.news.extend(message.map(|words| News::DeskSaid {
                said: Said::words(words),
                key: None,
                with_agents: true,
            }));
        }
        self.news.push(News::Failed);
    }
}

/// Whether it is the id of a record at the instance: 32 hexadecimal digits.
fn is_sys_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn agent_of(agent: servicenow::Agent) -> Agent {
    // Both are kept in the state, which is written with every event.
    let clip = |text: Option<String>| text.map(|text| plain(&text, AGENT_CHARS_MAX));
    let avatar = agent.avatar.filter(|at| at.len() <= AVATAR_BYTES_MAX);
    Agent { name: clip(agent.name), id: clip(agent.id), avatar }
}

pub(crate) fn said_of(mut item: Item, language: Language) -> Said {
    name_more(&mut item, language);
    // Bare words need no original beside them.
    let is_words = item.ui_type == UiType::OutputText && item.control.is_words();
    Said {
        options: item
            .options
            .into_iter()
            .map(|choice| Choice { label: choice.label, value: choice.value })
            .collect(),
        asks: item.question.as_ref().map(question_of),
        markdown: item.markdown,
        desk_id: item.message_id,
        changes: item.changes,
        streamed: item.streamed,
        payload: (!is_words).then(|| Payload(item.raw.get().to_owned())),
        ..Said::words(item.text)
    }
}

/// What asks for the next part and has no name of its own is called as its users would call it, on its
/// button, in the words, and where it is typed.
fn name_more(item: &mut Item, language: Language) {
    let name = more(language);
    if let Some(last) = item.options.last_mut()
        && item.ui_type == UiType::MultiPartOutput
        && last.label == MORE
        && let Some(text) = item.text.strip_suffix(MORE)
    {
        item.text = format!("{text}{name}");
        name.clone_into(&mut last.label);
    }
}

fn question_of(question: &servicenow::Question) -> Question {
    let wants = match question.kind {
        Asks::Choice => Wants::Choice,
        Asks::Choices => Wants::Choices,
        Asks::YesNo => Wants::YesNo,
        Asks::Date => Wants::Date,
        Asks::Time => Wants::Time,
        Asks::DateTime => Wants::DateTime,
        Asks::Text { secret } => Wants::Text { secret },
        // How many, and how large, is for whoever takes them in.
        Asks::Files { .. } => Wants::Files,
        Asks::More => Wants::More,
    };
    Question { wants, required: question.required }
}

#[cfg(test)]
mod tests;
