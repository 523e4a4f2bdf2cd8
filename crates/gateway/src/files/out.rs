//! Sealed bytes that leave for where they are kept.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, PutPayload};
use tokio::{runtime::Handle, task::JoinHandle};

use super::{FileError, Files};

/// Sealed bytes on their way to where they are kept: one part under way, and one that fills.
pub(super) struct Out {
    files: Arc<Files>,
    name: String,
    part: BytesMut,
    upload: Option<Box<dyn MultipartUpload>>,
    under_way: Option<JoinHandle<object_store::Result<()>>>,
}

impl Out {
    pub(super) fn new(files: Arc<Files>, name: String) -> Self {
        Self { files, name, part: BytesMut::new(), upload: None, under_way: None }
    }

    pub(super) async fn write(&mut self, sealed: &[u8]) -> Result<(), FileError> {
        self.part.extend_from_slice(sealed);
        // All parts but the last are of the same size, as some stores ask for.
        let size = self.files.place.part_bytes;
        while self.part.len() >= size {
            let part = self.part.split_to(size).freeze();
            self.send(part).await?;
        }
        Ok(())
    }

    async fn send(&mut self, part: Bytes) -> Result<(), FileError> {
        self.arrived().await?;
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(self.files.place.begin(&self.name).await?),
        };
        self.under_way = Some(tokio::spawn(upload.put_part(PutPayload::from_bytes(part))));
        Ok(())
    }

    /// Waits for the part that is under way.
    async fn arrived(&mut self) -> Result<(), FileError> {
        let Some(part) = self.under_way.take() else { return Ok(()) };
        let arrived = part.await;
        Ok(arrived.map_err(|error| FileError::Disk(std::io::Error::other(error)))??)
    }

    pub(super) async fn end(&mut self) -> Result<(), FileError> {
        let rest = self.part.split().freeze();
        if self.upload.is_none() {
            return self.files.place.put(&self.name, rest).await;
        }
        if !rest.is_empty() {
            self.send(rest).await?;
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
                part.await.ok();
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
