//! The files that a user of a channel sends (reference 6): they come here before their message is taken,
//! because the addresses that the channel gives are good for a short time, and for us only.
//!
//! Only while the user talks to a person: a bot gets the channel's own addresses, as it knows them. What
//! does not come in time, or may not, is told of; what was said with it is taken all the same.

use std::time::Duration;

use bot_framework::{
    Activity,
    activity::Attachment,
    connector::{FileAccessError, FileFetch},
};
use futures_util::future::join_all;
use serde::Deserialize;
use session::{Event, File, FileRefusal, id::ConversationKey};
use store::{ConversationId, Target};
use tokio::time::{Instant, timeout_at};

use super::{Whose, unreadable};
use crate::{
    channel::{ChannelLink, is_teams},
    edge::{Edge, answer::Refusal},
    engine::Arrival,
    files::{Bringer, FileError, NewFile},
    keeping::Keeping,
};

/// How long the files of a message may take to come. The channel waits some fifteen seconds for an answer
/// and then delivers the message again.
const FILES_WITHIN: Duration = Duration::from_secs(9);

/// What a file of a user's is called in Teams.
const DOWNLOAD: &str = "application/vnd.microsoft.teams.file.download.info";

/// What a file is called that has no name.
const NAMELESS: &str = "file";

/// What became of the files of a message.
#[derive(Default)]
pub(super) struct Brought {
    pub(super) files: Vec<File>,
    /// Those that did not come.
    pub(super) lost: Vec<(String, FileRefusal)>,
}

/// A file that can be had.
struct There {
    name: String,
    kind: String,
    address: String,
    /// It lies at the Connector, and wants our token.
    at_connector: bool,
}

/// Where Teams says that a file lies.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DownloadInfo {
    download_url: String,
}

impl Edge {
    /// Fetches the files of a message.
    pub(super) async fn brought(
        &self,
        link: &ChannelLink,
        whose: &Whose,
        activity: &Activity,
    ) -> Result<Brought, Refusal> {
        let there: Vec<_> = activity.attachments().iter().filter_map(There::read).collect();
        if there.is_empty() || !is_teams(&whose.key.channel) {
            return Ok(Brought::default());
        }
        let key = whose.key.clone();
        let row = crate::blocking(&self.store, move |store| store.conversation(&key)).await;
        let row = row.map_err(|error| unreadable(&error))?;
        let Some((id, state)) = row.and_then(|row| Some((row.id, row.state?))) else {
            return Ok(Brought::default());
        };
        let keeping = Keeping::new(&self.vault, &whose.key);
        let keeping = keeping.map_err(|error| super::unopened(&error))?;
        let state = keeping.read_state(&state).map_err(|error| super::unopened(&error))?;
        if state.conversation.live().is_none() {
            return Ok(Brought::default());
        }
        let most = self.files.rules().in_message;
        let deadline = Instant::now() + FILES_WITHIN;
        let mut brought = Brought::default();
        let coming = there
            .iter()
            .take(most)
            .map(|there| self.one(link, whose, (id, &keeping), there, deadline));
        for (came, there) in join_all(coming).await.into_iter().zip(&there) {
            match came {
                Ok(file) => brought.files.push(file),
                Err(why) => brought.lost.push((there.name.clone(), why)),
            }
        }
        let more = there.into_iter().skip(most);
        brought.lost.extend(more.map(|there| (there.name, FileRefusal::NoRoom)));
        Ok(brought)
    }

    /// Tells the user of files that did not come. What was said with them is taken whatever becomes of that.
    pub(super) async fn tell_lost(&self, key: &ConversationKey, lost: Vec<(String, FileRefusal)>) {
        for (name, why) in lost {
            let lost = Arrival::event(Target::Existing(key.clone()), Event::FileLost { name, why });
            if let Err(error) = self.engine.submit(lost).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a user was not told that a file did not come"
                );
            }
        }
    }

    /// Lets files go of a message that was not taken: it comes again, and they with it.
    pub(super) async fn forget(&self, files: &[File]) {
        for file in files {
            if let Ok(id) = file.id.parse() {
                self.files.discard(id).await;
            }
        }
    }

    async fn one(
        &self,
        link: &ChannelLink,
        whose: &Whose,
        of: (ConversationId, &Keeping),
        there: &There,
        deadline: Instant,
    ) -> Result<File, FileRefusal> {
        let coming = self.fetched(link, whose, of, there, deadline);
        let error = match timeout_at(deadline, coming).await {
            Ok(Ok(file)) => return Ok(file),
            Ok(Err(error)) => error,
            Err(_) => NotBrought::Late,
        };
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            bot = link.bot.as_str(),
            "a user's file did not come"
        );
        Err(error.fault())
    }

    async fn fetched(
        &self,
        link: &ChannelLink,
        whose: &Whose,
        (id, keeping): (ConversationId, &Keeping),
        there: &There,
        deadline: Instant,
    ) -> Result<File, NotBrought> {
        let within = deadline.saturating_duration_since(Instant::now());
        let connector = &link.connector;
        let mut fetch: FileFetch = if there.at_connector {
            let at = connector.may_call(&whose.reference.service_url);
            let at = at.map_err(|_| FileAccessError::NotAllowed)?;
            connector.fetch(&at, &there.address, within).await?
        } else {
            connector.download(&there.address, within).await?
        };
        let limit = Bringer::Channel.limit(&self.files);
        if fetch.bytes.is_some_and(|bytes| bytes > limit) {
            return Err(FileError::TooLarge { limit }.into());
        }
        // Teams does not tell the type of a file; its host may.
        let kind = if there.kind.is_empty() { fetch.kind.take() } else { Some(there.kind.clone()) };
        let new = NewFile {
            by: Bringer::Channel,
            name: there.name.clone(),
            kind: kind.unwrap_or_default(),
            thumbnail: None,
        };
        let mut intake = self.files.intake(id, keeping, new).await?;
        while let Some(piece) = fetch.piece().await? {
            intake.write(piece).await?;
        }
        Ok(intake.finish().await?.into())
    }
}

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
enum NotBrought {
    #[error("it did not come in the time that the channel waits")]
    Late,
    #[error(transparent)]
    Access(#[from] FileAccessError),
    #[error(transparent)]
    Keeping(#[from] FileError),
}

impl NotBrought {
    fn fault(&self) -> FileRefusal {
        match self {
            Self::Late | Self::Access(_) => FileRefusal::NotNow,
            Self::Keeping(error) => error.fault(),
        }
    }
}

impl There {
    /// Where the file of an attachment is; nothing if it is none.
    fn read(attachment: &Attachment) -> Option<Self> {
        let kind = attachment.content_type().unwrap_or_default();
        let name = attachment.name().filter(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| NAMELESS.to_owned());
        if kind == DOWNLOAD {
            let info: DownloadInfo = serde_json::from_str(attachment.content()?.get()).ok()?;
            let (kind, address) = (String::new(), info.download_url);
            return Some(Self { name, kind, address, at_connector: false });
        }
        let address = attachment.content_url().filter(|_| kind.starts_with("image/"))?;
        // Teams does not say of what kind a picture among words is.
        let kind = if kind.ends_with('*') { String::new() } else { kind };
        Some(Self { name, kind, address, at_connector: true })
    }
}
