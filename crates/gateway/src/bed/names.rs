//! Those whom tests are about, by name, and what they say.

use session::{
    Agent, Claims, Event, News, Policy, Said, Visitor,
    id::{BotId, ChannelId, ConversationKey, DeskId, SenderKey, SessionId, TenantId, UserId},
};
use store::Target;

use crate::engine::Arrival;

pub(crate) fn policy() -> Policy {
    Policy::new(desk())
}

pub(crate) fn bot() -> BotId {
    BotId::new("b").unwrap()
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

pub(crate) fn desk() -> DeskId {
    DeskId::new("d").unwrap()
}

/// A second bot, whose users are handed over to a desk of their own.
pub(crate) fn other_bot() -> BotId {
    BotId::new("other").unwrap()
}

pub(crate) fn other_desk() -> DeskId {
    DeskId::new("other").unwrap()
}

/// A conversation on Direct Line. The part of the name before a slash is the person.
pub(crate) fn key(name: &str) -> ConversationKey {
    ConversationKey {
        tenant: tenant(),
        channel: ChannelId::new("directline").unwrap(),
        bot: bot(),
        conversation: name.into(),
        user: person(name).into(),
    }
}

fn person(name: &str) -> &str {
    name.split('/').next().unwrap()
}

/// The session of this name.
pub(crate) fn session(name: &str) -> SessionId {
    SessionId::new(&format!("ses_{}", name.replace('/', "_"))).unwrap()
}

pub(crate) fn visitor(name: &str) -> Visitor {
    Visitor {
        user: UserId::new(person(name)).unwrap(),
        email: None,
        name: None,
        timezone: None,
        in_group: false,
        reference: None,
    }
}

/// The user says something; an escalation opens the session of the conversation's name.
pub(crate) fn says(name: &str, text: &str) -> Arrival {
    user_said(name, text, None)
}

/// The same with a key by which a repeat is recognised.
pub(crate) fn says_again(name: &str, text: &str, sender: &str) -> Arrival {
    user_said(name, text, Some(SenderKey::new(sender).unwrap()))
}

fn user_said(name: &str, text: &str, sender: Option<SenderKey>) -> Arrival {
    let (visitor, said, fresh) = (visitor(name), Said::words(text), session(name));
    let event = Event::UserSaid { visitor, said, key: sender, fresh };
    Arrival::event(Target::Key(key(name)), event)
}

pub(crate) fn news_for(name: &str, news: Vec<News>) -> Arrival {
    let target = Target::Session { tenant: tenant(), desk: desk(), session: session(name) };
    Arrival::callback(target, None, Claims::default(), news)
}

/// An agent's words.
pub(crate) fn agent_said(text: &str) -> News {
    let agent = Agent { name: Some("Ola".to_owned()), id: None, avatar: None };
    News::AgentSaid { agent, said: Said::words(text), key: None }
}
