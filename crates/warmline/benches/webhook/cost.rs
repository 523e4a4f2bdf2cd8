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
