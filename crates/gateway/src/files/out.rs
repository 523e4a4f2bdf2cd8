//! Sealed bytes that leave for where they are kept.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, PutPayload};
use tokio::{runtime::Handle, task::JoinHandle};

use super::{FileError, Files};

/// Sealed bytes on their way to where they are kept: one part under way, and one that fills. The two take
/// turns with the same memory: a part is freed on another thread than it was made on, and an allocator keeps
/// what was freed there for longer than a large file takes to come.
pub(super) struct Out {
    files: Arc<Files>,
    name: String,
    part: BytesMut,
    upload: Option<Box<dyn MultipartUpload>>,
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
            self.send().await?;
        }
        self.part.extend_from_slice(sealed);
        Ok(())
    }

    /// Has the part written, when the one before is.
    async fn send(&mut self) -> Result<(), FileError> {
        let next = match self.arrived().await? {
            Some(before) => before,
            None => BytesMut::with_capacity(self.files.place.part_bytes),
        };
        let part = std::mem::replace(&mut self.part, next).freeze();
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(self.files.place.begin(&self.name).await?),
        };
        let written = tokio::spawn(upload.put_part(PutPayload::from_bytes(part.clone())));
        self.under_way = Some(UnderWay { written, part });
        Ok(())
    }

    /// Waits for the part that is under way; gives back its memory if nobody else has it.
    async fn arrived(&mut self) -> Result<Option<BytesMut>, FileError> {
        let Some(UnderWay { written, part }) = self.under_way.take() else { return Ok(None) };
        written.await.map_err(|error| FileError::Disk(std::io::Error::other(error)))??;
        Ok(part.try_into_mut().ok().map(|mut part| {
            part.clear();
            part
        }))
    }

    pub(super) async fn end(&mut self) -> Result<(), FileError> {
        if self.upload.is_none() {
            return self.files.place.put(&self.name, self.part.split().freeze()).await;
        }
        if !self.part.is_empty() {
            self.send().await?;
        }
        self.arrived().await?;
        match self.upload.take() {
            Some(upload) => self.files.place.end(&self.name, upload).await,
            None => Ok(()),
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        let (Some(mut upload), under_way) = (self.upload.take(), self.under_way.take()) else {
            return;
        };
        // Without a runtime the process ends; the next start sees to it.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Some(part) = under_way {
                part.written.await.ok();
            }
            if let Err(error) = upload.abort().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what came of a file that was not kept cannot be removed"
                );
            }
        });
    }
}
