//! What a user of Teams is to see as a picture is fetched before it is shown: Teams draws few kinds, and
//! large ones not at all (reference 6). One that does not come in time goes by the end of its name.

use std::time::Duration;

use servicenow::{Control, control::Image};
use session::{Author, Content};
use tokio::time::timeout;

use crate::{
    behind::Links,
    channel,
    desk::media::DeskMedia,
    dispatcher::Opened,
    files::{FileError, FileId, Reader, Side},
    keeping::Entry,
    rich::{Picture, Pictures, START_BYTES},
};

use super::Dispatcher;

/// How long an attempt waits for the picture, besides the time for sending.
const PICTURE_WITHIN: Duration = Duration::from_secs(6);

impl Dispatcher {
    /// What is known of the picture that an entry shows in Teams.
    pub(super) async fn pictures(
        &self,
        opened: &Opened,
        (entry, part): (&Entry, u16),
        links: &Links,
    ) -> Pictures {
        let mut pictures = Pictures::new();
        let is_shown = part == 0
            && channel::is_teams(&opened.key.channel)
            && matches!(entry.author, Author::Agent(_) | Author::Desk);
        if is_shown
            && let Some(image) = image_of(entry)
            && let Some(shown) = links.open(entry.number, &image.address)
            && let Some(pass) = shown.rsplit('/').next().filter(|pass| DeskMedia::is_pass(pass))
            && let Ok(Some(picture)) = timeout(PICTURE_WITHIN, self.picture(opened, pass)).await
        {
            pictures.insert(image.address, picture);
        }
        pictures
    }

    async fn picture(&self, opened: &Opened, pass: &str) -> Option<Picture> {
        let file = self.media.opened(pass).await.ok()?.file;
        self.begun(opened, file).await.ok()
    }

    /// A picture that is here, by its beginning.
    async fn begun(&self, opened: &Opened, file: FileId) -> Result<Picture, FileError> {
        let reading = self.files.read(&opened.keeping, file).await?;
        let (kind, bytes) =
            (reading.head().kind.clone(), reading.head().size(Side::Original).unwrap_or(u64::MAX));
        let mut chunks = reading.side(Side::Original, Reader::Page).await?;
        let mut start = Vec::new();
        while start.len() < START_BYTES
            && let Some(chunk) = chunks.next().await?
        {
            start.extend_from_slice(&chunk);
        }
        Ok(Picture::read(&kind, bytes, &start))
    }
}

/// The picture that an item of the desk's is, or whose part it is.
fn image_of(entry: &Entry) -> Option<Image> {
    let (Content::Said(said) | Content::Revised { said, .. }) = &entry.content else { return None };
    match Control::read(&said.payload.as_ref()?.0) {
        Control::Image(image) => Some(image),
        Control::Part { content, .. } => match *content {
            Control::Image(image) => Some(image),
            _ => None,
        },
        _ => None,
    }
}
