//! Whether a request is right, and what it does if so.

use serde_json::{Value, json};

use super::call::Asked;
use crate::azure::{
    answer::Answer,
    config::Person,
    trouble::Refusal,
    world::{Call, Room, Standing, World},
};

/// The largest message of Teams: so many bytes when the whole payload is counted in UTF-16.
const MESSAGE_MAX: usize = 100 * 1024;

/// How many members a page has, unless another number is asked for; and the bounds of that.
const PAGE: (usize, usize, usize) = (200, 50, 500);

/// Who asks, where.
pub(super) struct Plan {
    pub(super) app_id: String,
    pub(super) tenant: String,
}

impl World {
    pub(super) fn judge(
        &mut self,
        app_id: Option<&str>,
        asked: &Asked,
        body: &Value,
        is_json: bool,
    ) -> Result<Plan, Answer> {
        let app_id = app_id.ok_or(Refusal::AuthorizationDenied).map_err(Answer::refusal)?;
        let is_bot = self.registration(app_id).is_some_and(|app| app.is_bot);
        if !is_bot {
            return Err(Answer::refusal(Refusal::BotNotRegistered));
        }
        let writes = matches!(asked.call, Call::Send | Call::Reply | Call::Update | Call::Create);
        if writes && !is_json {
            return Err(Answer::error(415, "UnsupportedMediaType", "The media type is not JSON"));
        }
        let tenant = match asked.call {
            Call::Other => return Err(Answer::refusal(Refusal::MethodNotAllowed)),
            Call::Create => self.may_create(app_id, body)?,
            _ => self.may_use(app_id, asked, body)?,
        };
        Ok(Plan { app_id: app_id.to_owned(), tenant })
    }

    fn may_use(&mut self, app_id: &str, asked: &Asked, body: &Value) -> Result<String, Answer> {
        let refused = |refusal| Err(Answer::refusal(refusal));
        let id = asked.conversation.as_deref().unwrap_or_default();
        let Some(room) = self.room(id) else { return refused(Refusal::ConversationNotFound) };
        if room.chat.app_id != app_id {
            return refused(Refusal::BotNotInConversationRoster);
        }
        if let Some(refusal) = room.standing.refusal() {
            return refused(refusal);
        }
        let about = asked.about.as_deref().unwrap_or_default();
        match asked.call {
            Call::Send | Call::Reply => is_message(body)?,
            Call::Update | Call::Delete => {
                let message = room.messages.iter().find(|message| message.id == about);
                match message {
                    Some(message) if message.by_bot && !message.deleted => {}
                    Some(message) if !message.by_bot => {
                        return refused(Refusal::NotEnoughPermissions);
                    }
                    _ => return refused(Refusal::ActivityNotFoundInConversation),
                }
                if asked.call == Call::Update {
                    is_message(body)?;
                }
            }
            Call::Member if room.find(about).is_none() => {
                return refused(Refusal::MemberNotFoundInConversation);
            }
            _ => {}
        }
        Ok(room.chat.tenant.clone())
    }

    /// A conversation can be made with one person, whose id is the one for this bot, who has the app,
    /// and whose tenant is named.
    fn may_create(&self, app_id: &str, body: &Value) -> Result<String, Answer> {
        let tenant = body["tenantId"].as_str().or(body["channelData"]["tenant"]["id"].as_str());
        let members = body["members"].as_array().map_or(&[][..], Vec::as_slice);
        let (Some(tenant), [member]) = (tenant, members) else {
            return Err(Answer::refusal(Refusal::BadArgument));
        };
        let person = self.person(app_id, member["id"].as_str().unwrap_or_default());
        let room = person.and_then(|person| self.personal(app_id, person));
        match room {
            Some(room) if room.chat.tenant == tenant && room.standing == Standing::Installed => {
                if !body["activity"].is_null() {
                    is_message(&body["activity"])?;
                }
                Ok(tenant.to_owned())
            }
            _ => Err(Answer::refusal(Refusal::ForbiddenOperationException)),
        }
    }

