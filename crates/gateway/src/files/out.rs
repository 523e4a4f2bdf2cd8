//! Sealed bytes that leave for where they are kept.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::{runtime::Handle, task::JoinHandle};

use super::{FileError, Files, place::Upload};

/// Sealed bytes on their way to where they are kept: one part under way, and one that fills. The two take
/// turns with the same memory: a part is freed on another thread than it was made on, and an allocator keeps
/// what was freed there for longer than a large file takes to come.
pub(super) struct Out {
    files: Arc<Files>,
    name: String,
    part: BytesMut,
    upload: Option<Upload>,
    under_way: Option<UnderWay>,
}

/// A part that is being written.
struct UnderWay {
    written: JoinHandle<object_store::Result<()>>,
    part: Bytes,
}

impl Out {
    pub(super) fn new(files: Arc<Files>, name: String) -> Self {
        Self { files, name, part: BytesMut::new(), upload: None, under_way: None }
    }

    pub(super) async fn write(&mut self, mut sealed: &[u8]) -> Result<(), FileError> {
        // All parts but the last are of the same size, as some stores ask for.
        let size = self.files.place.part_bytes;
        while self.part.len() + sealed.len() >= size {
            let (last, rest) = sealed.split_at(size - self.part.len());
            self.part.extend_from_slice(last);
            sealed = rest;
            let next = match self.arrived().await? {
                Some(before) => before,
                None => BytesMut::with_capacity(size),
            };
            let part = std::mem::replace(&mut self.part, next).freeze();
            self.send(part).await?;
        }
        self.part.extend_from_slice(sealed);
        Ok(())
    }

    /// Has the part written; the one before is.
    async fn send(&mut self, part: Bytes) -> Result<(), FileError> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(self.files.place.begin(&self.name).await?),
        };
        let written = tokio::spawn(upload.put_part(part.clone()));
        self.under_way = Some(UnderWay { written, part });
        Ok(())
    }

    /// Waits for the part that is under way; gives back its memory if nobody else has it.
    async fn arrived(&mut self) -> Result<Option<BytesMut>, FileError> {
        let Some(under_way) = &mut self.under_way else { return Ok(None) };
        // Whoever gives up meanwhile still has it, to wait for before it is removed.
        let written = (&mut under_way.written).await;
        let part = self.under_way.take().map(|under_way| under_way.part);
        written.map_err(|error| FileError::Disk(std::io::Error::other(error)))??;
        Ok(part.and_then(|part| part.try_into_mut().ok()).map(|mut part| {
            part.clear();
            part
        }))
    }

    /// Ends the file: when this returns, it is there.
    pub(super) async fn end(&mut self) -> Result<(), FileError> {
        if self.upload.is_none() {
            return self.files.place.put(&self.name, self.part.split().freeze()).await;
        }
        self.arrive().await?;
        self.complete().await
    }

    /// Has all of it sent and written: only the last step is left.
    pub(super) async fn arrive(&mut self) -> Result<(), FileError> {
        self.arrived().await?;
        if self.upload.is_none() || !self.part.is_empty() {
            let part = std::mem::take(&mut self.part).freeze();
            self.send(part).await?;
            self.arrived().await?;
        }
        Ok(())
    }

    /// The last step. Until it has gone well there is something to give up.
    pub(super) async fn complete(&mut self) -> Result<(), FileError> {
        if let Some(upload) = &mut self.upload {
            self.files.place.end(&self.name, upload).await?;
            self.upload = None;
        }
        Ok(())
    }

    /// Gives it up; whether it is sure that it does not come any more.
    pub(super) async fn give_up(&mut self) -> bool {
        let Some(mut upload) = self.upload.take() else { return true };
        given_up(&mut upload, self.under_way.take()).await
    }
}

async fn given_up(upload: &mut Upload, under_way: Option<UnderWay>) -> bool {
    if let Some(part) = under_way {
        part.written.await.ok();
    }
    let aborted = upload.abort().await;
    if let Err(error) = &aborted {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "what came of a file that was not kept cannot be removed"
        );
    }
    aborted.is_ok()
}

impl Drop for Out {
    fn drop(&mut self) {
        let (Some(mut upload), under_way) = (self.upload.take(), self.under_way.take()) else {
            return;
        };
        // Without a runtime the process ends; the next start sees to it.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move { given_up(&mut upload, under_way).await });
    }
}

#[cfg(test)]
mod tests;
