//! Requests that are refused, at `/api/messages` and at the service for bots: each with its status and
//! code, and nothing has changed.

mod bodies;
mod taken;
mod tenants;
mod tokens;

use reqwest::{RequestBuilder, header};
use serde_json::{Value, json};
use simulator::azure::{APP_ID, Signature, Token};

use super::rig::{Rig, User};
use crate::{
    bot::program::{Bot, Manner},
    house::{CANARY, Setting},
    metrics, openapi,
};

const STRANGER: &str = "b0b00000-1111-4222-8333-444455556666";

/// A request, by what is wrong with it, and how it is refused.
type Case = (&'static str, RequestBuilder, (u16, &'static str));

/// What makes requests that are wrong in one place only.
struct Forger<'a> {
    rig: &'a Rig,
    activity: Value,
}

impl<'a> Forger<'a> {
    fn new(rig: &'a Rig, user: &User) -> Self {
        let activity = rig.azure.message(&user.chat, &user.person, &format!("forged {CANARY}"));
        Self { rig, activity }
    }

    fn good(&self) -> Token {
        self.rig.azure.channel_token(APP_ID)
    }

    fn post(&self) -> RequestBuilder {
        self.rig.http.post(format!("{}/api/messages", self.rig.origin()))
    }

    /// The activity with this header in place of a token.
    fn header(&self, authorization: &str) -> RequestBuilder {
        self.post().header(header::AUTHORIZATION, authorization).json(&self.activity)
    }

    /// The activity with this token.
    fn token(&self, token: &Token) -> RequestBuilder {
        self.post().bearer_auth(self.rig.azure.sign(token)).json(&self.activity)
    }

    fn claim(&self, name: &str, value: Value) -> RequestBuilder {
        self.token(&self.good().claim(name, value))
    }

    fn head(&self, name: &str, value: Value) -> RequestBuilder {
        self.token(&self.good().header(name, value))
    }

    fn signed(&self, signature: Signature) -> RequestBuilder {
        self.token(&self.good().signed(signature))
    }

    /// A body with a good token.
    fn body(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.post().bearer_auth(self.rig.azure.sign(&self.good()));
        request.header(header::CONTENT_TYPE, "application/json").body(body)
    }

    /// The activity with another member, with a good token.
    fn with(&self, pointer: &str, value: Value) -> RequestBuilder {
        self.body(self.changed(pointer, value).to_string())
    }

    fn changed(&self, pointer: &str, value: Value) -> Value {
        let mut activity = self.activity.clone();
        *activity.pointer_mut(pointer).unwrap() = value;
        activity
    }

    /// The activity without a member.
    fn without(&self, parent: &str, name: &str) -> RequestBuilder {
        let mut activity = self.activity.clone();
        activity.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        self.body(activity.to_string())
    }

    /// An activity that says, as its token does, that it is answered there.
    fn from(&self, service_url: &str) -> RequestBuilder {
        let token = self.good().claim("serviceurl", json!(service_url));
        let request = self.post().bearer_auth(self.rig.azure.sign(&token));
        request.json(&self.changed("/serviceUrl", json!(service_url)))
    }
}

/// Sends each; checks its refusal, that it is described, and that nothing has changed afterwards.
async fn are_refused(rig: &Rig, bot: &Bot, user: &mut User, cases: Vec<Case>) {
    let before = (rig.rows(), rig.azure.received().len(), bot.got().len(), rig.desk.ledger().len());
    let mut wrong = Vec::new();
    for (what, request, (status, code)) in cases {
        let (answer, method, path) = openapi::sent(request, what).await;
        let found = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        let message = body["error"]["message"].as_str().unwrap_or_default();
        if (found, &body["error"]["code"]) != (status, &json!(code)) {
            wrong.push(format!("{what}: {status} {code}, found {found} {body}"));
        } else if message.len() < 15 || message.contains(CANARY) {
            wrong.push(format!("{what}: {message:?} is no sentence for a person"));
        } else if path == "/api/messages" {
            openapi::describes(&method, &path, status, code);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let after = (rig.rows(), rig.azure.received().len(), bot.got().len(), rig.desk.ledger().len());
    assert_eq!(after, before, "nothing has changed");
    assert!(!metrics::metrics(rig).await.contains(CANARY), "what was said is in no metric");
    // And what is right still passes.
    user.says("still here? kolibri").await;
    user.comes_to_see("echo still here? kolibri").await;
}

/// A house with a bot behind it and a user whom it has answered.
async fn quiet() -> (Rig, Bot, User) {
    let bot = Bot::start(Manner::Calls).await;
    let rig = Rig::start_with(Setting::default(), |environment| {
        environment.insert("BOT_ENDPOINT".to_owned(), bot.endpoint());
        environment.insert("WARMLINE_METRICS_TOKEN".to_owned(), metrics::TOKEN.to_owned());
    })
    .await;
    let mut user = rig.stranger("Kim Example");
    user.says("hello kolibri").await;
    user.comes_to_see("echo hello kolibri").await;
    rig.settles().await;
    (rig, bot, user)
}
