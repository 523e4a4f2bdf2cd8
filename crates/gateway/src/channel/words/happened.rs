//! What a user does to what was said before: changes it, takes it back, reacts to it. An agent reads
//! words only, so it is told in words.

use bot_framework::{Activity, activity::kinds};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use session::Said;

use super::{attached, card, pressed, shortened, squeezed, text_of};
use crate::{
    notices::{Language, Told, told},
    plain::plain,
};

/// How much of an earlier message is repeated to say which it was, in characters.
const ABOUT_CHARS_MAX: usize = 120;

/// The most reactions that are told of one activity.
const REACTIONS_MAX: usize = 10;

/// The longest sign, in code points: a family of four has eleven.
const SIGN_CHARS_MAX: usize = 12;

/// The longest name of a reaction that nobody here knows, in characters.
const REACTION_CHARS_MAX: usize = 40;

/// What an agent is told of this; `about` is what the message said that it is about, if that is known.
/// `None` for what concerns no person, and for messages, which speak for themselves.
pub(crate) fn for_agent(
    activity: &Activity,
    about: Option<&str>,
    language: Language,
) -> Option<Said> {
    if activity.kind() == kinds::INVOKE {
        let data = executed(activity)?;
        let (words, answer) = pressed(&data, language);
        return Some(Said { answer, ..Said::words(words) });
    }
    happened(activity, about, language).map(Said::words)
}

/// Whether a button was pressed that only we understand: no bot is asked.
pub(crate) fn is_answered_here(activity: &Activity) -> bool {
    executed(activity).is_some_and(|data| card::is_ours(&data))
}

fn happened(activity: &Activity, about: Option<&str>, language: Language) -> Option<String> {
    let about = about.map(squeezed).filter(|about| !about.is_empty());
    let about = about.map(|about| shortened(&about, ABOUT_CHARS_MAX));
    let about = about.as_deref();
    match &*activity.kind() {
        kinds::MESSAGE_UPDATE => {
            let mut now = text_of(activity);
            for line in attached(activity) {
                if !now.is_empty() {
                    now.push('\n');
                }
                now.push_str(&line);
            }
            let happened = if event_type(activity).as_deref() == Some("undeleteMessage") {
                Told::Restored { now: &now }
            } else {
                Told::Edited { before: about, now: &now }
            };
            (!now.is_empty()).then(|| told(language, &happened))
        }
        kinds::MESSAGE_DELETE => Some(told(language, &Told::Deleted { what: about })),
        kinds::MESSAGE_REACTION => {
            let added = reactions(activity, "reactionsAdded");
            let removed = reactions(activity, "reactionsRemoved");
            let added = added.map(|with| told(language, &Told::Reacted { with: &with, to: about }));
            let removed =
                removed.map(|with| told(language, &Told::Unreacted { with: &with, to: about }));
            let lines: Vec<_> = added.into_iter().chain(removed).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        }
        kinds::MESSAGE if is_blank(activity) => Some(told(language, &Told::Unreadable)),
        _ => None,
    }
}

/// A message in which there is nothing that anybody here could read; a call by name is no such.
fn is_blank(activity: &Activity) -> bool {
    activity.text().is_none_or(|text| text.trim().is_empty())
}

/// What Teams calls the change.
fn event_type(activity: &Activity) -> Option<String> {
    let data: Value = serde_json::from_str(activity.channel_data()?.get()).ok()?;
    data.get("eventType")?.as_str().map(str::to_owned)
}

/// What the button of an Adaptive Card with `Action.Execute` sends.
fn executed(activity: &Activity) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Invoked {
        action: Action,
    }
    #[derive(Deserialize)]
    struct Action {
        #[serde(default)]
        data: Option<Box<RawValue>>,
    }
    let is_action = activity.kind() == kinds::INVOKE
        && activity.name().is_some_and(|name| name == "adaptiveCard/action");
    let value = activity.value().filter(|_| is_action)?;
    let Invoked { action } = serde_json::from_str(value.get()).ok()?;
    // A button without data was pressed all the same.
    action.data.or_else(|| RawValue::from_string("{}".to_owned()).ok())
}

/// The reactions of one kind as signs, `None` if there are none.
fn reactions(activity: &Activity, member: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Reaction {
        r#type: String,
    }
    let list: Vec<Reaction> = serde_json::from_str(activity.raw(member)?.get()).ok()?;
    let signs: Vec<_> = list.iter().take(REACTIONS_MAX).map(|one| sign(&one.r#type)).collect();
    let signs = signs.join(" ");
    (!signs.trim().is_empty()).then_some(signs)
}

/// A reaction as people see it.
fn sign(kind: &str) -> String {
    match kind {
        "like" | "plusOne" => "👍".to_owned(),
        "heart" => "❤️".to_owned(),
        "laugh" => "😆".to_owned(),
        "surprised" => "😮".to_owned(),
        "sad" => "😢".to_owned(),
        "angry" => "😠".to_owned(),
        // Newer ones begin with their code points: `1f440_eyes`.
        other => coded(other).unwrap_or_else(|| plain(other, REACTION_CHARS_MAX)),
    }
}

fn coded(kind: &str) -> Option<String> {
    let (codes, _) = kind.split_once('_')?;
    let chars = codes.split('-').map(|code| u32::from_str_radix(code, 16).ok());
    let sign: String = chars.map(|code| char::from_u32(code?)).collect::<Option<_>>()?;
    // Letters and digits are no sign: "a_face" is a name.
    (!sign.is_ascii() && sign.chars().count() <= SIGN_CHARS_MAX).then_some(sign)
}
