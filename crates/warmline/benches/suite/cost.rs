//! What a server's process spends. Both counts are of the whole process, all threads.

use std::{process::Stdio, time::Duration};

use tokio::process::Command;

/// The unit of `/proc/…/stat`: a hundredth of a second on every common Linux (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// The processor time a process has used since its start, to 10 ms; `None` where there is no `/proc`.
pub(crate) fn processor_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in brackets, which may hold anything. Fields 14 and 15 are the
    // time in the program and in the kernel (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    let (program, kernel) = (ticks()?, ticks()?);
    Some(TICK * program + TICK * kernel)
}

/// Whether `perf` counts instructions on this machine; virtual ones often cannot.
pub(crate) async fn counted() -> bool {
    stat(&["true"]).await.is_some()
}

/// Lets the time pass and counts the instructions that a process spends in it.
pub(crate) async fn instructions_for(pid: u32, time: Duration) -> Option<u64> {
    let (pid, seconds) = (pid.to_string(), time.as_secs_f64().to_string());
    stat(&["-p", &pid, "sleep", &seconds]).await
}

async fn stat(arguments: &[&str]) -> Option<u64> {
    let mut perf = Command::new("perf");
    perf.args(["stat", "-x", ",", "-e", "instructions"]).args(arguments);
    perf.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let output = perf.output().await.ok()?;
    // One line a counter: value, unit, event …; the value is words where it was not counted. There is
    // one counter for each kind of core.
    let table = String::from_utf8(output.stderr).ok()?;
    let counts = table.lines().filter_map(|line| line.split(',').next()?.parse::<u64>().ok());
    counts.reduce(|sum, count| sum + count)
}

/// What a process holds in memory, in bytes, pages shared with the file cache included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: u64,
    /// At most, since the start or [`forget_peak`].
    pub(crate) peak: u64,
}

/// The memory of a process; `None` where there is no `/proc`.
pub(crate) fn memory(pid: u32) -> Option<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        // "VmRSS:      1234 kB"
        Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1_024)
    };
    Some(Memory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

/// Lets the peak begin anew (`/proc/…/clear_refs`).
pub(crate) fn forget_peak(pid: u32) -> std::io::Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

/// How many files this process, and what it starts, may have open.
pub(crate) fn open_files_max() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    // "unlimited" is no number, and no limit.
    line.split_ascii_whitespace().next()?.parse().ok()
}
