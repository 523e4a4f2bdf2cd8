//! What people do in Teams, as the activities that a bot gets (reference 6), and their delivery.
//!
//! An activity is made first and delivered then, so that a test can change anything about it, and
//! deliver it twice.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use reqwest::header;
use serde_json::{Value, json};

use super::{
    Azure,
    config::{Person, TENANT},
    keys::b64,
    world::{Chat, ChatKind, Room},
};

/// What the bot's endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NotSaid {
    /// The app has no endpoint.
    #[error("the app {0} has no endpoint: set one first")]
    NoEndpoint(String),
    /// Nobody answered, not in time, or not to the end.
    #[error("the bot did not answer: {0}")]
    NoAnswer(#[from] reqwest::Error),
}

impl Azure {
    /// The app is installed for a person: their chat with the bot, made anew if there is none.
    pub fn personal_chat(&self, app_id: &str, person: &Person) -> Chat {
        let app_id = app_id.to_ascii_lowercase();
        self.shared.act(|world| {
            world.meet(person);
            if let Some(room) = world.personal(&app_id, person) {
                return room.chat.clone();
            }
            let of = format!("{app_id} {}", person.aad_object_id);
            let id = format!("a:1{}", b64(digest(&SHA256, of.as_bytes()).as_ref()));
            let (kind, people) = (ChatKind::Personal, vec![person.clone()]);
            let chat = Chat { id, kind, app_id, tenant: person.tenant.clone(), people };
            world.rooms.insert(chat.id.clone(), Room::new(chat.clone()));
            chat
        })
    }

    /// A chat of several people with the bot.
    pub fn group_chat(&self, app_id: &str, people: &[Person]) -> Chat {
        self.shared_chat(app_id, people, ChatKind::Group)
    }

    /// A thread in a channel of a team that has the bot.
    pub fn channel_thread(&self, app_id: &str, people: &[Person]) -> Chat {
        self.shared_chat(app_id, people, ChatKind::Channel)
    }

    fn shared_chat(&self, app_id: &str, people: &[Person], kind: ChatKind) -> Chat {
        let now = self.shared.clock.now();
        self.shared.act(|world| {
            for person in people {
                world.meet(person);
            }
            let fresh = world.fresh_id(now);
            let name = b64(digest(&SHA256, fresh.as_bytes()).as_ref()).to_ascii_lowercase();
            let id = match kind {
                ChatKind::Channel => format!("19:{name}@thread.tacv2"),
                _ => format!("19:{name}@thread.v2"),
            };
            let tenant = people.first().map_or(TENANT.to_owned(), |one| one.tenant.clone());
            let app_id = app_id.to_ascii_lowercase();
            let mut chat = Chat { id, kind, app_id, tenant, people: people.to_vec() };
            world.rooms.insert(chat.id.clone(), Room::new(chat.clone()));
            if kind == ChatKind::Channel {
                chat.id = format!("{};messageid={fresh}", chat.id);
            }
            chat
        })
    }

    /// What all activities of Teams have. `type` and the rest are the caller's.
    pub fn activity(&self, chat: &Chat, from: &Person, kind: &str) -> Value {
        let now = self.shared.clock.now();
        let id = self.shared.act(|world| world.fresh_id(now));
        let at = Timestamp::from_millisecond(i64::try_from(now).unwrap_or_default());
        let at = at.unwrap_or_default();
        let mut conversation = json!({
            "conversationType": match chat.kind {
                ChatKind::Personal => "personal",
                ChatKind::Group => "groupChat",
                ChatKind::Channel => "channel",
            },
            "tenantId": chat.tenant, "id": chat.id,
        });
        let mut data = json!({"tenant": {"id": chat.tenant}});
        if chat.kind != ChatKind::Personal {
            conversation["isGroup"] = true.into();
        }
        if chat.kind == ChatKind::Channel {
            let channel = chat.id.split(';').next().unwrap_or_default();
            data["channel"] = json!({ "id": channel });
            data["team"] = json!({ "id": channel });
            data["teamsChannelId"] = channel.into();
            data["teamsTeamId"] = channel.into();
        }
        json!({
            "type": kind, "id": id, "timestamp": format!("{at:.3}"),
            "localTimestamp": format!("{at:.3}"), "localTimezone": "UTC", "channelId": "msteams",
            "serviceUrl": self.service_url(),
            "from": {
                "id": from.id_for(&chat.app_id), "name": from.name,
                "aadObjectId": from.aad_object_id,
            },
            "recipient": {"id": format!("28:{}", chat.app_id), "name": "Helper"},
            "conversation": conversation, "channelData": data, "locale": "en-US",
        })
    }

