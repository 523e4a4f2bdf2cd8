//! The folder that an export is written to: `entries.jsonl` and the files. Nobody but the owner can read it.
//!
//! It has its name when it is whole. Until then it is called `….unfinished`, and goes with whoever leaves off: an
//! error, a signal. A kill that nobody can hear leaves it, under that name.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{BufWriter, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use gateway::{control::Refusal, person::Exported};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    time::timeout,
};

/// The longest line taken, in bytes: far more than the longest entry with its original has.
const LINE_BYTES_MAX: u64 = 16 * 1_024 * 1_024;

/// How long the next line may take.
const LINE_WITHIN: Duration = Duration::from_mins(2);

/// The most characters of a file's own name that its name in the folder has.
const NAME_CHARS_MAX: usize = 80;

/// A line, as far as it must be understood: each has one of these, or another that need not be.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    file: Option<Told>,
    piece: Option<String>,
    exported: Option<Exported>,
    /// Of an order that was not understood there is the version of the gateway beside it.
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Told {
    id: String,
    name: String,
}

/// What is said when it ends in the middle.
const BROKE_OFF: &str = "the export broke off: the gateway ended, or waited too long for this command; nothing \
                         is left of it, so ask again";

/// What the name of a folder ends with that is being written.
const UNFINISHED: &str = ".unfinished";

/// The folder, made when there is something to write.
pub(super) struct Written {
    folder: PathBuf,
    /// What it is called until it is whole.
    unfinished: PathBuf,
    /// It was made, by us, and is not whole.
    is_ours: bool,
}

/// What is open while an export comes in.
struct Open {
    folder: PathBuf,
    lines: BufWriter<File>,
    file: Option<BufWriter<File>>,
}

impl Written {
    /// A folder that is not there yet: an export never adds to another.
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        if folder.symlink_metadata().is_ok() {
            bail!("{} is there already; name a folder that is not", folder.display());
        }
        let mut unfinished = folder
            .file_name()
            .with_context(|| format!("{} names no folder", folder.display()))?
            .to_owned();
        unfinished.push(UNFINISHED);
        let unfinished = folder.with_file_name(unfinished);
        if unfinished.symlink_metadata().is_ok() {
            bail!(
                "{} is there: an export that was killed, or one that is being written; remove it with what was \
                 said in it",
                unfinished.display()
            );
        }
        Ok(Self { folder: folder.to_owned(), unfinished, is_ours: false })
    }

    /// Takes everything in, and says what it was; `None` if it was nothing. An export that broke off is no export:
    /// its folder goes.
    pub(super) async fn take(
        &mut self,
        from: impl AsyncRead + Unpin,
    ) -> anyhow::Result<Option<String>> {
        let taken = self.take_all(from).await;
        let exported = taken.inspect_err(|_| self.remove())?;
        if exported.conversations == 0 {
            self.remove();
            return Ok(None);
        }
        self.finish().inspect_err(|_| self.remove())?;
        self.is_ours = false;
        let Exported { conversations, sessions, entries, gaps, files, files_gone, files_damaged } =
            exported;
        let damaged = match files_damaged {
            0 => String::new(),
            some => format!(
                " {some} files are damaged and could not be opened, or not to their end; the lines `damaged` name \
                 them."
            ),
        };
        Ok(Some(format!(
            "Exported to {}: {conversations} conversations with {sessions} live chats, {entries} entries \
             and {files} files. No longer there: {gaps} entries, \
             whose keys are gone (by their age, or with the file keys.db), and {files_gone} files.{damaged}\n",
            self.folder.display()
        )))
    }

    /// Gives it its name. What has that name by now stays as it is.
    fn finish(&self) -> anyhow::Result<()> {
        let failed = || format!("{} cannot be given its name", self.folder.display());
        // A rename would put it in the place of an empty folder.
        if self.folder.symlink_metadata().is_ok() {
            bail!("{}: something is there by now", failed());
        }
        std::fs::rename(&self.unfinished, &self.folder).with_context(failed)
    }

    fn remove(&self) {
        if self.is_ours
            && let Err(error) = std::fs::remove_dir_all(&self.unfinished)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            let folder = self.unfinished.display();
            tracing::error!(%folder, %error, "an unfinished export cannot be removed; remove it");
        }
    }

    async fn take_all(&mut self, from: impl AsyncRead + Unpin) -> anyhow::Result<Exported> {
        let mut from = BufReader::new(from);
        let mut open: Option<Open> = None;
        let mut line = zeroize::Zeroizing::new(Vec::new());
        loop {
            line.clear();
            let read =
                async { (&mut from).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await };
            timeout(LINE_WITHIN, read)
                .await
                .context("the export stands still; nothing is left of it")?
                .map_err(|_| anyhow!(BROKE_OFF))?;
            if !line.ends_with(b"\n") {
                bail!(BROKE_OFF);
            }
            let understood: Line = serde_json::from_slice(&line).map_err(|_| {
                anyhow!(
                    "the export cannot be read; use the command of the same release as the gateway"
                )
            })?;
            if let Some(refusal) = understood.error {
                return Err(refusal.into());
            }
            let open = match &mut open {
                Some(open) => open,
                None => open.insert(Open::make(&self.unfinished, &mut self.is_ours)?),
            };
            if let Some(exported) = understood.exported {
                open.lines.write_all(&line)?;
                open.close()?;
                return Ok(exported);
            }
            open.write(&line, understood)?;
        }
    }
}

