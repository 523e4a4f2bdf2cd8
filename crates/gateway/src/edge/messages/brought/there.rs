//! One file that lies where Teams says, and how it comes here.

use std::{sync::Arc, time::Duration};

use bot_framework::{
    activity::Attachment,
    connector::{FileAccessError, FileFetch},
};
use serde::Deserialize;
use session::{File, FileRefusal};
use store::ConversationId;
use tokio::runtime::Handle;

use crate::{
    channel::ChannelLink,
    edge::Edge,
    files::{Bringer, FileError, FileId, Files, NewFile},
    keeping::Keeping,
};

/// What a file of a user's is called in Teams.
const DOWNLOAD: &str = "application/vnd.microsoft.teams.file.download.info";

/// What a file is called that has no name.
const NAMELESS: &str = "file";

/// A file that can be had.
pub(super) struct There {
    pub(super) name: String,
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

impl There {
    /// Where the file of an attachment is; nothing if it is none.
    pub(super) fn read(attachment: &Attachment) -> Option<Self> {
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

    /// Fetches it; `service_url` is where its user is.
    pub(super) async fn fetched(
        &self,
        edge: &Edge,
        (link, service_url): (&ChannelLink, &str),
        place: (ConversationId, &Keeping),
        within: Duration,
    ) -> Result<Held, FileRefusal> {
        let came = self.brought(edge, (link, service_url), place, within).await;
        came.map_err(|error| {
            if matches!(error, NotBrought::Access(_)) {
                edge.files.observer().files().not_given(Bringer::Channel);
            }
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                bot = link.bot.as_str(),
                "a user's file did not come"
            );
            error.fault()
        })
    }

    async fn brought(
        &self,
        edge: &Edge,
        (link, service_url): (&ChannelLink, &str),
        (id, keeping): (ConversationId, &Keeping),
        within: Duration,
    ) -> Result<Held, NotBrought> {
        let connector = &link.connector;
        let mut fetch: FileFetch = if self.at_connector {
            let at = connector.may_call(service_url).map_err(|_| FileAccessError::NotAllowed)?;
            connector.fetch(&at, &self.address, within).await?
        } else {
            connector.download(&self.address, within).await?
        };
        let limit = Bringer::Channel.limit(&edge.files);
        if fetch.bytes.is_some_and(|bytes| bytes > limit) {
            return Err(FileError::TooLarge { limit }.into());
        }
        // Teams does not tell the type of a file; its host may.
        let kind = if self.kind.is_empty() { fetch.kind.take() } else { Some(self.kind.clone()) };
        let new = NewFile {
            by: Bringer::Channel,
            name: self.name.clone(),
            kind: kind.unwrap_or_default(),
            thumbnail: None,
        };
        let mut intake = edge.files.intake(id, keeping, new).await?;
        while let Some(piece) = fetch.piece().await? {
            intake.write(piece).await?;
        }
        let kept = intake.finish().await?;
        Ok(Held { files: Arc::clone(&edge.files), id: Some(kept.id), file: kept.into() })
    }
}

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
enum NotBrought {
    #[error(transparent)]
    Access(#[from] FileAccessError),
    #[error(transparent)]
    Keeping(#[from] FileError),
}

impl NotBrought {
    fn fault(&self) -> FileRefusal {
        match self {
            Self::Access(_) => FileRefusal::NotNow,
            Self::Keeping(error) => error.fault(),
        }
    }
}

/// A file that nobody was told of yet. Dropped, it is removed.
pub(super) struct Held {
    files: Arc<Files>,
    id: Option<FileId>,
    file: File,
}

impl Held {
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// It is a message's from now on.
    pub(super) fn keep(mut self) {
        self.id = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Without a runtime the process ends, and it is swept with its age.
        let (Some(id), Ok(runtime)) = (self.id.take(), Handle::try_current()) else { return };
        let files = Arc::clone(&self.files);
        runtime.spawn(async move { files.discard(id).await });
    }
}
