//! What strangers' bytes go through first, each way as one function: for tools that look for bytes
//! that break it.
//!
//! The folder `fuzz` runs these functions for as long as one likes; [`tests`] runs them with the seeds
//! that lie there and with a few thousand variations, each time the same. A function says nothing when
//! all is well and panics when it is not. Beside not to panic, what comes out must be sound: what is
//! shown must be an activity that our own reader takes, and what is read must survive being written.

use bot_framework::Activity;
use servicenow::ReadError;
use session::{
    Author, Content, News,
    id::{Number, Timestamp},
};

use crate::{
    channel::{self, Place, Reference, Sending, words},
    desk::news::{self, Wording},
    edge::multipart::{Multipart, MultipartError, PartHead, Piece},
    keeping::Entry,
    notices::Language,
    render::View,
    rich,
};

/// When all of it happens.
const AT: Timestamp = Timestamp(1_767_225_600_000);

/// An activity of a personal chat in Teams, for what an agent's words become there.
const IN_TEAMS: &str = r#"{"type":"message","id":"1","channelId":"msteams","serviceUrl":"https://smba.trafficmanager.net/emea/","conversation":{"id":"a:1","conversationType":"personal","tenantId":"t"},"from":{"id":"29:u","aadObjectId":"u"},"recipient":{"id":"28:b"}}"#;

/// A body that is posted to the webhook: read, told to the session, and what is said shown to a user on a
/// page and to one in Teams.
pub fn webhook(body: &[u8]) {
    let callback = match servicenow::read(body) {
        Ok(callback) => callback,
        Err(error) => return refused(error),
    };
    let _claims = news::claims_of(&callback);
    let (told, _typing) = news::read(callback, &Wording::default());
    for news in told {
        let (author, said) = match news {
            News::AgentSaid { agent, said, .. } => (Author::Agent(agent), said),
            News::DeskSaid { said, .. } | News::Nobody { said: Some(said) } => (Author::Desk, said),
            News::Queued
            | News::Estimate(_)
            | News::AgentHere(_)
            | News::Active
            | News::Nobody { said: None }
            | News::Ended
            | News::LetGo
            | News::Failed
            | News::Cancelled
            | News::Started { .. } => continue,
        };
        shown(&Entry { number: Number(7), at: AT, author, content: Content::Said(said) });
    }
}

/// A refusal has a code, and its sentence quotes nothing of the body.
fn refused(error: ReadError) {
    assert!(!error.code().is_empty() && error.to_string().is_ascii());
}

fn shown(entry: &Entry) {
    let language = Language::German;
    let view = View { conversation: "c", user: "dl_u", language, links: None, first: Number(0) };
    if let Some(json) = view.activity(entry) {
        sound(&json);
    }
    let Ok(reference) = Activity::parse(IN_TEAMS.as_bytes()).map(|own| Reference::of(&own)) else {
        unreachable!("the activity above is one");
    };
    let reference = reference.expect("the activity above tells where it is from");
    let (channel, pictures) = (channel::TEAMS, &*rich::NO_PICTURES);
    let place = Place { reference: &reference, channel, language, links: None, pictures };
    for part in 0..session::parts::count(&entry.author, &entry.content) {
        match place.sending(entry, part, |_| None) {
            Sending::Send(activity)
            | Sending::Reply { activity, .. }
            | Sending::Update { activity, .. } => sound(&activity),
            Sending::Delete { .. } | Sending::Nothing => {}
        }
    }
}

fn sound(json: &str) {
    assert!(Activity::parse(json.as_bytes()).is_ok(), "what is shown is no activity");
    // As the destination of a card's button; in words it is harmless.
    let runs = json.to_ascii_lowercase().contains("\"url\":\"javascript:");
    assert!(!runs, "a button that runs a script is shown");
}

/// A body that is posted as an activity: kept whole, and what it says to an agent.
#[expect(clippy::missing_panics_doc, reason = "a panic is what it looks for")]
pub fn activity(body: &[u8]) {
    let Ok(activity) = Activity::parse(body) else { return };
    let written = activity.to_json();
    let again = Activity::parse(written.as_bytes());
    assert!(again.is_ok_and(|again| again == activity), "an activity changed by being written");
    let _place = Reference::of(&activity);
    let _told = words::for_agent(&activity, None, Language::English);
    if let Some(said) = words::heard(&activity, Language::German) {
        let says = !said.text.trim().is_empty() || said.quoted.is_some();
        assert!(says, "nothing was said, and heard all the same");
    }
}

/// HTML as Teams has it beside a message's text, and as an agent sends it.
#[expect(clippy::missing_panics_doc, reason = "a panic is what it looks for")]
pub fn html(body: &[u8]) {
    let Ok(text) = std::str::from_utf8(body) else { return };
    let read = channel::html_text(text);
    // An entity is never shorter than what it stands for, and a tag is a line break at most.
    assert!(read.len() <= text.len(), "text grew by losing its tags");
    let item = serde_json::json!({
        "uiType": "OutputHtml", "value": text, "agentInfo": {"sentFromAgent": true},
    });
    let callback = serde_json::json!({"userId": "u", "agentChat": true, "body": [item]});
    webhook(callback.to_string().as_bytes());
}

/// The boundary of the forms that are read here.
const FORM: &str = "multipart/form-data; boundary=b1";

/// Below this no limit depends on how many bytes come at once.
const ALIKE_BELOW: usize = 8 * 1024;

/// A form with files that is posted: what is read of it is the same, however its bytes come.
#[expect(clippy::missing_panics_doc, reason = "a panic is what it looks for")]
pub fn form(body: &[u8]) {
    let whole = parts(body, body.len().max(1));
    if body.len() < ALIKE_BELOW {
        for size in [1, 7] {
            assert_eq!(parts(body, size), whole, "a form depends on how it came");
        }
    }
}

/// The parts with their bytes, and how it ended: at its end, before it, or at a fault.
type Parts = (Vec<(PartHead, Vec<u8>)>, Option<Result<(), MultipartError>>);

fn parts(body: &[u8], size: usize) -> Parts {
    let mut form = Multipart::new(FORM).expect("the type above has a boundary");
    let mut parts: Vec<(PartHead, Vec<u8>)> = Vec::new();
    for bytes in body.chunks(size) {
        form.take(bytes);
        loop {
            match form.next() {
                Ok(Some(Piece::Part(head))) => parts.push((head, Vec::new())),
                Ok(Some(Piece::Data(data))) => {
                    let (_, own) = parts.last_mut().expect("bytes are a part's");
                    own.extend_from_slice(&data);
                }
                Ok(Some(Piece::End)) => return (parts, Some(Ok(()))),
                Ok(None) => break,
                Err(fault) => return (parts, Some(Err(fault))),
            }
        }
    }
    (parts, None)
}

#[cfg(test)]
mod tests;
