//! An agent's file for a user of Teams goes into their own store, once they let it (reference 6): first
//! comes a card that asks, where that is set.
//!
//! Teams wants to know how large the file is, so it has to be here before. One that does not come in time,
//! or at all, is shown as a link, as everywhere else.

use std::time::Duration;

use bot_framework::Activity;
use serde_json::json;
use servicenow::Control;
use session::{Author, Content, Said};
use store::Work;
use tokio::time::timeout;

use crate::{
    channel::{self, CONSENT_MEMBER, ChannelLink, Place, Sending},
    desk::media::DeskMedia,
    dispatcher::{Dispatcher, Opened},
    files::Side,
    keeping::Entry,
};

/// How long an attempt waits for the file, besides the time for sending.
const FILE_WITHIN: Duration = Duration::from_secs(6);

impl Dispatcher {
    /// The card that asks; nothing if there is nothing to ask.
    pub(super) async fn asking(
        &self,
        link: &ChannelLink,
        (work, opened): (&Work, &Opened),
        (entry, part): (&Entry, u16),
        place: &Place<'_>,
    ) -> Option<Sending> {
        let is_asked = link.setup.consent
            && part == 0
            && channel::is_teams(&opened.key.channel)
            && place.reference.is_personal()
            && matches!(entry.author, Author::Agent(_) | Author::Desk);
        let Content::Said(said) = &entry.content else { return None };
        let address = is_asked.then(|| address_of(said))??;
        let shown = place.links?.open(entry.number, &address)?;
        let pass = shown.rsplit('/').next().filter(|pass| DeskMedia::is_pass(pass))?;
        let file = timeout(FILE_WITHIN, self.media.opened(pass)).await.ok()?.ok()?.file;
        let reading = self.files.read(&opened.keeping, file).await.ok()?;
        let head = reading.head();
        let name = if head.name.trim().is_empty() { "file" } else { &head.name };
        tracing::debug!(effect.row = work.effect.0, "a user is asked to take a file");
        let context = json!({ CONSENT_MEMBER: pass });
        let card = json!([{
            "contentType": "application/vnd.microsoft.teams.card.file.consent",
            "name": name,
            "content": {
                "description": said.text,
                "sizeInBytes": head.size(Side::Original)?,
                "acceptContext": context,
                "declineContext": context,
            },
        }]);
        let mut activity = Activity::message("");
        activity.set("attachments", card);
        Some(Sending::Send(place.placed(activity).to_json()))
    }
}

/// Where the one file is that an item of the desk's brings.
fn address_of(said: &Said) -> Option<String> {
    match Control::read(&said.payload.as_ref()?.0) {
        Control::File(file) => file.address,
        Control::Links { mut links, .. } if links.len() == 1 => {
            links.pop().and_then(|link| link.address)
        }
        _ => None,
    }
}
