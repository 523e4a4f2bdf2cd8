//! The door for tests in other languages: everything that [`super::Azure`] can be told, over HTTP.
//!
//! ```text
//! GET  /admin/api/state              where everything is
//! GET  /admin/api/requests?from=0    what the Connector got
//! GET  /admin/api/grants             tokens that apps were given (with the tokens: this is a test)
//! GET  /admin/api/shown?chat=…       what is shown in a chat
//! POST /admin/api/tokens             {"appId","resource"?,"header"?,"claims"?,"signature"?}
//! POST /admin/api/chats              {"appId","kind"?,"people":[{"name","email"}]}
//! POST /admin/api/endpoint           {"appId","url"}
//! POST /admin/api/say                {"chat","text"}, or {"activity":{…}}; answers what the bot did
//! POST, DELETE /admin/api/troubles   {"trouble","door"?,"times"?,"conversation"?,"containing"?, …}
//! POST /admin/api/doors              {"door","down"}
//! POST /admin/api/keys               {"issuer","keepsOld"?,"endorsements"?}
//! POST /admin/api/standing           {"chat","standing"}
//! POST /admin/api/clock              {"advanceMs"}
//! ```
//!
//! It has no login, and is for this machine only.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Query, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Azure, Shared,
    config::Person,
    token::{Issuer, Signature},
    trouble::{Door, Refusal, Strike, Trouble},
    world::{Chat, ChatKind, Standing},
};
use crate::fault::Times;

/// The most requests that are listed at a time.
const PAGE: usize = 1_000;

type Access = State<Arc<Shared>>;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/admin/api/state", get(state))
        .route("/admin/api/requests", get(requests))
        .route("/admin/api/grants", get(grants))
        .route("/admin/api/shown", get(shown))
        .route("/admin/api/tokens", post(tokens))
        .route("/admin/api/chats", post(chats))
        .route("/admin/api/endpoint", post(endpoint))
        .route("/admin/api/say", post(say))
        .route("/admin/api/troubles", post(trouble).delete(clear))
        .route("/admin/api/doors", post(doors))
        .route("/admin/api/keys", post(keys))
        .route("/admin/api/standing", post(standing))
        .route("/admin/api/clock", post(clock))
}

/// An order as it came, or what is wrong with it.
struct Order<T>(T);

impl<T, S> axum::extract::FromRequest<S> for Order<T>
where
    T: for<'de> Deserialize<'de>,
    S: Send + Sync,
{
    type Rejection = Response;

    async fn from_request(
        request: axum::extract::Request,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        let read: Result<Json<T>, JsonRejection> = Json::from_request(request, state).await;
        match read {
            Ok(Json(order)) => Ok(Self(order)),
            Err(rejection) => Err(refused(rejection.status(), "bad_order", &rejection.body_text())),
        }
    }
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"error": {"code": code, "message": message}}))).into_response()
}

fn done(found: bool, what: &str) -> Response {
    if found {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refused(StatusCode::NOT_FOUND, "unknown", &format!("there is no such {what}"))
    }
}

/// A handle for as long as the request lasts: it must not stop the stand-in when it is dropped.
fn handle(shared: &Arc<Shared>) -> Azure {
    let never = tokio_util::sync::CancellationToken::new().drop_guard();
    Azure { shared: shared.clone(), _stops: Arc::new(never) }
}

async fn state(State(shared): Access) -> Json<Value> {
    let azure = handle(&shared);
    let world = shared.lock();
    let apps = world.registrations.iter();
    let apps: Vec<_> = apps
        .map(|app| {
            json!({
                "appId": app.app_id, "tenant": app.tenant, "endpoint": app.endpoint,
                "isBot": app.is_bot,
            })
        })
        .collect();
    let chats = world.rooms.values().map(|room| chat_json(&room.chat)).collect::<Vec<_>>();
    Json(json!({
        "origin": azure.origin(), "serviceUrl": azure.service_url(),
        "loginMetadata": azure.login_metadata(), "channelMetadata": azure.channel_metadata(),
        "apps": apps, "tenants": world.tenants, "chats": chats,
        "troubles": world.troubles.armed(), "refusedGrants": world.refused_grants,
    }))
}

