//! On what it was measured, in one line: nobody can read a figure without it.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, Instant},
};

/// Flushes that are timed.
const FLUSHES: usize = 100;

/// Bytes written before each.
const BLOCK: [u8; 4_096] = [7; 4_096];

/// The day, in UTC.
pub(crate) fn today() -> String {
    #[expect(clippy::disallowed_methods, reason = "a report says when it was made")]
    let now = jiff::Timestamp::now();
    now.to_string().chars().take_while(|c| *c != 'T').collect()
}

/// Processors, memory, kernel, file system and what a flush costs; what cannot be read is left out.
pub(crate) fn line() -> String {
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "processors".to_owned());
    let mut parts = vec![format!("{processors} × {}", model.trim())];
    if let Some(memory) = field("/proc/meminfo", "MemTotal").and_then(|line| gibibytes(&line)) {
        parts.push(format!("{memory} GiB"));
    }
    if let Ok(release) = std::fs::read_to_string("/proc/sys/kernel/osrelease") {
        let version: Vec<_> = release.trim().splitn(3, '.').take(2).collect();
        parts.push(format!("{} {}", std::env::consts::OS, version.join(".")));
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    parts.extend(file_system(folder));
    if let Ok(flush) = flush(folder) {
        parts.push(format!("fdatasync {} µs", flush.as_micros()));
    }
    parts.join(", ")
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let (_, value) = text.lines().find(|line| line.starts_with(name))?.split_once(':')?;
    Some(value.trim().to_owned())
}

/// From "1234 kB", rounded.
fn gibibytes(value: &str) -> Option<u64> {
    let kibibytes: u64 = value.split_ascii_whitespace().next()?.parse().ok()?;
    Some((kibibytes + 512 * 1_024) / (1_024 * 1_024))
}

/// The kind of the file system that holds this folder.
fn file_system(folder: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    // "device place kind options …"
    let holding = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        folder.starts_with(place).then_some((place.len(), kind))
    });
    Some(holding.max()?.1.to_owned())
}

/// The median time of a write of 4 KiB with its flush.
fn flush(folder: &Path) -> std::io::Result<Duration> {
    let mut file: File = tempfile::tempfile_in(folder)?;
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let began = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times[FLUSHES / 2])
}
