//! What the bot says of a live chat, in German.

use session::{BotNews, EndReason};

use super::Meanwhile;

/// Its answer to files alone.
pub(super) const FILES: &str = "In Dateien kann ich nicht hineinsehen. Schreiben Sie mir, worum es geht, \
     oder schreiben Sie „Mitarbeiter“, um mit einem Menschen zu sprechen.";

/// Its next line after a live chat.
pub(super) fn line(news: &BotNews, meanwhile: Meanwhile<'_>) -> Option<String> {
    Some(match news {
        // Of the second the user was told by a notice, and of the third nobody can be.
        BotNews::Accepted { .. }
        | BotNews::Completed { reason: EndReason::UserUnreachable, .. }
        | BotNews::Failed { reason: EndReason::NotPersonal | EndReason::UserUnreachable } => {
            return None;
        }
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
        BotNews::Failed { reason } => format!("{} {}", sorry(*reason), instead(meanwhile)),
    })
}

/// What it can do where no person could.
fn instead(meanwhile: Meanwhile<'_>) -> String {
    match meanwhile {
        Meanwhile::Nothing => {
            "Ich versuche gern zu helfen, oder schreiben Sie „Mitarbeiter“, um erneut zu fragen."
                .to_owned()
        }
        Meanwhile::Known(answer) => {
            format!(
                "Zu dem, was Sie inzwischen geschrieben haben: {answer} Oder schreiben Sie \
                 „Mitarbeiter“, um erneut zu fragen."
            )
        }
        Meanwhile::Unknown => {
            "Ich habe, was Sie inzwischen geschrieben haben, kenne mich damit aber nicht aus. \
             Versuchen Sie es mit anderen Worten, oder schreiben Sie „Mitarbeiter“, um erneut zu \
             fragen."
                .to_owned()
        }
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
        EndReason::BotEnded => "Ihr Chat ist beendet. Kann ich sonst noch helfen?",
        EndReason::OperatorEnded => "Ihr Chat wurde leider vom Betreiber beendet.",
        EndReason::AgentEnded
        | EndReason::UserEnded
        | EndReason::UserCancelled
        | EndReason::DeskCancelled
        | EndReason::NoAgent
        | EndReason::NotRouted
        | EndReason::Refused
        | EndReason::Silence
        | EndReason::UserUnreachable
        | EndReason::NotPersonal
        | EndReason::WaitedTooLong => "Sie konnten leider mit niemandem sprechen.",
    }
}
