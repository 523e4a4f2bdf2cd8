//! A body item's fields, borrowed from the callback. Every field of every control is optional and of
//! any type; [`Item::read`] makes sense of them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::control::Control;
use super::{Item, UiType, options, question, text};
use crate::loose::{Loose, Shape};
use crate::signal::Agent;

/// Reference 5.2 and 5.3; one struct for all controls, because each has few fields of its own and
/// instances mix them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawItem<'a> {
    #[serde(borrow)]
    pub(crate) ui_type: Loose<'a>,
    #[serde(borrow)]
    pub(crate) action_type: Loose<'a>,
    #[serde(borrow)]
    pub(crate) value: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) label: Loose<'a>,
    #[serde(borrow)]
    pub(crate) message: Loose<'a>,
    #[serde(borrow)]
    pub(crate) message_id: Loose<'a>,
    #[serde(borrow)]
    pub(crate) agent_info: Shape<RawAgent<'a>>,
    #[serde(borrow)]
    pub(crate) options: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) prompt_msg: Loose<'a>,
    #[serde(borrow)]
    pub(crate) header: Loose<'a>,
    #[serde(borrow)]
    pub(crate) alt_text: Loose<'a>,
    #[serde(borrow)]
    pub(crate) image_url: Loose<'a>,
    #[serde(borrow)]
    pub(crate) name: Loose<'a>,
    #[serde(borrow)]
    pub(crate) data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) headers: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) values: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) navigation_btn_label: Loose<'a>,
    #[serde(borrow)]
    pub(crate) mask_type: Loose<'a>,
    #[serde(borrow)]
    pub(crate) required: Loose<'a>,
    #[serde(borrow)]
    pub(crate) multi_select: Loose<'a>,
    #[serde(borrow)]
    pub(crate) max_count: Loose<'a>,
    #[serde(borrow)]
    pub(crate) max_size: Loose<'a>,
    #[serde(borrow)]
    pub(crate) spinner_type: Loose<'a>,
    #[serde(borrow)]
    pub(crate) wait_time: Loose<'a>,
    #[serde(borrow)]
    pub(crate) conversation_id: Loose<'a>,
    #[serde(borrow)]
    pub(super) stream_id: Loose<'a>,
    #[serde(borrow)]
    pub(super) item_type: Loose<'a>,
    #[serde(borrow)]
    pub(super) style: Loose<'a>,
    #[serde(borrow)]
    pub(super) template_name: Loose<'a>,
    #[serde(borrow)]
    pub(super) links: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) citations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) related_list: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) total_search_results_count: Loose<'a>,
    #[serde(borrow)]
    pub(super) progress_messages: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) default_header: Loose<'a>,
    #[serde(borrow)]
    pub(super) is_input: Loose<'a>,
    #[serde(borrow)]
    pub(super) serialized_control_data: Option<&'a RawValue>,
}

impl RawItem<'_> {
    /// The `value` as text, when it is a string or a number.
    pub(crate) fn value_text(&self) -> Option<String> {
        let value = self.value?;
        serde_json::from_str::<Loose<'_>>(value.get()).ok()?.text().map(str::to_owned)
    }

    /// The agent that the item names, and whether an agent sent it. The specification's dialect has
    /// only a name there; then the name is the proof.
    pub(crate) fn agent(&self) -> (Option<Agent>, bool) {
        let Some(info) = self.agent_info.object() else { return (None, false) };
        let agent = Agent {
            name: info.agent_name.text().map(str::to_owned),
            id: info.agent_id.text().map(str::to_owned),
            avatar: info.agent_avatar.text().map(str::to_owned),
        };
        let from_agent = if info.sent_from_agent.is_present() {
            info.sent_from_agent.flag()
        } else {
            agent.name.is_some()
        };
        let known = agent != Agent::default();
        (known.then_some(agent), from_agent)
    }
}

/// Reference 5.2, `agentInfo`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawAgent<'a> {
    #[serde(borrow)]
    sent_from_agent: Loose<'a>,
    #[serde(borrow)]
    agent_name: Loose<'a>,
    #[serde(borrow)]
    agent_id: Loose<'a>,
    #[serde(borrow)]
    agent_avatar: Loose<'a>,
}

impl Item {
    /// Makes an item of the fields read from `raw`; nothing when there is nothing to show.
    pub(crate) fn read(fields: &RawItem<'_>, raw: &RawValue) -> Option<Self> {
        let ui_type = UiType::read(fields.ui_type.text().unwrap_or_default());
        let options = options::read(&ui_type, fields);
        let control = Control::of(fields);
        let text = text::render(&ui_type, fields, &control, &options)?;
        let question = question::read(&ui_type, fields, &options);
        let (agent, from_agent) = fields.agent();
        let markdown = control.has_own_words() && !from_agent;
        let message_id = fields.message_id.text().map(str::to_owned);
        let raw = raw.to_owned();
        Some(Self {
            ui_type,
            control,
            text,
            options,
            question,
            agent,
            from_agent,
            message_id,
            markdown,
            streamed: fields.stream_id.text().is_some() && !from_agent,
            changes: false,
            raw,
        })
    }

    /// Makes an item of how far something is; nothing if it says nothing, or has no id under which
    /// more would come.
    pub(crate) fn progress(fields: &RawItem<'_>, raw: &RawValue) -> Option<Self> {
        let control = Control::of(fields);
        if !matches!(control, Control::Progress(_)) {
            return None;
        }
        let message_id = fields.message_id.text()?.to_owned();
        let (agent, from_agent) = fields.agent();
        Some(Self {
            ui_type: UiType::Progress,
            text: text::capped(control.text(&text::as_it_is)?),
            control,
            options: Vec::new(),
            question: None,
            agent,
            from_agent,
            message_id: Some(message_id),
            markdown: false,
            streamed: false,
            changes: true,
            raw: raw.to_owned(),
        })
    }
}