    fn person(&self, app_id: &str, id: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.id_for(app_id) == id)
    }

    /// Does it; the answer, and the id of what is shown by it.
    pub(super) fn apply(
        &mut self,
        plan: &Plan,
        asked: &Asked,
        body: &Value,
        now: u64,
        service_url: &str,
    ) -> (Answer, Option<String>) {
        if asked.call == Call::Create {
            return self.create(plan, body, now, service_url);
        }
        let fresh = self.fresh_id(now);
        let about = asked.about.clone().unwrap_or_default();
        let id = asked.conversation.as_deref().unwrap_or_default();
        let Some(room) = self.room(id) else { return (Answer::failure(500), None) };
        let message = room.messages.iter_mut().find(|message| message.id == about);
        match asked.call {
            Call::Send | Call::Reply => {
                if body["type"] == "message" {
                    room.show(fresh.clone(), true, body.clone());
                }
                (Answer::json(201, &json!({ "id": fresh })), Some(fresh))
            }
            Call::Update => {
                if let Some(message) = message {
                    message.activity = body.clone();
                    message.edits += 1;
                }
                (Answer::json(200, &json!({ "id": about })), Some(about))
            }
            Call::Delete => {
                if let Some(message) = message {
                    message.deleted = true;
                }
                (Answer::empty(200), Some(about))
            }
            Call::Members => {
                let members: Vec<_> =
                    room.chat.people.iter().map(|person| room.member(person)).collect();
                (Answer::json(200, &json!(members)), None)
            }
            Call::Member => {
                let member = room.find(&about).map(|person| room.member(person));
                (Answer::json(200, &member.unwrap_or_default()), None)
            }
            Call::PagedMembers => (room.page(asked), None),
            Call::Create | Call::Other => (Answer::failure(500), None),
        }
    }

    fn create(
        &mut self,
        plan: &Plan,
        body: &Value,
        now: u64,
        service_url: &str,
    ) -> (Answer, Option<String>) {
        let member = body["members"][0]["id"].as_str().unwrap_or_default();
        let person = self.person(&plan.app_id, member).cloned();
        let room = person.and_then(|person| self.personal(&plan.app_id, &person));
        let Some(id) = room.map(|room| room.chat.id.clone()) else {
            return (Answer::failure(500), None);
        };
        let mut answer = json!({"id": id, "serviceUrl": service_url});
        if !body["activity"].is_null() {
            let fresh = self.fresh_id(now);
            if let Some(room) = self.room(&id) {
                room.show(fresh.clone(), true, body["activity"].clone());
            }
            answer["activityId"] = fresh.into();
        }
        (Answer::json(201, &answer), Some(id))
    }
}

impl Room {
    /// A person by any of the ids under which the roster finds them.
    fn find(&self, id: &str) -> Option<&Person> {
        self.chat.people.iter().find(|person| {
            person.id_for(&self.chat.app_id) == id
                || person.aad_object_id.eq_ignore_ascii_case(id)
                || person.email.eq_ignore_ascii_case(id)
        })
    }

    fn page(&self, asked: &Asked) -> Answer {
        let (usual, least, most) = PAGE;
        let size = asked.page.0.unwrap_or(usual).clamp(least, most);
        let token = asked.page.1.as_deref().unwrap_or("0");
        let Ok(from) = token.parse::<usize>() else {
            return Answer::refusal(Refusal::BadArgument);
        };
        let people = self.chat.people.iter().skip(from).take(size);
        let members: Vec<_> = people.map(|person| self.member(person)).collect();
        let mut page = json!({"members": members});
        if from + size < self.chat.people.len() {
            page["continuationToken"] = (from + size).to_string().into();
        }
        Answer::json(200, &page)
    }
}

/// Whether Teams shows something like this. It knows messages and typing, and refuses events.
fn is_message(activity: &Value) -> Result<(), Answer> {
    let Some(activity) = activity.as_object() else {
        return Err(Answer::error(400, "BadSyntax", "The body is no activity"));
    };
    let units: usize = Value::Object(activity.clone()).to_string().encode_utf16().count();
    if units * 2 > MESSAGE_MAX {
        return Err(Answer::refusal(Refusal::MessageSizeTooBig));
    }
    let is_there = |name: &str| match activity.get(name) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        _ => false,
    };
    match activity.get("type").and_then(Value::as_str) {
        None => Err(Answer::refusal(Refusal::BadArgument)),
        Some("typing") => Ok(()),
        Some("message") if is_there("text") || is_there("attachments") || is_there("summary") => {
            Ok(())
        }
        Some("message") => Err(Answer::error(400, "BadSyntax", "The message has no content")),
        Some(_) => Err(Answer::refusal(Refusal::BadSyntax)),
    }
}