/// Whoever leaves off, for instance at a signal, leaves nothing.
impl Drop for Written {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Open {
    fn make(folder: &Path, is_ours: &mut bool) -> anyhow::Result<Self> {
        let mut made = || -> std::io::Result<File> {
            DirBuilder::new().mode(0o700).create(folder)?;
            *is_ours = true;
            private(&folder.join("entries.jsonl"))
        };
        let lines = made().with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), lines: BufWriter::new(lines), file: None })
    }

    fn write(&mut self, line: &[u8], understood: Line) -> anyhow::Result<()> {
        if let Some(piece) = understood.piece {
            let piece = base64::engine::general_purpose::STANDARD
                .decode(piece)
                .context("a file's bytes cannot be read")?;
            let file = self.file.as_mut().context("bytes without a file")?;
            file.write_all(&piece).context("a file cannot be written")?;
            return Ok(());
        }
        self.end_file()?;
        if let Some(told) = understood.file {
            let folder = self.folder.join("files");
            if !folder.exists() {
                DirBuilder::new().mode(0o700).create(&folder)?;
            }
            // The same file may be named by two entries.
            let path = folder.join(name_of(&told));
            if path.exists() {
                std::fs::remove_file(&path)?;
            }
            let file = private(&path).context("a file cannot be written")?;
            self.file = Some(BufWriter::new(file));
        }
        self.lines.write_all(line).context("the entries cannot be written")
    }

    fn end_file(&mut self) -> anyhow::Result<()> {
        if let Some(mut file) = self.file.take() {
            file.flush().context("a file cannot be written")?;
        }
        Ok(())
    }

    fn close(&mut self) -> anyhow::Result<()> {
        self.end_file()?;
        self.lines.flush().context("the entries cannot be written")?;
        self.lines.get_ref().sync_all().context("the entries cannot be written")
    }
}

fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A file's name in the folder: its id, by which its entry names it, and what may stand of its own name.
fn name_of(told: &Told) -> String {
    let fine = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let clean = |text: &str| text.chars().map(fine).take(NAME_CHARS_MAX).collect::<String>();
    format!("{}-{}", clean(&told.id), clean(&told.name))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const EXPORT: &str = concat!(
        "{\"conversation\":{\"id\":7}}\n",
        "{\"entry\":{\"number\":1,\"text\":\"hi\"}}\n",
        "{\"file\":{\"id\":\"7-ab\",\"name\":\"../a b.png\",\"kind\":\"image/png\",\"bytes\":5}}\n",
        "{\"piece\":\"aGVs\"}\n",
        "{\"piece\":\"bG8=\"}\n",
        "{\"gap\":{\"number\":2}}\n",
        "{\"exported\":{\"conversations\":1,\"sessions\":0,\"entries\":1,\"gaps\":1,\"files\":1,",
        "\"files_gone\":0}}\n",
    );

    async fn taken(text: &str) -> (tempfile::TempDir, anyhow::Result<String>) {
        let dir = tempfile::tempdir().unwrap();
        let mut written = Written::new(&dir.path().join("out")).unwrap();
        let said = written.take(text.as_bytes()).await;
        (dir, said.map(Option::unwrap_or_default))
    }

    #[tokio::test]
    async fn an_export_is_written_for_its_owner_alone() {
        let (dir, said) = taken(EXPORT).await;
        assert!(said.unwrap().contains("1 conversations"));
        let out = dir.path().join("out");
        let file = out.join("files/7-ab-.._a_b.png");
        assert_eq!(std::fs::read(&file).unwrap(), b"hello");
        let lines = std::fs::read_to_string(out.join("entries.jsonl")).unwrap();
        assert!(lines.contains("\"text\":\"hi\"") && !lines.contains("piece"), "{lines}");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(&out), mode(&file)], [0o700, 0o600]);
        assert_eq!(mode(&out.join("entries.jsonl")), 0o600);
    }

    #[tokio::test]
    async fn an_export_that_broke_off_leaves_nothing() {
        for end in 1..EXPORT.len() {
            let (dir, said) = taken(&EXPORT[..end]).await;
            assert!(said.is_err(), "{end} bytes");
            assert_eq!(dir.path().read_dir().unwrap().count(), 0, "{end} bytes");
        }
        for version in ["", "\"v\":1,"] {
            let refused =
                format!("{{{version}\"error\":{{\"code\":\"busy\",\"message\":\"later\"}}}}\n");
            let (dir, said) = taken(&refused).await;
            assert_eq!(said.unwrap_err().to_string(), "later (busy)");
            assert_eq!(dir.path().read_dir().unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn an_export_that_is_left_off_has_not_its_name_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut written = Written::new(&dir.path().join("out")).unwrap();
        let (mut into, from) = tokio::io::duplex(1_024);
        let whole = EXPORT.rfind("{\"exported").unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut into, &EXPORT.as_bytes()[..whole]).await.unwrap();
        let taking = timeout(Duration::from_millis(300), written.take(from)).await;
        assert!(taking.is_err(), "it waits for the rest");
        let unfinished = dir.path().join("out.unfinished");
        assert!(unfinished.join("entries.jsonl").exists() && !dir.path().join("out").exists());
        assert_eq!(unfinished.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let refused = Written::new(&dir.path().join("out")).err().unwrap().to_string();
        assert!(refused.contains("out.unfinished"), "{refused}");
        // As a signal does.
        drop(written);
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn an_export_never_adds_to_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Written::new(dir.path()).is_err());
    }
}
