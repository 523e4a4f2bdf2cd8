//! The items of a callback's `body`, one after the other, and the order in which all that was said
//! is told.

use serde_json::value::RawValue;

use super::short;
use crate::item::Item;
use crate::item::raw::RawItem;
use crate::loose::Shape;
use crate::signal::{Agent, Signal};

/// What a callback has said so far.
#[derive(Default)]
pub(super) struct Said {
    signals: Vec<Signal>,
    agents: Vec<Agent>,
    /// The specification's `AgentControl` was among the items.
    pub(super) agent_control: bool,
}

impl Said {
    /// Reads one item.
    pub(super) fn item(&mut self, raw: &RawValue) {
        match serde_json::from_str::<Shape<RawItem<'_>>>(raw.get()) {
            Ok(Shape::Object(fields)) => self.fields(&fields, raw),
            // `null` between items is nothing; other values are at least counted.
            Ok(Shape::Absent) => {}
            Ok(Shape::Other) => self.unknown("item".to_owned()),
            // A doubled key; the callback as a whole was fine.
            Err(_) => match super::json::without_doubled_keys(raw.get())
                .ok()
                .and_then(|json| RawValue::from_string(json).ok())
            {
                Some(mended) if mended.get() != raw.get() => self.item(&mended),
                _ => self.unknown("item".to_owned()),
            },
        }
    }

    fn fields(&mut self, fields: &RawItem<'_>, raw: &RawValue) {
        let (agent, from_agent) = fields.agent();
        if from_agent {
            self.agent(agent.clone().unwrap_or_default());
        }
        if let Some(name) = action_name(fields) {
            self.action(&name, fields, raw, agent.unwrap_or_default());
        } else if is_streamed(fields) {
            let agent = agent.unwrap_or_default();
            self.signals.push(Signal::Typing { on: true, agent, streams: true });
        } else if let Some(item) = Item::read(fields, raw) {
            self.signals.push(Signal::Item(item));
        } else if !fields.ui_type.is_present() {
            self.unknown("item".to_owned());
        }
    }

    /// An action message (reference 5.4).
    fn action(&mut self, name: &str, fields: &RawItem<'_>, raw: &RawValue, agent: Agent) {
        let message = fields.message.text().map(str::to_owned);
        match name.to_ascii_lowercase().as_str() {
            "startconversation" | "createconversation" => {
                let conversation_id = fields.conversation_id.text().map(str::to_owned);
                self.once(Signal::ConversationStarted { conversation_id });
            }
            // The second comes with the synchronous answer to the request already, when nobody can
            // have accepted yet (reference 4.3): proof of the live-agent side, not of an agent.
            "subscribetosupportqueue" | "subscribetochatpresence" => self.once(Signal::Queued),
            "startspinner" => self.spinner(fields),
            "endspinner" => self.signals.push(Signal::Working(false)),
            "switchtoliveagent" => self.agent(agent),
            "agentcontrol" => {
                self.agent_control = true;
                self.agent(agent);
            }
            "switchtovirtualagent" => self.once(Signal::BackToVirtualAgent),
            "system" => {
                let text = message.or_else(|| fields.value_text());
                if let Some(text) = text.or_else(|| fields.label.text().map(str::to_owned)) {
                    self.signals.push(Signal::System { text });
                }
            }
            "starttypingindicator" => {
                self.signals.push(Signal::Typing { on: true, agent, streams: false });
            }
            "endtypingindicator" => {
                self.signals.push(Signal::Typing { on: false, agent, streams: false });
            }
            "endconversation" => self.once(Signal::Completed { text: message }),
            "dynamicloader" => self.signals.push(match Item::progress(fields, raw) {
                Some(item) => Signal::Item(item),
                None => Signal::Working(true),
            }),
            // Known, and without a meaning for a handoff.
            "chatsubheader" | "switchconversation" | "separator" | "topicfinished" => {}
            _ => self.unknown(format!("actionType {}", short(name)).trim_end().to_owned()),
        }
    }

    /// A wait spinner is the queue with its estimate; any other shows that something works.
    fn spinner(&mut self, fields: &RawItem<'_>) {
        let kind = fields.spinner_type.text().unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("wait_time") {
            self.signals.push(Signal::Working(true));
            return;
        }
        match fields.wait_time.text().or_else(|| fields.message.text()) {
            Some(estimate) => self.once(Signal::WaitTime(estimate.to_owned())),
            None => self.once(Signal::Queued),
        }
    }

    /// Notes that an agent is there. Signs of the same agent, and those that name nobody, are one.
    pub(super) fn agent(&mut self, agent: Agent) {
        if !self.agents.last_mut().is_some_and(|last| last.absorb(&agent)) {
            self.agents.push(agent);
        }
    }

    pub(super) fn has_agent(&self) -> bool {
        !self.agents.is_empty()
    }

    /// Says what can be said only once in a callback; the later word counts, unless it is none.
    pub(super) fn once(&mut self, signal: Signal) {
        match self.signals.iter_mut().find(|said| said.name() == signal.name()) {
            Some(_) if signal == (Signal::Completed { text: None }) => {}
            Some(said) => *said = signal,
            None => self.signals.push(signal),
        }
    }

    pub(super) fn ends(&self) -> bool {
        self.signals.iter().any(|signal| place(signal) > PLACE_OF_ITEMS)
    }

    pub(super) fn unknown(&mut self, what: String) {
        self.signals.push(Signal::Unknown { what });
    }

    /// Everything in its order; see [`place`].
    pub(super) fn into_signals(self) -> Vec<Signal> {
        let mut signals = self.signals;
        if signals.iter().any(|signal| matches!(signal, Signal::WaitTime(_))) {
            // The estimate says that the user is queued.
            signals.retain(|signal| *signal != Signal::Queued);
        }
        signals.extend(self.agents.into_iter().map(Signal::AgentHere));
        // Stable, so that the items keep the order of the body.
        signals.sort_by_key(place);
        signals
    }
}

