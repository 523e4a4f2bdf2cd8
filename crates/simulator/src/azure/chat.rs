//! A person at a terminal who writes to a bot, as a user of Teams.

use std::{io, time::Duration};

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    Azure,
    world::{Call, Chat, Outcome, Received},
};

/// What can be done besides saying something.
const HELP: &str = "A line is said as it is. /edit TEXT changes the last line, /delete takes it \
                    back, /install and /remove tell of the app, /help shows this, /quit ends.";

/// How often somebody looks who is told of no change; a bound only.
const LOOK_WITHIN: Duration = Duration::from_hours(1);

/// Sends each line of `input` as the person's message in this chat, and prints what the Connector
/// gets, until the input ends or `/quit`.
pub async fn converse(
    azure: &Azure,
    chat: &Chat,
    input: impl AsyncBufRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut lines = input.lines();
    let mut last = None;
    let mut seen = azure.received().len();
    line(&mut output, HELP).await?;
    loop {
        let (shown, now) = (seen, azure.clone());
        tokio::select! {
            next = lines.next_line() => {
                let Some(typed) = next? else { return Ok(()) };
                if typed.trim() == "/quit" {
                    return Ok(());
                }
                if let Some(activity) = activity(azure, chat, typed.trim(), last.as_ref()) {
                    let fate = deliver(azure, &activity).await;
                    if activity["type"] == "message" {
                        last = Some(activity);
                    }
                    if let Some(fate) = fate {
                        line(&mut output, &fate).await?;
                    }
                } else if !typed.trim().is_empty() {
                    line(&mut output, HELP).await?;
                }
            }
            _ = now.wait_until(|azure| azure.received().len() > shown, LOOK_WITHIN) => {}
        }
        let received = azure.received();
        for request in &received[seen.min(received.len())..] {
            line(&mut output, &gist(request)).await?;
        }
        seen = received.len();
    }
}

/// What a line means; none for one that means nothing here.
fn activity(azure: &Azure, chat: &Chat, typed: &str, last: Option<&Value>) -> Option<Value> {
    let person = chat.person();
    let Some(order) = typed.strip_prefix('/') else {
        return (!typed.is_empty()).then(|| azure.message(chat, person, typed));
    };
    match (order.split_once(' ').unwrap_or((order, "")), last) {
        (("edit", text), Some(last)) => Some(azure.edit(chat, person, last, text)),
        (("delete", _), Some(last)) => Some(azure.deletion(chat, person, last)),
        (("install", _), _) => Some(azure.installation(chat, person, "add")),
        (("remove", _), _) => Some(azure.installation(chat, person, "remove")),
        _ => None,
    }
}

/// Delivers; what there is to say about it if it was not taken without a word.
async fn deliver(azure: &Azure, activity: &Value) -> Option<String> {
    match azure.deliver(activity).await {
        Ok(posted) if posted.status < 300 && posted.body.is_empty() => None,
        Ok(posted) => Some(format!("  ({} {})", posted.status, posted.body)),
        Err(error) => Some(format!("  ({error})")),
    }
}

/// A request of the bot's, in a line.
fn gist(request: &Received) -> String {
    let what = match (request.call, request.body["type"].as_str()) {
        (Call::Send | Call::Reply, Some("message")) => content(&request.body),
        (Call::Send | Call::Reply, kind) => format!("({})", kind.unwrap_or("no activity")),
        (Call::Update, _) => format!("(changed to) {}", content(&request.body)),
        (Call::Delete, _) => "(taken back)".to_owned(),
        (call, _) => format!("({call:?})"),
    };
    match request.outcome {
        Outcome::Answered(200..300) => format!("bot: {what}"),
        outcome => {
            format!("bot: {what}   ({outcome:?} {})", request.code.unwrap_or_default())
        }
    }
}

fn content(activity: &Value) -> String {
    let mut content = activity["text"].as_str().unwrap_or_default().to_owned();
    for attachment in activity["attachments"].as_array().into_iter().flatten() {
        let kind = attachment["contentType"].as_str().unwrap_or("attachment");
        content.extend([" [", kind, "]"]);
    }
    let actions = activity["suggestedActions"]["actions"].as_array().into_iter().flatten();
    for action in actions {
        content.extend([" <", action["title"].as_str().unwrap_or_default(), ">"]);
    }
    content
}

async fn line(output: &mut (impl AsyncWrite + Unpin), text: &str) -> io::Result<()> {
    output.write_all(format!("{text}\n").as_bytes()).await?;
    output.flush().await
}
