//! The catalogue in German: polite, and as short as the English one.

use session::{EndReason, EndedBy, FileRefusal, Notice};

use super::{NoFile, Told};

/// The words of a notice.
#[expect(clippy::too_many_lines, reason = "one catalogue, one entry after the other")]
pub(super) fn words(notice: &Notice) -> String {
    match notice {
        Notice::Asked => {
            "Ich suche jemanden, der mit Ihnen spricht. Schreiben Sie „Abbrechen“, wenn Sie nicht \
             länger warten möchten."
                .to_owned()
        }
        Notice::Waiting { estimate } => {
            format!("Sie sind in der Warteschlange. Voraussichtliche Wartezeit: {estimate}.")
        }
        Notice::Connected { agent: Some(agent), .. } => {
            format!(
                "Sie sprechen jetzt mit {agent}. Schreiben Sie „Chat beenden“, wenn Sie fertig sind."
            )
        }
        Notice::Connected { agent: None, .. } => {
            "Jetzt spricht ein Mensch mit Ihnen. Schreiben Sie „Chat beenden“, wenn Sie fertig sind."
                .to_owned()
        }
        Notice::Transferring { estimate } => {
            format!("Sie werden weitergeleitet. Voraussichtliche Wartezeit: {estimate}.")
        }
        Notice::Transferred { agent: Some(agent), .. } => {
            format!("Sie sprechen jetzt mit {agent}.")
        }
        Notice::Transferred { agent: None, .. } => {
            "Jemand anderes hat Ihren Chat übernommen.".to_owned()
        }
        Notice::Held => "Der Service-Desk ist zurzeit nicht erreichbar. Ihre Nachrichten werden \
                         aufbewahrt und zugestellt."
            .to_owned(),
        Notice::WentThrough => "Der Service-Desk ist wieder erreichbar; Ihre Nachrichten wurden \
                                zugestellt."
            .to_owned(),
        Notice::Masked => "Manches, was Sie geschrieben haben, wird hier nicht weitergegeben, etwa \
                           Kartennummern. An seiner Stelle steht ein Hinweis."
            .to_owned(),
        Notice::IdleWarning => "Sind Sie noch da? Der Service-Desk beendet diesen Chat bald, wenn \
                                Sie nichts schreiben."
            .to_owned(),
        Notice::Ended { by } => ended(by),
        Notice::NobodyThere => "Zurzeit ist niemand da, der mit Ihnen sprechen kann.".to_owned(),
        Notice::Cancelled => {
            "Ihre Bitte um ein Gespräch mit einem Menschen wurde zurückgezogen.".to_owned()
        }
        Notice::Failed { reason } => failed(*reason),
        Notice::BusyElsewhere => "Sie haben schon in einem anderen Fenster einen Chat mit dem \
                                  Service-Desk. Bitte schreiben Sie dort weiter, oder beenden Sie \
                                  ihn zuerst."
            .to_owned(),
        Notice::Undelivered => {
            "Ihre letzte Nachricht hat den Service-Desk nicht erreicht.".to_owned()
        }
        Notice::BackWithBot => "Sie sprechen wieder mit dem Assistenten.".to_owned(),
        Notice::BotAway => "Der Assistent antwortet zurzeit nicht. Schreiben Sie „Mitarbeiter“, um \
                            mit einem Menschen zu sprechen."
            .to_owned(),
        Notice::NoMoreHeld => "Was Sie geschrieben haben, bewahre ich für Ihr Gespräch auf; mehr \
                               kann ich nicht aufbewahren. Bitte warten Sie, bis jemand da ist."
            .to_owned(),
        Notice::PersonalOnly => "Einen Menschen kann ich nur dazuholen, wo wir zu zweit sind. Bitte schreiben Sie mir direkt, in einem eigenen Chat.".to_owned(),
        Notice::FileNotTaken { name, why } => {
            let why = match why {
                FileRefusal::TooLarge => "Sie ist zu groß.",
                FileRefusal::Empty => "Sie ist leer.",
                FileRefusal::NotAllowed => "Solche Dateien werden hier nicht angenommen.",
                FileRefusal::Infected => "Der Virenscanner hat darin etwas gefunden.",
                FileRefusal::NoRoom => "Es sind zu viele Dateien.",
                FileRefusal::NotNow => "Sie kann zurzeit nicht angenommen werden. Bitte senden Sie sie noch einmal.",
                FileRefusal::NotGiven => "Sie ist nicht mehr da.",
            };
            match name {
                Some(name) => format!("Die Datei „{name}“ ist nicht angekommen. {why}"),
                None => format!("Ihre Datei ist nicht angekommen. {why}"),
            }
        }
        Notice::FileNotPassedOn { name, why } => {
            let why = match why {
                FileRefusal::TooLarge => "Sie ist zu groß.",
                FileRefusal::Empty => "Sie ist leer.",
                FileRefusal::NotAllowed => "Solche Dateien werden hier nicht weitergegeben.",
                FileRefusal::Infected => "Der Virenscanner hat darin etwas gefunden.",
                FileRefusal::NoRoom => "Für weitere Dateien ist kein Platz.",
                FileRefusal::NotNow => "Sie ist zurzeit nicht zu bekommen.",
                FileRefusal::NotGiven => "Der Service-Desk gibt sie nicht heraus oder hat sie nicht mehr.",
            };
            match name {
                Some(name) => format!("Die Datei „{name}“ konnte nicht weitergegeben werden: {why}"),
                None => format!("Eine Datei des Service-Desks konnte nicht weitergegeben werden: {why}"),
            }
        }
        Notice::FileLinked { name, address } => {
            format!("{address} öffnet die Datei „{name}“.")
        }
        Notice::AnsweredTooLate => "Diese Frage ist nicht mehr offen. Was Sie dort gerade eingegeben haben, wurde verworfen, und niemand kann es lesen. Wenn Sie noch einmal danach gefragt werden, antworten Sie bitte auf die neueste Frage.".to_owned(),
        Notice::AgentUnheard => "Automatischer Hinweis: Was Sie zuletzt geschrieben haben, hat den Nutzer womöglich nicht erreicht.".to_owned(),
        Notice::UserLeft => "Sie waren einige Zeit nicht da, deshalb wurde Ihr Chat mit dem \
                             Service-Desk geschlossen."
            .to_owned(),
        Notice::AgentIdle { agent } => {
            let who = agent.as_deref().unwrap_or("Der Service-Desk");
            format!(
                "{who} hat seit einer Weile nicht geantwortet. Sie können weiter warten oder „Chat \
                 beenden“ schreiben."
            )
        }
    }
}

