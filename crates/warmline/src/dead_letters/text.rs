//! Dead letters as a person reads them.

use gateway::control::Letter;

/// The columns of a list.
const COLUMNS: [&str; 8] =
    ["ID", "GIVEN UP", "TENANT", "FOR", "EFFECT", "ATTEMPTS", "REASON", "RESEND"];

/// A table, and what can be done next.
pub(super) fn list(letters: &[Letter]) -> String {
    if letters.is_empty() {
        return "There are no dead letters.\n".to_owned();
    }
    let heading = COLUMNS.map(str::to_owned);
    let rows: Vec<_> = std::iter::once(heading).chain(letters.iter().map(row)).collect();
    let mut widths = [0; COLUMNS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn row(letter: &Letter) -> [String; COLUMNS.len()] {
    let resend = letter.unsendable.as_ref().map_or("yes", |refusal| refusal.code.as_str());
    [
        letter.id.to_string(),
        letter.at.clone(),
        letter.tenant.clone().unwrap_or_else(|| "?".to_owned()),
        destination(letter),
        letter.effect.clone(),
        letter.attempts.to_string(),
        letter.reason.clone(),
        resend.to_owned(),
    ]
}

/// Everything that is known of one.
pub(super) fn show(letter: &Letter) -> String {
    let absent = || "unknown".to_owned();
    let resend = match &letter.unsendable {
        None => format!("yes: warmline dead-letters resend {}", letter.id),
        Some(refusal) => format!("no ({}): {}", refusal.code, refusal.message),
    };
    let lines = [
        ("id", Some(letter.id.to_string())),
        ("given up", Some(letter.at.clone())),
        ("what", Some(what(&letter.effect).to_owned())),
        ("for", Some(destination(letter))),
        ("tenant", Some(letter.tenant.clone().unwrap_or_else(absent))),
        ("channel", letter.channel.clone()),
        ("user", letter.user.clone()),
        ("session", letter.session.clone()),
        ("requestId", letter.request_id.clone()),
        ("attempts", Some(letter.attempts.to_string())),
        ("reason", Some(letter.reason.clone())),
        ("", Some(letter.meaning.clone())),
        ("resend", Some(resend)),
    ];
    let lines = lines.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let lines: Vec<_> = lines.map(|(name, value)| format!("{name:<10} {value}")).collect();
    lines.join("\n") + "\n"
}

/// What became of one that is sent again.
pub(super) fn resent(letter: &Letter, at_once: bool) -> String {
    let when = if at_once { "on its way" } else { "sent when the gateway starts" };
    format!("Dead letter {} is {when}: {}.\n", letter.id, gist(letter))
}

/// What was forgotten.
pub(super) fn dropped(letter: &Letter) -> String {
    format!("Dead letter {} is dropped: {}.\n", letter.id, gist(letter))
}

fn gist(letter: &Letter) -> String {
    let session = letter.session.as_ref().map(|id| format!(", session {id}"));
    let (what, whom) = (what(&letter.effect), destination(letter));
    format!("{what} for {whom}{}, given up {}", session.unwrap_or_default(), letter.at)
}

fn destination(letter: &Letter) -> String {
    match (&letter.desk, &letter.bot) {
        (Some(desk), _) => format!("desk {desk}"),
        (None, Some(bot)) if letter.effect == "show" => {
            let channel = letter.channel.as_deref().unwrap_or("a channel");
            format!("a user of bot {bot} on {channel}")
        }
        (None, Some(bot)) => format!("bot {bot}"),
        (None, None) => "?".to_owned(),
    }
}

/// A kind of effect in words.
fn what(kind: &str) -> &'static str {
    match kind {
        "ask" => "the request for an agent (AGENT)",
        "say" | "to_bot" => "words of the user",
        "end" => "the end of the chat (END_CONVERSATION)",
        "greet" => "the user's arrival",
        "tell_bot" => "the news of a live chat",
        "show" => "something for the user",
        _ => "something that cannot be read",
    }
}
