//! What the bot says of a live chat, in German.

use session::{BotNews, EndReason};

/// Its next line after a live chat; `known` is what it knows about the last thing the user said in
/// it, if the user said anything.
pub(super) fn line(news: &BotNews, known: Option<Option<&str>>) -> Option<String> {
    Some(match news {
        BotNews::Accepted { .. } => return None,
        BotNews::Completed { agent: Some(agent), .. } => {
            format!(
                "Ich hoffe, {agent} konnte Ihnen helfen. Kann ich sonst noch etwas für Sie tun?"
            )
        }
        BotNews::Completed { agent: None, .. } => {
            "Ich hoffe, das hat Ihnen geholfen. Kann ich sonst noch etwas für Sie tun?".to_owned()
        }
        BotNews::Failed { reason: EndReason::UserCancelled } => {
            "In Ordnung, dann ohne Mitarbeiter. Was kann ich für Sie tun?".to_owned()
        }
        BotNews::Failed { reason } => format!("{} {}", sorry(*reason), instead(known)),
    })
}

/// What it can do where no person could.
fn instead(known: Option<Option<&str>>) -> String {
    match known {
        None => "Ich versuche gern zu helfen, oder schreiben Sie „Mitarbeiter“, um erneut zu fragen.".to_owned(),
        Some(Some(answer)) => {
            format!("Zu dem, was Sie inzwischen geschrieben haben: {answer} Oder schreiben Sie „Mitarbeiter“, um \
                 erneut zu fragen.")
        }
        Some(None) => "Ich habe, was Sie inzwischen geschrieben haben, kenne mich damit aber nicht \
                       aus. Versuchen Sie es mit anderen Worten, oder schreiben Sie „Mitarbeiter“, um \
                       erneut zu fragen."
            .to_owned(),
    }
}

fn sorry(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Lost => "Es tut mir leid, dass Ihr Chat abgebrochen ist.",
        EndReason::Rejected => "Der Service-Desk hat die Anfrage leider nicht angenommen.",
        EndReason::Unreachable => "Der Service-Desk war leider nicht zu erreichen.",
        EndReason::UserLeft => {
            "Sie waren eine Weile nicht da, deshalb wurde Ihre Anfrage zurückgezogen."
        }
        EndReason::AgentEnded
        | EndReason::UserEnded
        | EndReason::UserCancelled
        | EndReason::DeskCancelled
        | EndReason::NoAgent
        | EndReason::NotRouted
        | EndReason::Refused
        | EndReason::Silence
        | EndReason::WaitedTooLong => "Sie konnten leider mit niemandem sprechen.",
    }
}
