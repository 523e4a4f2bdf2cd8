//! Options as buttons, where a channel has them.
//!
//! Teams shows suggested actions in personal chats only, those that say something in the user's name
//! only, six at most, and none beside attachments (reference 6). What it would refuse or swallow stands
//! in the words instead.

use bot_framework::Activity;
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use session::Choice;

use crate::channel::{TEAMS, reference::Reference};

/// The most buttons of one message: Teams' limit, and no channel's is lower.
const BUTTONS_MAX: usize = 6;

/// Whether these options can be buttons here.
pub(super) fn can_show(options: &[Choice], reference: &Reference) -> bool {
    (1..=BUTTONS_MAX).contains(&options.len())
        && reference.is_personal()
        && options.iter().all(|option| !option.label.trim().is_empty())
        // A button says its label, by which the session must know the option.
        && session::keeps_all(options)
}

/// Adds them. A button says its label, so that the user reads what they said; whoever asked gets the
/// value, because the session knows a label.
pub(super) fn add(activity: &mut Activity, options: &[Choice], reference: &Reference) {
    let actions: Vec<_> = options
        .iter()
        .map(|option| json!({ "type": "imBack", "title": option.label, "value": option.label }))
        .collect();
    let to = [&reference.user.id];
    activity.set("suggestedActions", json!({ "to": to, "actions": actions }));
}

/// Makes a bot's own buttons such as the channel shows.
pub(super) fn fit(activity: &mut Activity, channel: &str, reference: &Reference) {
    let Some(actions) = actions(activity) else {
        // `null`, or of no shape that a channel takes.
        activity.remove("suggestedActions");
        return;
    };
    let is_shown = |action: &Action| action.kind == "imBack";
    let has_room = reference.is_personal() && activity.attachment_count() == 0;
    if channel != TEAMS
        || (has_room && actions.len() <= BUTTONS_MAX && actions.iter().all(is_shown))
    {
        // Only one person is here, whom the bot knows by another id.
        let to: &[&String] = if reference.is_personal() { &[&reference.user.id] } else { &[] };
        activity.set_within("suggestedActions", "to", to);
        return;
    }
    let lines: Vec<_> = actions.iter().filter_map(Action::line).collect();
    let shown: Vec<_> = actions.iter().filter(|action| has_room && is_shown(action)).collect();
    if shown.is_empty() {
        activity.remove("suggestedActions");
    } else {
        let shown: Vec<_> = shown.into_iter().take(BUTTONS_MAX).map(|action| &action.raw).collect();
        activity.set_within("suggestedActions", "to", [&reference.user.id]);
        activity.set_within("suggestedActions", "actions", shown);
    }
    if !lines.is_empty() {
        let text = activity.text().unwrap_or_default();
        let gap = if text.trim().is_empty() { "" } else { "\n\n" };
        let text = format!("{text}{gap}{}", lines.join("\n"));
        activity.set("text", text);
    }
}

struct Action {
    kind: String,
    title: String,
    value: Option<String>,
    raw: Box<RawValue>,
}

impl Action {
    /// In words: what a user can type in place of pressing it, or the address it leads to.
    fn line(&self) -> Option<String> {
        let address = self.value.as_ref().filter(|_| self.kind == "openUrl");
        let title = self.title.trim();
        match address {
            Some(address) if title.is_empty() => Some(format!("- {address}")),
            Some(address) => Some(format!("- {title}: {address}")),
            None if title.is_empty() => self.value.as_ref().map(|value| format!("- {value}")),
            None => Some(format!("- {title}")),
        }
    }
}

/// The actions of a message; `None` if there are no `suggestedActions` that can be read.
fn actions(activity: &Activity) -> Option<Vec<Action>> {
    #[derive(Deserialize)]
    struct Suggested {
        #[serde(default)]
        actions: Vec<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    struct Read {
        #[serde(default)]
        r#type: Option<String>,
        #[serde(default)]
        title: Option<String>,
        #[serde(default)]
        value: serde_json::Value,
    }
    let suggested: Suggested =
        serde_json::from_str(activity.raw("suggestedActions")?.get()).ok()?;
    let read = suggested.actions.into_iter().filter_map(|raw| {
        let read: Read = serde_json::from_str(raw.get()).ok()?;
        Some(Action {
            kind: read.r#type.unwrap_or_default(),
            title: read.title.unwrap_or_default(),
            value: read.value.as_str().map(str::to_owned),
            raw,
        })
    });
    Some(read.collect()).filter(|actions: &Vec<_>| !actions.is_empty())
}
