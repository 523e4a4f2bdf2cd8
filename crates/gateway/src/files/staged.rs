//! What lies in the folder under a name of its own, until it has its right one.
//!
//! Whoever writes it removes it when it comes to nothing, but for one case: the last step was begun and
//! failed. Then it is removed here, as soon as nobody writes another under the same name.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is being written, by where it will lie.
#[derive(Default)]
pub(super) struct Staging(Mutex<HashMap<PathBuf, Staged>>);

#[derive(Default)]
struct Staged {
    /// How many write it now.
    under_way: u32,
    /// How many did since nobody did: none has a higher number.
    begun: u32,
    /// One of them left something behind.
    litter: bool,
}

/// One that is being written.
pub(super) struct Stage {
    staging: Arc<Staging>,
    path: PathBuf,
}

impl Staging {
    fn all(&self) -> MutexGuard<'_, HashMap<PathBuf, Staged>> {
        // Numbers that are added and taken away cannot be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is written from now on that will lie there.
    pub(super) fn begin(self: &Arc<Self>, path: PathBuf) -> Stage {
        let mut all = self.all();
        let staged = all.entry(path.clone()).or_default();
        staged.under_way += 1;
        staged.begun = staged.begun.saturating_add(1);
        Stage { staging: Arc::clone(self), path }
    }
}

impl Stage {
    /// It came to nothing and still lies there.
    pub(super) fn is_litter(&self) {
        if let Some(staged) = self.staging.all().get_mut(&self.path) {
            staged.litter = true;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let mut all = self.staging.all();
        let Some(staged) = all.get_mut(&self.path) else { return };
        staged.under_way -= 1;
        if staged.under_way > 0 {
            return;
        }
        // Under the lock: whoever begins the next one waits.
        for number in 1..=(if staged.litter { staged.begun } else { 0 }) {
            remove(&self.path, number);
        }
        all.remove(&self.path);
    }
}

/// Removes one, named as the library names it.
fn remove(path: &Path, number: u32) {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("{}{number}", super::place::UNFINISHED));
    if let Err(error) = fs::remove_file(&name)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            file = %Path::new(&name).display(),
            "what came of a file that was not kept cannot be removed; the next start tries again"
        );
    }
}
