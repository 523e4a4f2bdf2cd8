//! What armed faults make of callbacks on their way out.
//!
//! Owns the spoiling of envelopes and the decision when and how often each is posted. It posts
//! nothing: parcels go to the lanes.

use std::{mem, time::Duration};

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::{Fault, Faults};
use crate::instance::{Callback, Instance};

/// Says, by being dropped, that the attempt of a callback is over.
pub(crate) type Witness = mpsc::Sender<std::convert::Infallible>;

/// A callback as it will be posted.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) callback: Callback,
    pub(crate) content_type: &'static str,
    /// How long its sender waits before posting it.
    pub(crate) wait: Duration,
    pub(crate) witness: Option<Witness>,
}

impl From<Callback> for Parcel {
    fn from(callback: Callback) -> Self {
        Self { callback, content_type: "application/json", wait: Duration::ZERO, witness: None }
    }
}

/// What becomes of callbacks.
#[derive(Debug, Default)]
pub(crate) struct Struck {
    /// To be posted, in this order.
    pub(crate) posted: Vec<Parcel>,
    /// Never to be posted.
    pub(crate) lost: Vec<Callback>,
    /// Parcels were parked in this call, so somebody must see to it that they go out even if
    /// nothing follows.
    pub(crate) parked: bool,
}

/// Callbacks that wait for the next one of their conversation, to come after it.
#[derive(Debug, Default)]
pub(crate) struct Parked(Vec<Parcel>);

impl Parked {
    /// Lets all of them go, oldest first.
    pub(crate) fn release(&mut self) -> Vec<Parcel> {
        mem::take(&mut self.0)
    }

    fn behind(&mut self, conversation: u64) -> Option<Parcel> {
        let index = self.0.iter().position(|p| p.callback.conversation == conversation)?;
        Some(self.0.remove(index))
    }
}

/// Lets the armed faults strike what has just been told.
pub(crate) fn strike(
    faults: &mut Faults,
    parked: &mut Parked,
    instance: &mut Instance,
    told: Vec<Callback>,
    now: u64,
) -> Struck {
    let mut struck = Struck::default();
    for moment in by_conversation(told) {
        let moment = strike_end(faults, instance, moment, now, &mut struck.lost);
        for callback in joined_or_split(faults, moment) {
            let parcel = spoil(faults, instance, callback);
            post(faults, parked, parcel, &mut struck);
        }
    }
    struck
}

/// Runs of callbacks of the same conversation, in order.
fn by_conversation(told: Vec<Callback>) -> Vec<Vec<Callback>> {
    let mut runs: Vec<Vec<Callback>> = Vec::new();
    for callback in told {
        match runs.last_mut() {
            Some(run) if run[0].conversation == callback.conversation => run.push(callback),
            _ => runs.push(vec![callback]),
        }
    }
    runs
}

fn strike_end(
    faults: &mut Faults,
    instance: &mut Instance,
    mut moment: Vec<Callback>,
    now: u64,
    lost: &mut Vec<Callback>,
) -> Vec<Callback> {
    let ends: Vec<_> = moment.iter().filter(|callback| callback.ends).cloned().collect();
    let Some(conversation) = ends.first().map(|end| end.conversation) else { return moment };
    if instance.was_withdrawn(conversation)
        && faults.take(|fault| fault == Fault::AcceptedAtCancellation).is_some()
    {
        moment.extend(instance.accept_late(conversation, now).unwrap_or_default());
    }
    if faults.take(|fault| fault == Fault::EndMissing).is_some() {
        moment.retain(|callback| !callback.ends);
        lost.extend(ends);
    } else if faults.take(|fault| fault == Fault::EndTwice).is_some() {
        moment.extend(ends.into_iter().map(|mut again| {
            for item in items(&mut again.body).into_iter().flatten() {
                if let Some(id) = item.get_mut("messageId") {
                    *id = instance.sys_id().into();
                }
            }
            again
        }));
    }
    if faults.take(|fault| fault == Fault::MessageAfterEnd).is_some() {
        moment.extend(instance.late_word(conversation, now));
    }
    moment
}

fn joined_or_split(faults: &mut Faults, moment: Vec<Callback>) -> Vec<Callback> {
    let moment = if moment.len() > 1 && faults.take(|fault| fault == Fault::Joined).is_some() {
        Vec::from_iter(join(moment))
    } else {
        moment
    };
    let mut told = Vec::new();
    for callback in moment {
        let several = callback.body["body"].as_array().is_some_and(|items| items.len() > 1);
        if several && faults.take(|fault| fault == Fault::Split).is_some() {
            told.extend(split(callback));
        } else {
            told.push(callback);
        }
    }
    told
}

