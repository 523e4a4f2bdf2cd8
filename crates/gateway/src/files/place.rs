//! Where files lie: a folder, or a bucket. It moves bytes under names and knows nothing of them.

use std::{
    fs, io,
    ops::Range,
    path::{Path as FilePath, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, GetResultPayload, MultipartUpload, ObjectStore, ObjectStoreExt,
    PutPayload, UploadPart, local::LocalFileSystem, path::Path,
};

use super::{
    FileError, FileSetup,
    bucket::{self, BucketSetup},
    mark::{MARK, MARK_BYTES_MAX},
    sealed::SEALED_CHUNK_BYTES,
    staged::{Stage, Staging},
};

/// The folder in the data directory.
pub(super) const FOLDER: &str = "files";

/// How a file ends that an earlier version did not write to its end.
const UNFINISHED_BEFORE: &str = ".part";

/// What stands in the name of a file that is not written to its end yet.
pub(super) const UNFINISHED: char = '#';

/// What is written at once into a folder, in bytes: one visit to a thread that may wait for the disk.
const FOLDER_PART_BYTES: usize = 1024 * 1024;

/// What is read at once from a folder, in bytes, for each download: whole chunks, so that nothing is left
/// over that the next read would have to be put behind.
const READ_BYTES: usize = 2 * SEALED_CHUNK_BYTES;

/// How long the first or the last bytes of a file may take, a few kilobytes.
const ENDS_WITHIN: Duration = Duration::from_mins(1);

/// What a copy of a file leaves free in the folder's file system, in bytes: the database lies there, too,
/// and nothing is taken in without it.
const RESERVE_BYTES: u64 = 256 * 1024 * 1024;

/// Files under their names.
pub(super) struct Place {
    /// What moves the bytes; a folder that is not there has none yet.
    pub(super) store: OnceLock<Arc<dyn ObjectStore>>,
    /// The folder, if it is one.
    pub(super) folder: Option<PathBuf>,
    /// What stands before the names in a bucket.
    prefix: Path,
    /// What is sent at once.
    pub(super) part_bytes: usize,
    /// What stays free.
    pub(super) reserve_bytes: u64,
    staging: Arc<Staging>,
}

/// A file that is written part by part.
pub(super) struct Upload {
    inner: Box<dyn MultipartUpload>,
    /// In a folder.
    stage: Option<Stage>,
}

impl Upload {
    pub(super) fn put_part(&mut self, part: Bytes) -> UploadPart {
        self.inner.put_part(PutPayload::from_bytes(part))
    }

    /// Ends it without the file: if this goes well, it does not come any more.
    pub(super) async fn abort(&mut self) -> Result<(), FileError> {
        match (self.inner.abort().await, &self.stage) {
            (Ok(()) | Err(object_store::Error::NotFound { .. }), _) => Ok(()),
            // The library lets go of it with the last step, whether that goes well or not.
            (Err(_), Some(stage)) => {
                stage.is_litter();
                Ok(())
            }
            (Err(error), None) => Err(error.into()),
        }
    }
}

/// What is told of a file that is there.
pub(super) struct There {
    pub(super) name: String,
    pub(super) size: u64,
}

impl Place {
    /// The one that is set.
    pub(super) fn of(data_dir: &FilePath, setup: &FileSetup) -> Result<Self, FileError> {
        match &setup.bucket {
            None => Ok(Self::folder(data_dir)),
            Some(bucket) => Self::bucket(bucket),
        }
    }

    /// A folder in the data directory. It is not looked for before it is used: where it is away, the gateway
    /// starts all the same.
    fn folder(data_dir: &FilePath) -> Self {
        Self {
            store: OnceLock::new(),
            folder: Some(data_dir.join(FOLDER)),
            prefix: Path::default(),
            part_bytes: FOLDER_PART_BYTES,
            reserve_bytes: RESERVE_BYTES,
            staging: Arc::default(),
        }
    }

    /// A bucket. What was not written to its end is the bucket's to remove: a rule of its own for
    /// unfinished uploads.
    fn bucket(setup: &BucketSetup) -> Result<Self, FileError> {
        let store: Arc<dyn ObjectStore> = Arc::new(bucket::reached(setup)?);
        let prefix = Path::from(setup.prefix.as_str());
        Ok(Self {
            store: OnceLock::from(store),
            folder: None,
            prefix,
            part_bytes: bucket::PART_BYTES,
            reserve_bytes: RESERVE_BYTES,
            staging: Arc::default(),
        })
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    /// What moves the bytes; [`FileError::Gone`] where there is no folder.
    async fn store(&self) -> Result<&Arc<dyn ObjectStore>, FileError> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let folder = self.folder.clone().ok_or(FileError::Gone)?;
        let store = on_disk(move || opened(&folder)).await?;
        Ok(self.store.get_or_init(|| store))
    }

    /// The mark that lies with the files; `None` if there is none.
    pub(super) async fn mark(&self) -> Result<Option<Bytes>, FileError> {
        if let Some(folder) = self.folder.clone() {
            on_disk(move || opens_at_once(&folder.join(MARK))).await?;
        }
        match self.first(MARK, MARK_BYTES_MAX).await {
            Ok((mark, _)) => Ok(Some(mark)),
            Err(FileError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the folder if it is not there, for its owner only.
    pub(super) async fn make(&self) -> Result<(), FileError> {
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        on_disk(move || make_folder(&folder).map_err(FileError::Disk)).await
    }

    /// Removes from the folder what was not written to its end, while nothing is being written.
    pub(super) async fn tidy(&self) -> Result<(), FileError> {
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        on_disk(move || tidied(&folder).map_err(FileError::Disk)).await
    }

    /// Everything that is there.
    pub(super) async fn all(
        &self,
    ) -> Result<BoxStream<'static, Result<There, FileError>>, FileError> {
        let there = self.store().await?.list(Some(&self.prefix)).map_err(FileError::from);
        let there = there.map_ok(|meta| There {
            name: meta.location.filename().unwrap_or_default().to_owned(),
            size: meta.size,
        });
        Ok(there.boxed())
    }

    fn stage(&self, name: &str) -> Option<Stage> {
        self.folder.as_ref().map(|folder| self.staging.begin(folder.join(name)))
    }

    /// Begins a file that is written part by part.
    pub(super) async fn begin(&self, name: &str) -> Result<Upload, FileError> {
        let stage = self.stage(name);
        Ok(Upload { inner: self.store().await?.put_multipart(&self.path(name)).await?, stage })
    }

    /// Ends it: when this returns it is there, whatever happens. If it fails, it may be there all the same,
    /// or come yet, until it is aborted.
    pub(super) async fn end(&self, name: &str, upload: &mut Upload) -> Result<(), FileError> {
        upload.inner.complete().await?;
        self.written(name)
    }

    /// Writes a file at once.
    pub(super) async fn put(&self, name: &str, bytes: Bytes) -> Result<(), FileError> {
        let _stage = self.stage(name);
        self.store().await?.put(&self.path(name), PutPayload::from_bytes(bytes)).await?;
        self.written(name)
    }

    /// How much is free where the folder lies, in bytes; `None` in a bucket, and where nobody knows.
    pub(super) async fn free(&self) -> Option<u64> {
        let folder = self.folder.clone()?;
        let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&folder));
        let disk = asked.await.ok()?.ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The folder is its owner's only, and each file in it is, too.
    fn written(&self, name: &str) -> Result<(), FileError> {
        #[cfg(unix)]
        if let Some(folder) = &self.folder {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(folder.join(name), mode).map_err(FileError::Disk)?;
        }
        Ok(())
    }

    pub(super) async fn remove(&self, name: &str) -> Result<(), FileError> {
        match self.store().await?.delete(&self.path(name)).await.map_err(FileError::from) {
            // Somebody else did.
            Ok(()) | Err(FileError::Gone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The first bytes of a file, and how long all of it is.
    pub(super) async fn first(&self, name: &str, bytes: u64) -> Result<(Bytes, u64), FileError> {
        let options =
            GetOptions { range: Some(GetRange::Bounded(0..bytes)), ..GetOptions::default() };
        let path = self.path(name);
        in_time(async {
            let store = self.store().await?;
            match store.get_opts(&path, options).await {
                Ok(got) => {
                    let whole = got.meta.size;
                    Ok((got.bytes().await?, whole))
                }
                Err(error @ object_store::Error::NotFound { .. }) => Err(error.into()),
                // An empty one has no first byte, which is an error to the library.
                Err(error) => match store.head(&path).await {
                    Ok(meta) if meta.size == 0 => Ok((Bytes::new(), 0)),
                    _ => Err(error.into()),
                },
            }
        })
        .await
    }

    pub(super) async fn part(&self, name: &str, range: Range<u64>) -> Result<Bytes, FileError> {
        let path = self.path(name);
        in_time(async { Ok(self.store().await?.get_range(&path, range).await?) }).await
    }

    /// Bytes of a file as they come.
    pub(super) async fn bytes(&self, name: &str, range: Range<u64>) -> Result<Source, FileError> {
        if range.is_empty() {
            return Ok(Source::Nothing);
        }
        let left = range.end - range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let got = self.store().await?.get_opts(&self.path(name), options).await?;
        let start = got.range.start;
        match got.payload {
            // The library would read it in pieces of eight kilobytes.
            GetResultPayload::File(file, _) => Ok(Source::File { file, at: start, left }),
            GetResultPayload::Stream(stream) => {
                Ok(Source::Stream(stream.map_err(FileError::from).boxed()))
            }
        }
    }
}

/// Bytes that are read one after another.
pub(super) enum Source {
    Nothing,
    File { file: fs::File, at: u64, left: u64 },
    Stream(BoxStream<'static, Result<Bytes, FileError>>),
}

impl Source {
    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, FileError> {
        match self {
            Self::Nothing | Self::File { left: 0, .. } => Ok(None),
            // The bucket's answers see to it that it does not stall.
            Self::Stream(stream) => stream.try_next().await,
            Self::File { file, at, left } => {
                let file = file.try_clone().map_err(FileError::Disk)?;
                let length = usize::try_from(*left).unwrap_or(READ_BYTES).min(READ_BYTES);
                let begin = *at;
                // Made on the thread that frees it, or on one of its like.
                let bytes = vec![0; length];
                let read = tokio::task::spawn_blocking(move || read_at(&file, begin, bytes)).await;
                let read = read.map_err(io::Error::other).and_then(|read| read);
                let bytes = read.map_err(FileError::Disk)?;
                *at += length as u64;
                *left -= length as u64;
                Ok(Some(bytes.into()))
            }
        }
    }
}

/// What a few bytes may take.
async fn in_time<T>(read: impl Future<Output = Result<T, FileError>>) -> Result<T, FileError> {
    let read = tokio::time::timeout(ENDS_WITHIN, read).await;
    read.unwrap_or_else(|_| Err(FileError::Disk(io::ErrorKind::TimedOut.into())))
}

fn read_at(mut file: &fs::File, at: u64, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(at))?;
    io::Read::read_exact(&mut file, &mut bytes)?;
    Ok(bytes)
}

/// Does what waits for the disk on a thread that may.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(FileError::Disk(io::Error::other(error))))
}

/// What moves bytes in a folder; [`FileError::Gone`] where there is none. Blocks.
pub(super) fn opened(folder: &FilePath) -> Result<Arc<dyn ObjectStore>, FileError> {
    folder.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FileError::Gone,
        _ => FileError::Disk(error),
    })?;
    Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)))
}

/// Removes from a folder what was not written to its end. Blocks.
fn tidied(folder: &FilePath) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.contains(UNFINISHED) || name.ends_with(UNFINISHED_BEFORE) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Refuses what would keep whoever opens it waiting, such as a named pipe. What is not there is no matter of this.
fn opens_at_once(path: &FilePath) -> Result<(), FileError> {
    match fs::metadata(path) {
        Ok(seen) if !seen.is_file() && !seen.is_dir() => {
            let words = format!("{} is no ordinary file", path.display());
            Err(FileError::Disk(io::Error::new(io::ErrorKind::InvalidData, words)))
        }
        _ => Ok(()),
    }
}

/// A folder for its owner only. Blocks.
pub(super) fn make_folder(folder: &FilePath) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