const PLACE_OF_ITEMS: u8 = 5;

/// Where a signal stands among the others: how the chat is, then what there is to show, then how it
/// ends. Of the endings, the one that says most comes first, since a session takes its reason from
/// the first that it hears.
fn place(signal: &Signal) -> u8 {
    match signal {
        Signal::ConversationStarted { .. } => 0,
        Signal::Queued => 1,
        Signal::WaitTime(_) => 2,
        Signal::AgentHere(_) => 3,
        Signal::Active => 4,
        Signal::Working(_)
        | Signal::Item(_)
        | Signal::System { .. }
        | Signal::Typing { .. }
        | Signal::Unknown { .. } => PLACE_OF_ITEMS,
        Signal::Cancelled => 6,
        Signal::Failed { .. } => 7,
        Signal::Completed { .. } => 8,
        Signal::BackToVirtualAgent => 9,
        Signal::LetGo => 10,
    }
}

/// The name of an action message, without the `ActionMsg` that one table appends (reference 5.4);
/// nothing for an item that is not one. An item with an `actionType` and no `uiType` is one.
fn action_name(fields: &RawItem<'_>) -> Option<String> {
    let ui_type = fields.ui_type.text().unwrap_or_default().trim();
    let of_ui_type = without_suffix(ui_type);
    let action = fields.action_type.text().map(|action| without_suffix(action.trim()));
    if of_ui_type.len() == ui_type.len() && !ui_type.is_empty() {
        return None;
    }
    match action {
        Some(action) => Some(action.to_owned()),
        None if ui_type.is_empty() => None,
        None => Some(of_ui_type.to_owned()),
    }
}

fn without_suffix(name: &str) -> &str {
    const SUFFIX: &str = "ActionMsg";
    let start = name.len().saturating_sub(SUFFIX.len());
    match name.get(start..) {
        Some(end) if end.eq_ignore_ascii_case(SUFFIX) => &name[..start],
        _ => name,
    }
}

/// Parts of a streamed text (reference 5.5). The `OutputText` at the end has all of it again, so
/// showing the parts would show it twice; they are a
/// sign that it is being written.
fn is_streamed(fields: &RawItem<'_>) -> bool {
    let ui_type = fields.ui_type.text().unwrap_or_default().trim();
    ["StreamStart", "StreamChunk"].iter().any(|part| ui_type.eq_ignore_ascii_case(part))
}
