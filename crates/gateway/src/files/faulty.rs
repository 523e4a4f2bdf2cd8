//! A folder that fails as it is told, and remembers what was written.

use std::{
    fmt, fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart, path::Path,
};
use tokio::sync::Semaphore;

use super::{Files, place};

/// How a last step goes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    #[default]
    Well,
    /// When it is let, whoever waits for it: as a thread that waits for the disk.
    WhenLet,
    /// It fails and leaves what was written, as the library does in a folder.
    Fails,
    /// It is done and said to have failed.
    IsThere,
}

#[derive(Debug)]
pub(super) struct Faults {
    pub(super) ending: Mutex<Ending>,
    /// A last step was begun.
    pub(super) begun: Semaphore,
    pub(super) let_end: Semaphore,
    /// A last step was ended.
    pub(super) ended: Semaphore,
    /// The next first bytes that are read are not those that are there.
    pub(super) damages_once: AtomicBool,
    /// From where to where the folder goes before the next listing, as a volume that is unmounted.
    pub(super) unmounts: Mutex<Option<(PathBuf, PathBuf)>>,
    /// How large each part was, and where in the memory.
    pub(super) parts: Mutex<Vec<(usize, usize)>>,
}

/// What lies over the folder.
#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn ObjectStore>,
    faults: Arc<Faults>,
}

/// Puts faults between the files and where they lie.
pub(super) fn between(files: &mut Arc<Files>) -> Arc<Faults> {
    let none = || Semaphore::new(0);
    let faults = Arc::new(Faults {
        ending: Mutex::default(),
        begun: none(),
        let_end: none(),
        ended: none(),
        damages_once: AtomicBool::new(false),
        unmounts: Mutex::default(),
        parts: Mutex::default(),
    });
    let place = &mut Arc::get_mut(files).expect("nobody else has them").place;
    let folder = place.folder.clone().expect("it is a folder");
    place::make_folder(&folder).unwrap();
    let inner = place::opened(&folder).unwrap();
    let over: Arc<dyn ObjectStore> = Arc::new(Faulty { inner, faults: Arc::clone(&faults) });
    place.store = over.into();
    faults
}

fn failed() -> Error {
    Error::Generic { store: "faulty", source: "as it was told".into() }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, all: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(at, all, how).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = Some(self.inner.put_multipart_opts(at, how).await?);
        Ok(Box::new(FaultyUpload { inner, faults: Arc::clone(&self.faults) }))
    }

    async fn get_opts(&self, at: &Path, how: GetOptions) -> Result<GetResult> {
        let mut got = self.inner.get_opts(at, how).await?;
        let is_mark = at.filename() == Some(super::mark::MARK);
        if !is_mark && self.faults.damages_once.swap(false, SeqCst) {
            let (range, meta) = (got.range.clone(), got.meta.clone());
            let (attributes, extensions) = (got.attributes.clone(), got.extensions.clone());
            let mut bytes = got.bytes().await?.to_vec();
            bytes[40] ^= 1;
            got = GetResult {
                payload: GetResultPayload::Stream(stream::iter([Ok(Bytes::from(bytes))]).boxed()),
                meta,
                range,
                attributes,
                extensions,
            };
        }
        Ok(got)
    }

    fn delete_stream(
        &self,
        of: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(of)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if let Some((folder, away)) = self.faults.unmounts.lock().unwrap().take() {
            fs::rename(&folder, away).unwrap();
            fs::create_dir(folder).unwrap();
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, how).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Option<Box<dyn MultipartUpload>>,
    faults: Arc<Faults>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let bytes = part.iter().next().expect("it is one piece");
        self.faults.parts.lock().unwrap().push((bytes.len(), bytes.as_ptr().addr()));
        self.inner.as_mut().expect("it is not ended").put_part(part)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let mut inner = self.inner.take().ok_or_else(failed)?;
        let faults = Arc::clone(&self.faults);
        let ending = *faults.ending.lock().unwrap();
        if ending == Ending::Fails {
            std::mem::forget(inner);
            return Err(failed());
        }
        let ended = tokio::spawn(async move {
            faults.begun.add_permits(1);
            if ending == Ending::WhenLet {
                faults.let_end.acquire().await.unwrap().forget();
            }
            let ended = inner.complete().await;
            faults.ended.add_permits(1);
            ended
        });
        let ended = ended.await.unwrap();
        if ending == Ending::IsThere { Err(failed()) } else { ended }
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.take().ok_or_else(failed)?.abort().await
    }
}