/// One callback with the items of all, and every flag that any of them has. The last one's labels
/// win.
pub(crate) fn join(moment: Vec<Callback>) -> Option<Callback> {
    moment.into_iter().reduce(|mut all, mut next| {
        let mut all_items = mem::take(&mut all.body["body"]);
        let next_items = mem::take(&mut next.body["body"]);
        if let (Some(all), Value::Array(next)) = (all_items.as_array_mut(), next_items) {
            all.extend(next);
        }
        if let (Value::Object(all), Value::Object(next)) = (&mut all.body, next.body) {
            all.extend(next);
        }
        all.body["body"] = all_items;
        all.ends |= next.ends;
        all
    })
}

fn split(mut callback: Callback) -> Vec<Callback> {
    let Value::Array(items) = mem::take(&mut callback.body["body"]) else { return vec![callback] };
    let count = items.len();
    let pieces = items.into_iter().enumerate().map(|(index, item)| {
        let mut piece = callback.clone();
        piece.body["body"] = json!([item]);
        if let (true, Value::Object(envelope)) = (index + 1 < count, &mut piece.body) {
            envelope.remove("completed");
            envelope.remove("takeControl");
        }
        piece
    });
    pieces.collect()
}

/// Changes the shape of one callback.
fn spoil(faults: &mut Faults, instance: &mut Instance, mut callback: Callback) -> Parcel {
    let body = &mut callback.body;
    let mut taken = |kind: Fault| faults.take(|fault| fault == kind).is_some();
    if has_text(body) && taken(Fault::LabelForValue) {
        for item in items(body).into_iter().flatten().filter_map(Value::as_object_mut) {
            if item.get("uiType").is_some_and(|kind| kind == "OutputText")
                && let Some(words) = item.remove("value")
            {
                item.insert("label".to_owned(), words);
            }
        }
    }
    for (kind, item) in [
        (Fault::UnknownUiType, json!({"uiType": "OutputHologram", "value": {"angle": 30}})),
        (Fault::UnknownActionType, json!({"uiType": "ActionMsg", "actionType": "DimTheLights"})),
    ] {
        if taken(kind) {
            add(body, instance, item);
        }
    }
    let single = body["body"].as_array().is_some_and(|items| items.len() == 1);
    if single && taken(Fault::BodyAsObject) {
        body["body"] = body["body"][0].take();
    }
    if taken(Fault::ScoreAsString) {
        let score = body.get("score").and_then(Value::as_u64);
        body["score"] = score.map_or("0.92".to_owned(), |score| score.to_string()).into();
    }
    if let Value::Object(envelope) = body {
        relabel(envelope, &mut taken);
    }
    let mut parcel = Parcel::from(callback);
    if taken(Fault::WrongContentType) {
        parcel.content_type = "application/octet-stream";
    }
    parcel
}

fn relabel(envelope: &mut Map<String, Value>, taken: &mut impl FnMut(Fault) -> bool) {
    if envelope.contains_key("clientVariables") && taken(Fault::NoClientVariables) {
        envelope.remove("clientVariables");
    }
    if envelope.contains_key("clientSessionId") && taken(Fault::EmptyClientSessionId) {
        envelope.insert("clientSessionId".to_owned(), "".into());
    }
}

/// Decides when a parcel goes out, and how often.
fn post(faults: &mut Faults, parked: &mut Parked, mut parcel: Parcel, struck: &mut Struck) {
    // Nobody would notice what became of a typing signal, and the fault would be used up.
    let words = !is_typing(&parcel.callback.body);
    if words && faults.take(|fault| fault == Fault::Lost).is_some() {
        struck.lost.push(parcel.callback);
        return;
    }
    if let Some(Fault::Delayed(span)) = faults.take(|fault| matches!(fault, Fault::Delayed(_))) {
        parcel.wait = span;
    }
    if words && faults.take(|fault| fault == Fault::Duplicated).is_some() {
        struck.posted.push(parcel.clone());
    }
    if let Some(earlier) = parked.behind(parcel.callback.conversation) {
        struck.posted.extend([parcel, earlier]);
    } else if faults.take(|fault| fault == Fault::Reordered).is_some() {
        parked.0.push(parcel);
        struck.parked = true;
    } else {
        struck.posted.push(parcel);
    }
}

fn items(body: &mut Value) -> Option<&mut Vec<Value>> {
    body.get_mut("body")?.as_array_mut()
}

/// Whether it only says that the agent types, or no longer does.
fn is_typing(body: &Value) -> bool {
    let typing = |item: &Value| {
        let action = item["actionType"].as_str();
        action.is_some_and(|action| action.ends_with("TypingIndicator"))
    };
    body["body"].as_array().is_some_and(|items| !items.is_empty() && items.iter().all(typing))
}

fn has_text(body: &Value) -> bool {
    body["body"].as_array().is_some_and(|items| {
        items.iter().any(|item| item["uiType"] == "OutputText" && item.get("value").is_some())
    })
}

/// Adds an item, with an id if this instance gives them.
fn add(body: &mut Value, instance: &mut Instance, mut item: Value) {
    if instance.setup.profile.version.has_ids() {
        item["messageId"] = instance.sys_id().into();
    }
    if let Some(items) = items(body) {
        items.push(item);
    }
}

#[cfg(test)]
mod tests;
