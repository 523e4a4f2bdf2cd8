//! A person's files: those that entries name, in their places, and then whatever else is kept for the
//! conversation (what agents and bots showed, pictures of agents), so that what is given out is what an erasure
//! removes.

use std::collections::{BTreeSet, HashMap, HashSet};

use base64::Engine;
use serde_json::json;
use store::ConversationId;
use tokio::io::AsyncWrite;

use super::{Exported, line};
use crate::{
    files::{FileError, FileId, Reader, Side},
    keeping::Keeping,
    person::{PersonError, Persons},
};

/// What became of a file.
enum FileGiven {
    Whole,
    Gone,
    Damaged,
}

/// The files of one conversation, as they are given out.
pub(super) struct Theirs {
    of: ConversationId,
    /// Those that are kept for it and were not given out yet.
    left: Vec<FileId>,
    given: BTreeSet<String>,
}

impl Theirs {
    pub(super) fn none(of: ConversationId) -> Self {
        Self { of, left: Vec::new(), given: BTreeSet::new() }
    }
}

impl Persons {
    /// The files that are kept for these conversations.
    pub(super) async fn kept_for(
        &self,
        conversations: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Theirs>, PersonError> {
        let of: HashSet<_> = conversations.iter().copied().collect();
        let mut kept: HashMap<_, _> = of.iter().map(|id| (*id, Theirs::none(*id))).collect();
        if conversations.iter().any(|id| self.files.may_have_some(*id)) {
            for file in self.files.all_of(&of).await? {
                if let Some(theirs) = kept.get_mut(&file.conversation) {
                    theirs.left.push(file);
                }
            }
        }
        Ok(kept)
    }

    /// Gives out a file that an entry names, unless another named it before.
    pub(super) async fn named(
        &self,
        (keeping, theirs): (&Keeping, &mut Theirs),
        file: &session::File,
        exported: &mut Exported,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<(), PersonError> {
        if !theirs.given.insert(file.id.clone()) {
            return Ok(());
        }
        let id = file.id.parse::<FileId>().ok().filter(|id| id.conversation == theirs.of);
        let Some(id) = id else {
            exported.files_gone += 1;
            return Ok(());
        };
        self.file(keeping, id, Some(&file.name), exported, out).await
    }

    /// Gives out the others.
    pub(super) async fn others(
        &self,
        (keeping, theirs): (&Keeping, &mut Theirs),
        exported: &mut Exported,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<(), PersonError> {
        for id in std::mem::take(&mut theirs.left) {
            if theirs.given.insert(id.to_string()) {
                self.file(keeping, id, None, exported, out).await?;
            }
        }
        Ok(())
    }

    /// A file; one that is damaged keeps none of the others.
    async fn file(
        &self,
        keeping: &Keeping,
        id: FileId,
        name: Option<&str>,
        exported: &mut Exported,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<(), PersonError> {
        match self.bytes(keeping, id, out).await? {
            FileGiven::Whole => exported.files += 1,
            // Removed since they were looked for.
            FileGiven::Gone if name.is_none() => {}
            FileGiven::Gone => exported.files_gone += 1,
            FileGiven::Damaged => {
                exported.files_damaged += 1;
                let id = id.to_string();
                tracing::error!(file = &*id, "a file of an export is damaged");
                line(out, &json!({ "damaged": { "id": id, "name": name } })).await?;
            }
        }
        Ok(())
    }

    /// A file, if it is there and opens: its line, then its bytes.
    async fn bytes(
        &self,
        keeping: &Keeping,
        id: FileId,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<FileGiven, PersonError> {
        let reading = match self.files.read(keeping, id).await {
            Err(FileError::Gone) => return Ok(FileGiven::Gone),
            Err(FileError::Malformed | FileError::Sealed(_)) => return Ok(FileGiven::Damaged),
            read => read?,
        };
        let (name, kind) = (reading.head().name.clone(), reading.head().kind.clone());
        let mut chunks = reading.side(Side::Original, Reader::Desk).await?;
        let told = json!({
            "conversation": id.conversation.0,
            "id": id.to_string(),
            "name": name,
            "kind": kind,
            "bytes": chunks.left(),
        });
        line(out, &json!({ "file": told })).await?;
        loop {
            let bytes = match chunks.next().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(FileGiven::Whole),
                Err(FileError::Malformed | FileError::Sealed(_)) => return Ok(FileGiven::Damaged),
                Err(error) => return Err(error.into()),
            };
            let piece = base64::engine::general_purpose::STANDARD.encode(&bytes);
            line(out, &json!({ "piece": piece })).await?;
        }
    }
}