fn chat_json(chat: &Chat) -> Value {
    let people: Vec<_> = chat
        .people
        .iter()
        .map(|person| {
            json!({
                "id": person.id_for(&chat.app_id), "name": person.name, "email": person.email,
                "aadObjectId": person.aad_object_id,
            })
        })
        .collect();
    json!({
        "id": chat.id, "kind": chat.kind, "appId": chat.app_id, "tenant": chat.tenant,
        "people": people,
    })
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: usize,
}

async fn requests(State(shared): Access, Query(From { from }): Query<From>) -> Json<Value> {
    let world = shared.lock();
    let entries: Vec<_> = world.received.iter().skip(from).take(PAGE).collect();
    Json(json!({"entries": entries, "next": from + entries.len()}))
}

async fn grants(State(shared): Access) -> Json<Value> {
    let grants = shared.lock().grants.clone().into_iter();
    let grants: Vec<_> = grants
        .map(|grant| {
            json!({
                "appId": grant.app_id, "tenant": grant.tenant, "resource": grant.resource,
                "byCertificate": grant.by_certificate, "token": grant.token,
            })
        })
        .collect();
    Json(json!({ "grants": grants }))
}

#[derive(Deserialize)]
struct Of {
    chat: String,
}

async fn shown(State(shared): Access, Query(Of { chat }): Query<Of>) -> Json<Value> {
    Json(json!({"messages": handle(&shared).shown(&chat)}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    app_id: String,
    /// With it, a token of Entra's for this resource.
    resource: Option<String>,
    #[serde(default)]
    header: Map<String, Value>,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    signature: How,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    #[default]
    Good,
    OtherKey,
    Confused,
    None,
    Changed,
}

async fn tokens(State(shared): Access, Order(wanted): Order<Wanted>) -> Json<Value> {
    let azure = handle(&shared);
    let mut token = match &wanted.resource {
        Some(resource) => azure.app_token(&wanted.app_id, resource),
        None => azure.channel_token(&wanted.app_id),
    };
    for (name, value) in wanted.header {
        token = token.header(&name, value);
    }
    for (name, value) in wanted.claims {
        token = token.claim(&name, value);
    }
    let token = token.signed(match wanted.signature {
        How::Good => Signature::Good,
        How::OtherKey => Signature::OtherKey,
        How::Confused => Signature::Confused,
        How::None => Signature::None,
        How::Changed => Signature::Changed,
    });
    Json(json!({"token": azure.sign(&token)}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewChat {
    app_id: String,
    #[serde(default = "personal")]
    kind: ChatKind,
    people: Vec<Named>,
}

fn personal() -> ChatKind {
    ChatKind::Personal
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    email: String,
}

async fn chats(State(shared): Access, Order(new): Order<NewChat>) -> Response {
    let azure = handle(&shared);
    let people: Vec<_> =
        new.people.iter().map(|person| Person::new(&person.name, &person.email)).collect();
    let chat = match (new.kind, &people[..]) {
        (ChatKind::Personal, [person]) => azure.personal_chat(&new.app_id, person),
        (ChatKind::Group, [_, ..]) => azure.group_chat(&new.app_id, &people),
        (ChatKind::Channel, [_, ..]) => azure.channel_thread(&new.app_id, &people),
        _ => {
            let sentence = "a personal chat has one person, any other at least one";
            return refused(StatusCode::BAD_REQUEST, "bad_people", sentence);
        }
    };
    Json(chat_json(&chat)).into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Endpoint {
    app_id: String,
    url: String,
}

async fn endpoint(State(shared): Access, Order(order): Order<Endpoint>) -> Response {
    done(handle(&shared).set_endpoint(&order.app_id, &order.url), "app")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Saying {
    chat: Option<String>,
    text: Option<String>,
    activity: Option<Value>,
}

async fn say(State(shared): Access, Order(saying): Order<Saying>) -> Response {
    let azure = handle(&shared);
    let activity = match (saying.activity, saying.chat, saying.text) {
        (Some(activity), None, None) => activity,
        (None, Some(chat), Some(text)) => {
            let id = chat;
            let chat = shared.act(|world| world.room(&id).map(|room| room.chat.clone()));
            let Some(chat) = chat else { return done(false, "chat") };
            // In the thread that was named, not beside it.
            let chat = Chat { id, ..chat };
            azure.message(&chat, chat.person(), &text)
        }
        _ => {
            let sentence = "either `activity`, or `chat` and `text`";
            return refused(StatusCode::BAD_REQUEST, "bad_order", sentence);
        }
    };
    match azure.deliver(&activity).await {
        Ok(posted) => Json(json!({
            "status": posted.status, "body": posted.body, "activity": activity,
        }))
        .into_response(),
        Err(error) => refused(StatusCode::BAD_GATEWAY, "not_said", &error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wrong {
    trouble: Kind,
    door: Option<Door>,
    /// How often; until cleared without it being named `0`.
    times: Option<u32>,
    conversation: Option<String>,
    containing: Option<String>,
    /// For `status`.
    status: Option<u16>,
    /// For `refused`.
    code: Option<Refusal>,
    /// For `throttled` and `slow`.
    seconds: Option<u64>,
    /// Whether the user has it all the same.
    #[serde(default)]
    taken: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Throttled,
    Precondition,
    Refused,
    Status,
    Reset,
    Hang,
    Slow,
    NoId,
    SecretExpired,
}

async fn trouble(State(shared): Access, Order(wrong): Order<Wrong>) -> Response {
    let taken = wrong.taken;
    let span = wrong.seconds.map(Duration::from_secs);
    let trouble = match (wrong.trouble, wrong.status, wrong.code) {
        (Kind::Throttled, ..) => Trouble::Throttled(span),
        (Kind::Precondition, ..) => Trouble::Precondition,
        (Kind::Refused, _, Some(code)) => Trouble::Refused(code),
        (Kind::Status, Some(status @ (408 | 500..600)), _) => Trouble::Status { status, taken },
        (Kind::Reset, ..) => Trouble::Reset { taken },
        (Kind::Hang, ..) => Trouble::Hang { taken },
        (Kind::Slow, ..) => Trouble::Slow(span.unwrap_or(Duration::from_secs(1))),
        (Kind::NoId, ..) => Trouble::NoId,
        (Kind::SecretExpired, ..) => Trouble::SecretExpired,
        (Kind::Refused | Kind::Status, ..) => {
            let sentence = "`refused` needs a `code`, and `status` a `status`: 408 or 5xx";
            return refused(StatusCode::BAD_REQUEST, "bad_order", sentence);
        }
    };
    let mut strike = Strike::at(wrong.door.unwrap_or(Door::Connector), trouble)
        .times(wrong.times.map_or(Times::Once, Times::Next));
    if let Some(conversation) = &wrong.conversation {
        strike = strike.in_conversation(conversation);
    }
    if let Some(text) = &wrong.containing {
        strike = strike.containing(text);
    }
    handle(&shared).strike(strike);
    StatusCode::NO_CONTENT.into_response()
}

async fn clear(State(shared): Access) -> StatusCode {
    handle(&shared).clear_strikes();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DoorOrder {
    door: Door,
    down: bool,
}

async fn doors(State(shared): Access, Order(order): Order<DoorOrder>) -> StatusCode {
    handle(&shared).set_down(order.door, order.down);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyOrder {
    issuer: IssuerName,
    /// A new key, and whether the old ones stay; without it the key stays.
    keeps_old: Option<bool>,
    endorsements: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum IssuerName {
    Channel,
    Entra,
}

async fn keys(State(shared): Access, Order(order): Order<KeyOrder>) -> StatusCode {
    let azure = handle(&shared);
    let issuer = match order.issuer {
        IssuerName::Channel => Issuer::Channel,
        IssuerName::Entra => Issuer::Entra,
    };
    if let Some(keeps_old) = order.keeps_old {
        azure.rotate(issuer, keeps_old);
    }
    if let Some(endorsements) = order.endorsements {
        azure.endorse(&endorsements.iter().map(String::as_str).collect::<Vec<_>>());
    }
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StandingOrder {
    chat: String,
    standing: Standing,
}

async fn standing(State(shared): Access, Order(order): Order<StandingOrder>) -> Response {
    done(handle(&shared).set_standing(&order.chat, order.standing), "chat")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockOrder {
    advance_ms: u64,
}

async fn clock(State(shared): Access, Order(order): Order<ClockOrder>) -> StatusCode {
    handle(&shared).advance(Duration::from_millis(order.advance_ms));
    StatusCode::NO_CONTENT
}
