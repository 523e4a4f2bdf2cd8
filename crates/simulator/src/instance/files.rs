//! Files in a conversation, both ways, and what the primary bot says of messages afterwards
//! (reference 9.4 and 9.8).
//!
//! Owns who sees a file and when. Where its bytes come from and where they lie is decided outside.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Callback, Delivery, DeskError, Fate, FileView, Instance,
    conversation::{ChatState, Key, Line, Phase, Speaker},
};
use crate::{
    callback::{FileLink, Moment},
    media::PATH,
    request::Request,
};

/// How an agent's file looks in a callback and where it lies; what an instance does is unknown
/// (reference 9.8), so a receiver is tried with all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FileForm {
    pub(crate) shape: FileShape,
    pub(crate) place: FilePlace,
}

/// The kind of item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileShape {
    /// A picture as an `OutputImage`, anything else as an `OutputLink`.
    #[default]
    Fitting,
    /// `OutputImage`.
    Image,
    /// `OutputLink`.
    Link,
    /// `OutputText` with an `itemType`, whose value is the address.
    Text,
}

/// The address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FilePlace {
    /// `/api/now/v1/cs/media/…`
    #[default]
    Media,
    /// `/sys_attachment.do?sys_id=…`
    Attachment,
    /// `/….iix`
    Image,
}

impl FilePlace {
    /// Where a file lies on its instance.
    pub(crate) fn path(self, key: &str) -> String {
        match self {
            Self::Media => format!("{PATH}/{key}"),
            Self::Attachment => format!("/sys_attachment.do?sys_id={key}"),
            Self::Image => format!("/{key}.iix"),
        }
    }
}

/// What a line about a file says.
fn caption(file: &FileView) -> String {
    format!("(file: {})", file.name)
}

impl Instance {
    /// The open conversation that a request belongs to.
    pub(crate) fn conversation_of(&self, request: &Request) -> Option<u64> {
        self.open.get(&Key::of(request)?).copied()
    }

    /// Shows the agent a file of the user's. False when nobody is there to see it.
    pub(crate) fn show_file(&mut self, number: u64, file: FileView, now: u64) -> bool {
        let Some(conversation) = self.conversations.get_mut(&number) else { return false };
        if conversation.phase == Phase::Closed {
            return false;
        }
        let (name, caption) = (conversation.user_name(), caption(&file));
        conversation.line(Speaker::User, &name, &caption, now);
        if let Some(line) = conversation.lines.back_mut() {
            line.file = Some(file);
        }
        if conversation.phase == Phase::Live {
            self.script_answers(number, &caption, now);
        }
        true
    }

    /// The agent sends a file; `url` is where the user's side may load it from. What such a
    /// callback looks like is unknown (reference 15.4); here a picture is an `OutputImage` and
    /// anything else an `OutputLink`.
    pub(crate) fn send_file(
        &mut self,
        number: u64,
        file: FileView,
        (url, shape): (&str, FileShape),
        now: u64,
    ) -> Result<Vec<Callback>, DeskError> {
        let conversation = self.conversations.get(&number).ok_or(DeskError::UnknownChat)?;
        let chat = conversation.chat().ok_or(DeskError::UnknownChat)?;
        if chat.state != ChatState::Live || chat.transferring {
            return Err(DeskError::NotLive);
        }
        let agent = chat.agent.as_ref().ok_or(DeskError::NotLive)?.name.clone();
        let mut told = self.typing(number, false)?;
        let link = FileLink { name: &file.name, content_type: &file.content_type, url, shape };
        let sent = self.tell(number, Moment::SentFile(link));
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.talking = true;
            conversation.line(Speaker::Agent, &agent, &caption(&file), now);
            if let Some(line) = conversation.lines.back_mut() {
                line.file = Some(file);
            }
        }
        self.keep_messages(&sent, now);
        told.extend(sent);
        Ok(told)
    }

    /// The primary bot says what became of an agent's messages, in any conversation of its user.
    pub(super) fn update_messages(&mut self, key: &Key, request: &Request) -> super::Reception {
        let Some(Value::Array(updates)) = &request.message else {
            return (Fate::Ignored("UPDATE_MESSAGES takes a list of messages"), Vec::new());
        };
        let (mut found, mut told) = (false, Vec::new());
        for update in updates {
            let text = |name: &str| update.get(name).and_then(Value::as_str);
            let Some(id) = text("id") else { continue };
            let of_user = self.conversations.values_mut().rev().filter(|c| c.key == *key);
            let known = of_user.flat_map(|c| c.lines.iter_mut().map(|line| (c.number, line)));
            let mut known = known.filter(|(_, line)| line.id.as_deref() == Some(id));
            let Some((number, line)) = known.next() else { continue };
            found = true;
            line.update(text("status"), text("text"));
            if let (true, Some(text)) = (self.setup.profile.echoes_updates, text("text")) {
                told.extend(self.tell(number, Moment::Wrote(text)));
            }
        }
        let none = Fate::Ignored("no message of this user has such an id");
        (if found { Fate::Taken } else { none }, told)
    }
}

impl Line {
    fn update(&mut self, status: Option<&str>, text: Option<&str>) {
        match status {
            Some("sent_to_user") => self.delivery = Some(Delivery::SentToUser),
            Some("external_error") => self.delivery = Some(Delivery::ExternalError),
            _ => {}
        }
        if let Some(text) = text {
            text.clone_into(&mut self.text);
            self.delivery = Some(Delivery::Updated);
        }
    }
}