fn ended(by: &EndedBy) -> String {
    match by {
        EndedBy::User => "Sie haben den Chat beendet.".to_owned(),
        EndedBy::Agent(Some(agent)) => format!("{agent} hat den Chat beendet."),
        EndedBy::Agent(None) => "Der Service-Desk hat den Chat beendet.".to_owned(),
        EndedBy::Bot => "Der Chat wurde vom Assistenten beendet.".to_owned(),
        EndedBy::Operator => "Der Chat wurde vom Betreiber dieses Dienstes beendet.".to_owned(),
    }
}

fn failed(reason: EndReason) -> String {
    match reason {
        EndReason::Unreachable => "Der Service-Desk ist nicht erreichbar.",
        EndReason::Silence => "Der Service-Desk hat nicht geantwortet.",
        EndReason::WaitedTooLong => "Niemand konnte Ihren Chat rechtzeitig annehmen.",
        EndReason::Lost => "Die Verbindung zum Service-Desk ist abgebrochen.",
        EndReason::Refused => {
            "Der Service-Desk hat Ihre Anfrage fallen lassen, bevor jemand sie annahm."
        }
        EndReason::Rejected => "Der Service-Desk konnte Ihre Anfrage nicht annehmen.",
        EndReason::NoAgent | EndReason::NotRouted => return words(&Notice::NobodyThere),
        EndReason::UserCancelled | EndReason::DeskCancelled => return words(&Notice::Cancelled),
        EndReason::NotPersonal => return words(&Notice::PersonalOnly),
        EndReason::UserLeft => return words(&Notice::UserLeft),
        EndReason::AgentEnded
        | EndReason::UserEnded
        | EndReason::OperatorEnded
        | EndReason::UserUnreachable
        | EndReason::BotEnded => "Der Chat ist zu Ende.",
    }
    .to_owned()
}

/// What whoever opens the address of a file reads that opens none.
pub(super) fn no_file(why: NoFile) -> (&'static str, &'static str) {
    let words = match why {
        NoFile::Unknown | NoFile::Never(_) => {
            "Unter dieser Adresse gibt es keine Datei oder keine mehr."
        }
        NoFile::Expired => "Dateien werden eine Zeit lang aufbewahrt, die für diese vorbei ist.",
        NoFile::Damaged => {
            "Die Datei wurde dort beschädigt, wo sie aufbewahrt wird, und ist nicht mehr zu bekommen. \
             Bitte lassen Sie sich die Datei noch einmal senden."
        }
        NoFile::Later => {
            "Die Datei ist zurzeit nicht zu bekommen. Bitte versuchen Sie es in einer Minute noch einmal."
        }
    };
    ("Diese Datei lässt sich nicht öffnen", words)
}

/// What an agent is told.
pub(super) fn told(told: &Told<'_>) -> String {
    match told {
        Told::Edited { before: Some(before), now } => {
            format!("[Hat „{before}“ geändert in:] {now}")
        }
        Told::Edited { before: None, now } => {
            format!("[Hat eine frühere Nachricht geändert in:] {now}")
        }
        Told::Deleted { what: Some(what) } => format!("[Hat die Nachricht „{what}“ gelöscht.]"),
        Told::Deleted { what: None } => "[Hat eine frühere Nachricht gelöscht.]".to_owned(),
        Told::Restored { now } => {
            format!("[Hat eine gelöschte Nachricht wiederhergestellt:] {now}")
        }
        Told::Reacted { with, to: Some(to) } => format!("[Hat auf „{to}“ reagiert mit {with}]"),
        Told::Reacted { with, to: None } => format!("[Hat auf eine Nachricht reagiert mit {with}]"),
        Told::Unreacted { with, to: Some(to) } => {
            format!("[Hat die Reaktion {with} auf „{to}“ zurückgenommen.]")
        }
        Told::Unreacted { with, to: None } => format!("[Hat die Reaktion {with} zurückgenommen.]"),
        Told::Submitted { values } => format!("[Hat ein Formular ausgefüllt:]\n{values}"),
        Told::Pressed => "[Hat auf eine Schaltfläche einer Karte gedrückt.]".to_owned(),
        Told::Located { place, link: Some(link) } => format!("[Standort: {place}] {link}"),
        Told::Located { place, link: None } => format!("[Standort: {place}]"),
        Told::Contact { who } => format!("[Kontakt: {who}]"),
        Told::Sticker { sign: Some(sign) } => format!("[Aufkleber {sign}]"),
        Told::Sticker { sign: None } => "[Hat einen Aufkleber geschickt.]".to_owned(),
        Told::Unreadable => "[Hat etwas geschickt, das hier nicht gezeigt werden kann.]".to_owned(),
    }
}
