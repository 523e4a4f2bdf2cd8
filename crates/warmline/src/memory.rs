//! What is in this process's memory stays there: keys, tokens, words.

use rustix::process::{Resource, Rlimit, setrlimit};

/// No core dump is written when the process crashes, and no other process of the same user can look
/// into it: the system refuses debuggers and `/proc/PID/mem` to all but root. For debugging a crash,
/// let root attach (`gdb -p`) or run a debug build in a place without data.
pub(crate) fn keep_private() -> std::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
