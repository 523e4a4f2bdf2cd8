//! A file that comes in, piece by piece.
//!
//! What has come is sealed and written as it comes, so that no more than a few parts of it are in memory,
//! however large it is. Nobody can be told of it before it is there for good: its name appears with the
//! last step. One that is dropped before is as if it had never come.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use store::ConversationId;

use super::{
    FileError, FileId, Files, Keep, WithoutScanner,
    anew::Coming,
    kind::{Allowed, Judged, SNIFFED_BYTES},
    ledger::{Room, Whose},
    out::Out,
    scan::{Scan, ScanError, Verdict},
    sealed::{CHUNK_BYTES, Head, Seal, Side},
    turns::Turn,
};
use crate::keeping::Keeping;

/// Who brings a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bringer {
    /// The bot: something to show, for a day.
    Bot,
    /// The user, on a page of a site that knows them: its server bound a user id into their token.
    Page,
    /// The user, on a page that anybody may open: nobody knows them.
    Stranger,
    /// The user, in another channel, which knows them.
    Channel,
    /// The desk: an agent's file, a picture of the instance.
    Desk,
}

impl Bringer {
    pub(crate) const ALL: [Self; 5] =
        [Self::Bot, Self::Page, Self::Stranger, Self::Channel, Self::Desk];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Page => "page",
            Self::Stranger => "stranger",
            Self::Channel => "channel",
            Self::Desk => "desk",
        }
    }

    /// What they may bring. What a bot or a desk shows is its own affair: a tool to install, a script to run
    /// is what a user may have asked a help desk for. The scanner sees it as it sees all files.
    fn allowed(self, files: &Files) -> Allowed {
        match self {
            Self::Page | Self::Stranger | Self::Channel => files.setup.rules.allowed(),
            Self::Bot | Self::Desk => Allowed::default(),
        }
    }

    /// How large a file of theirs may be, in bytes. A bot's comes whole and was measured.
    pub(crate) fn limit(self, files: &Files) -> u64 {
        match self {
            Self::Page | Self::Stranger | Self::Channel | Self::Desk => {
                files.setup.rules.file_bytes
            }
            Self::Bot => u64::MAX,
        }
    }

    fn keep(self) -> Keep {
        match self {
            Self::Bot => Keep::Day,
            Self::Page | Self::Channel | Self::Desk => Keep::Chat,
            Self::Stranger => Keep::Stranger,
        }
    }
}

/// A file that begins to come in.
pub(crate) struct NewFile {
    pub(crate) by: Bringer,
    /// Its name, as its bringer calls it.
    pub(crate) name: String,
    /// Its media type, as its bringer claims it; empty if they do not.
    pub(crate) kind: String,
    /// A smaller picture of it, which is not looked into.
    pub(crate) thumbnail: Option<Bytes>,
}

/// A file that is kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) id: FileId,
    /// Its name as it is shown.
    pub(crate) name: String,
    /// Its media type, as far as what is in it bears it out.
    pub(crate) kind: String,
    /// How long it is.
    pub(crate) bytes: u64,
}

impl From<Kept> for session::File {
    fn from(Kept { id, name, kind, bytes }: Kept) -> Self {
        Self { id: id.to_string(), name, kind, bytes }
    }
}

/// A file that comes in. Dropped, it is discarded.
pub(crate) struct Intake {
    files: Arc<Files>,
    id: FileId,
    new: NewFile,
    seal: Seal,
    /// What came and is not sealed yet: less than a chunk.
    plain: BytesMut,
    /// What it is, once enough of it came.
    judged: Option<Judged>,
    /// The scanner that sees it go by.
    scan: Option<Scan>,
    /// The next chunk's number.
    number: u64,
    /// How much came.
    came: u64,
    out: Out,
    /// Until it is there, or discarded.
    _coming: Coming,
    room: Room,
    _turn: Turn,
}

impl Files {
    /// Begins to take a file in for the conversation that `keeping` is for. Waits for its turn.
    pub(crate) async fn intake(
        self: &Arc<Self>,
        conversation: ConversationId,
        keeping: &Keeping,
        new: NewFile,
    ) -> Result<Intake, FileError> {
        let id = FileId { conversation, number: self.clock.fresh_id(), keep: new.by.keep() };
        self.intake_as(id, keeping, new).await
    }

    /// The same for a file that is known by where it comes from, and kept under a number made of that.
    pub(crate) async fn intake_as(
        self: &Arc<Self>,
        id: FileId,
        keeping: &Keeping,
        new: NewFile,
    ) -> Result<Intake, FileError> {
        let by = new.by;
        let begun = self.begin_intake(id, keeping, new).await;
        begun.inspect_err(|error| self.observer.files().came(by, Err(error)))
    }

    async fn begin_intake(
        self: &Arc<Self>,
        id: FileId,
        keeping: &Keeping,
        new: NewFile,
    ) -> Result<Intake, FileError> {
        let turn = self.turns.to_bring(new.by, keeping.tenant(), id.conversation).await?;
        self.in_place().await?;
        let place = keeping.file_place(id.number.as_u128());
        let coming = self.comes(id)?;
        let (seal, first) = Seal::fresh(&self.vault, place)?;
        let whose = Whose { id, tenant: keeping.tenant().clone(), by: new.by };
        let mut room = Room::new(Arc::clone(&self.ledger), whose);
        room.take(first.len() as u64)?;
        let mut out = Out::new(Arc::clone(self), id.to_string());
        out.write(&first).await?;
        let scan = match &self.setup.scanning {
            None => None,
            Some(scanning) => match Scan::begin(&scanning.clamd).await {
                Ok(scan) => Some(scan),
                Err(error) => self.not_scanned(&error).map(|()| None)?,
            },
        };
        let plain = BytesMut::with_capacity(CHUNK_BYTES);
        Ok(Intake {
            files: Arc::clone(self),
            id,
            new,
            seal,
            plain,
            judged: None,
            scan,
            number: 0,
            came: 0,
            out,
            _coming: coming,
            room,
            _turn: turn,
        })
    }