    /// A message. In a group or a channel it mentions the bot, which is called for nothing else.
    pub fn message(&self, chat: &Chat, from: &Person, text: &str) -> Value {
        let mut activity = self.activity(chat, from, "message");
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let mut entities = vec![json!({
            "locale": "en-US", "country": "US", "platform": "Web", "timezone": "UTC",
            "type": "clientInfo",
        })];
        let mut html = format!("<p>{escaped}</p>");
        activity["text"] = text.into();
        if chat.kind != ChatKind::Personal {
            let bot = activity["recipient"].clone();
            activity["text"] = format!("<at>Helper</at>&nbsp;{escaped}").into();
            html = format!(
                "<p><span itemtype=\"http://schema.skype.com/Mention\" \
                 itemscope=\"\">Helper</span>&nbsp;{escaped}</p>"
            );
            entities.push(json!({
                "type": "mention", "text": "<at>Helper</at>",
                "mentioned": {"id": bot["id"], "name": "Helper"},
            }));
        }
        activity["textFormat"] = "plain".into();
        activity["attachments"] = json!([{"contentType": "text/html", "content": html}]);
        activity["entities"] = entities.into();
        activity
    }

    /// A message was changed; `original` is the activity by which it was said.
    pub fn edit(&self, chat: &Chat, from: &Person, original: &Value, text: &str) -> Value {
        let mut activity = self.message(chat, from, text);
        activity["type"] = "messageUpdate".into();
        activity["id"] = original["id"].clone();
        activity["channelData"]["eventType"] = "editMessage".into();
        activity
    }

    /// A message was taken back.
    pub fn deletion(&self, chat: &Chat, from: &Person, original: &Value) -> Value {
        let mut activity = self.activity(chat, from, "messageDelete");
        activity["id"] = original["id"].clone();
        activity["channelData"]["eventType"] = "softDeleteMessage".into();
        activity
    }

    /// A reaction to a message of the bot's.
    pub fn reaction(&self, chat: &Chat, from: &Person, to: &str, kind: &str) -> Value {
        let mut activity = self.activity(chat, from, "messageReaction");
        activity["reactionsAdded"] = json!([{"type": kind}]);
        activity["replyToId"] = to.into();
        activity
    }

    /// The app was installed (`add`) or taken away (`remove`).
    pub fn installation(&self, chat: &Chat, from: &Person, action: &str) -> Value {
        let mut activity = self.activity(chat, from, "installationUpdate");
        activity["action"] = action.into();
        activity
    }

    /// The bot was added to the chat.
    pub fn bot_added(&self, chat: &Chat, from: &Person) -> Value {
        let mut activity = self.activity(chat, from, "conversationUpdate");
        activity["membersAdded"] = json!([{"id": format!("28:{}", chat.app_id)}]);
        activity
    }

    /// Something that wants its answer at once.
    pub fn invoke(&self, chat: &Chat, from: &Person, name: &str, value: Value) -> Value {
        let mut activity = self.activity(chat, from, "invoke");
        activity["name"] = name.into();
        activity["value"] = value;
        activity
    }

    /// A card of the bot's was submitted.
    pub fn submit(&self, chat: &Chat, from: &Person, card: &str, value: Value) -> Value {
        let mut activity = self.activity(chat, from, "message");
        activity["replyToId"] = card.into();
        activity["value"] = value;
        activity
    }

    /// The user has read up to a message of the bot's.
    pub fn receipt(&self, chat: &Chat, from: &Person, read: &str) -> Value {
        let mut activity = self.activity(chat, from, "event");
        activity["name"] = "application/vnd.microsoft.readReceipt".into();
        activity["value"] = json!({ "lastReadMessageId": read });
        activity
    }

    /// Delivers an activity to the bot that it is for, once, with a good token.
    pub async fn deliver(&self, activity: &Value) -> Result<Posted, NotSaid> {
        let app_id = activity["recipient"]["id"].as_str().unwrap_or_default();
        let app_id = app_id.strip_prefix("28:").unwrap_or(app_id);
        let token = self.sign(&self.channel_token(app_id));
        self.show_own(activity);
        self.post(app_id, Some(&format!("Bearer {token}")), activity.to_string()).await
    }

    /// Says something and delivers it, once.
    pub async fn say(&self, chat: &Chat, text: &str) -> Result<Posted, NotSaid> {
        self.deliver(&self.message(chat, chat.person(), text)).await
    }

    /// Posts whatever it is to the endpoint of an app, with whatever authorization.
    pub async fn post(
        &self,
        app_id: &str,
        authorization: Option<&str>,
        body: String,
    ) -> Result<Posted, NotSaid> {
        let endpoint = self.shared.lock().registration(app_id).and_then(|app| app.endpoint.clone());
        let endpoint = endpoint.ok_or_else(|| NotSaid::NoEndpoint(app_id.to_owned()))?;
        let mut request = self.shared.client.post(endpoint);
        request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let answer = request.body(body).send().await?;
        Ok(Posted { status: answer.status().as_u16(), body: answer.text().await? })
    }

    /// Who writes sees it in the chat at once, whatever becomes of it.
    fn show_own(&self, activity: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = text(&activity["id"]);
        if activity["type"] != "message" {
            return;
        }
        self.shared.act(|world| {
            let room = world.room(&text(&activity["conversation"]["id"]));
            if let Some(room) = room.filter(|room| room.messages.iter().all(|own| own.id != id)) {
                room.show(id, false, activity.clone());
            }
        });
    }
}
