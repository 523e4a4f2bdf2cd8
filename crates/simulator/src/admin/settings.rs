//! The settings over HTTP.
//!
//! `GET` shows all of them; `POST` takes any part of the same object and changes what is in it, all
//! or nothing. `webhookAuthorization` can be set and is never shown. What a desk has besides (its
//! agents and queues) is the desk API's.

use std::{sync::Arc, time::Duration};

use axum::{Json, body::Bytes, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{read, refused};
use crate::{
    config::{Dialect, EndTold, Idle},
    desk::Refusal,
    profile::{Gates, Profile, as_ms},
    shared::{Shared, World},
};

/// Everything that can be set here.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    dialect: Dialect,
    down: bool,
    command_words: bool,
    /// "Agent names and avatars".
    names_shown: bool,
    end_told: EndTold,
    idle: Option<IdleMs>,
    webhook_url: String,
    #[serde(default, skip_serializing)]
    webhook_authorization: Option<String>,
    gates: Gates,
    profile: Profile,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IdleMs {
    #[serde(with = "as_ms")]
    reminder_after_ms: Duration,
    #[serde(with = "as_ms")]
    cancel_after_ms: Duration,
    #[serde(with = "as_ms")]
    checked_every_ms: Duration,
}

impl Settings {
    fn of(world: &World) -> Self {
        let setup = &world.instance.setup;
        Self {
            dialect: setup.dialect,
            down: world.down,
            command_words: setup.command_words,
            names_shown: setup.names_shown,
            end_told: setup.end_told,
            idle: setup.idle.map(|idle| IdleMs {
                reminder_after_ms: idle.reminder_after,
                cancel_after_ms: idle.cancel_after,
                checked_every_ms: idle.checked_every,
            }),
            webhook_url: world.webhook.url.clone(),
            webhook_authorization: None,
            gates: world.gates.clone(),
            profile: setup.profile.clone(),
        }
    }

    fn apply(self, world: &mut World) {
        let setup = &mut world.instance.setup;
        setup.dialect = self.dialect;
        setup.command_words = self.command_words;
        setup.names_shown = self.names_shown;
        setup.end_told = self.end_told;
        setup.idle = self.idle.map(|idle| Idle {
            reminder_after: idle.reminder_after_ms,
            cancel_after: idle.cancel_after_ms,
            checked_every: idle.checked_every_ms,
        });
        setup.profile = self.profile;
        world.down = self.down;
        world.gates = self.gates;
        world.webhook.url = self.webhook_url;
        if let Some(authorization) = self.webhook_authorization {
            world.webhook.authorization = authorization.into();
        }
    }
}

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Refusal> {
    let settings = Settings::of(&shared.lock());
    spelt(&settings).map(Json)
}

pub(super) async fn change(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let order: Value = read(&body)?;
    shared.act(|world, _| (changed(world, order), Vec::new())).map(Json)
}

fn changed(world: &mut World, order: Value) -> Result<Value, Refusal> {
    let mut all = spelt(&Settings::of(world))?;
    merge(&mut all, order);
    let settings: Settings = serde_json::from_value(all).map_err(|error| {
        let message = format!("the settings cannot be changed so: {error}");
        refused(StatusCode::BAD_REQUEST, "bad_body", message)
    })?;
    settings.apply(world);
    spelt(&Settings::of(world))
}

fn spelt(settings: &Settings) -> Result<Value, Refusal> {
    serde_json::to_value(settings)
        .map_err(|error| refused(StatusCode::INTERNAL_SERVER_ERROR, "not_spelt", error.to_string()))
}

/// Puts an order's members over those that are there, objects member by member.
fn merge(all: &mut Value, order: Value) {
    match (all, order) {
        (Value::Object(all), Value::Object(order)) => {
            for (name, value) in order {
                merge(all.entry(name).or_insert(Value::Null), value);
            }
        }
        (all, value) => *all = value,
    }
}