    /// What becomes of a file on which there is no verdict.
    fn not_scanned(&self, error: &ScanError) -> Result<(), FileError> {
        let without = self.setup.scanning.as_ref().map(|scanning| scanning.without);
        let told: &dyn std::error::Error = error;
        // One that is there and does not want a file is not away: whoever sends it could see to that.
        let is_away = matches!(error, ScanError::Away(_) | ScanError::Slow);
        if is_away && without == Some(WithoutScanner::Take) {
            tracing::warn!(error = told, "a file is taken without a scan");
            return Ok(());
        }
        tracing::warn!(error = told, "a file is refused because it cannot be scanned");
        match error {
            ScanError::TooLarge => Err(FileError::TooLargeToScan),
            ScanError::Away(_) | ScanError::HungUp(_) | ScanError::Slow | ScanError::Refused(_) => {
                Err(FileError::NotScanned)
            }
        }
    }
}

impl Intake {
    /// Takes the next bytes.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), FileError> {
        self.files.observer.files().took_in(bytes.len());
        let taken = self.take(bytes).await;
        taken.inspect_err(|error| self.files.observer.files().came(self.new.by, Err(error)))
    }

    async fn take(&mut self, mut bytes: Bytes) -> Result<(), FileError> {
        let limit = self.new.by.limit(&self.files);
        self.came = self.came.saturating_add(bytes.len() as u64);
        if self.came > limit {
            return Err(FileError::TooLarge { limit });
        }
        self.scanned(&bytes).await?;
        while !bytes.is_empty() {
            let some = bytes.split_to(bytes.len().min(CHUNK_BYTES - self.plain.len()));
            self.plain.extend_from_slice(&some);
            if self.plain.len() >= SNIFFED_BYTES {
                self.judge()?;
            }
            if self.plain.len() == CHUNK_BYTES {
                self.chunk().await?;
            }
        }
        Ok(())
    }

    /// Ends the file: when this returns, it is kept.
    pub(crate) async fn finish(self) -> Result<Kept, FileError> {
        let (files, by) = (Arc::clone(&self.files), self.new.by);
        let kept = self.end().await;
        files.observer.files().came(by, kept.as_ref().map(|_| ()));
        files.told();
        kept
    }

    async fn end(mut self) -> Result<Kept, FileError> {
        if self.came == 0 {
            return Err(FileError::Empty);
        }
        let Judged { name, kind } = self.judge()?.clone();
        if !self.plain.is_empty() {
            self.chunk().await?;
        }
        self.cleared().await?;
        let thumbnail = self.new.thumbnail.take();
        for (number, chunk) in (0..).zip(thumbnail.iter().flat_map(|all| all.chunks(CHUNK_BYTES))) {
            let sealed = self.seal.chunk(Side::Thumbnail, number, chunk)?;
            self.put(&sealed).await?;
        }
        let head = Head {
            name,
            kind,
            original: self.came,
            thumbnail: thumbnail.map(|side| side.len() as u64),
        };
        let last = self.seal.last(&head)?;
        self.put(&last).await?;
        // It took its time to come: the volume may have gone away meanwhile.
        self.files.in_place().await?;
        self.out.end().await?;
        self.room.keep();
        Ok(Kept { id: self.id, name: head.name, kind: head.kind, bytes: self.came })
    }

    /// What it is, by what came first. Judged once: nothing before it is ever sealed.
    fn judge(&mut self) -> Result<&Judged, FileError> {
        if self.judged.is_none() {
            let first = &self.plain[..self.plain.len().min(SNIFFED_BYTES)];
            let allowed = self.new.by.allowed(&self.files);
            let judged = Judged::of(&self.new.name, &self.new.kind, first, &allowed)?;
            self.judged = Some(judged);
        }
        self.judged.as_ref().ok_or(FileError::Malformed)
    }

    /// Shows the scanner what came.
    async fn scanned(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let Some(scan) = &mut self.scan else { return Ok(()) };
        if let Err(error) = scan.show(bytes).await {
            self.scan = None;
            self.files.not_scanned(&error)?;
        }
        Ok(())
    }

    /// Waits for the scanner's verdict.
    async fn cleared(&mut self) -> Result<(), FileError> {
        let Some(scan) = self.scan.take() else { return Ok(()) };
        match scan.verdict().await {
            Ok(Verdict::Clean) => Ok(()),
            Ok(Verdict::Found(found)) => {
                let by = self.new.by.word();
                tracing::warn!(found, by, "a file is refused: the virus scanner found something");
                Err(FileError::Infected)
            }
            Err(error) => self.files.not_scanned(&error),
        }
    }

    async fn chunk(&mut self) -> Result<(), FileError> {
        let sealed = self.seal.chunk(Side::Original, self.number, &self.plain)?;
        self.number += 1;
        self.plain.clear();
        self.put(&sealed).await
    }

    async fn put(&mut self, sealed: &[u8]) -> Result<(), FileError> {
        self.room.take(sealed.len() as u64)?;
        self.out.write(sealed).await
    }
}
