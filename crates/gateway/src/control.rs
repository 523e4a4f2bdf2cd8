//! The control socket: how an operator's commands reach a running gateway.
//!
//! A Unix socket in the data directory, for its owner only (mode 0600): whoever may read the store
//! may give orders, and nobody else. One line of JSON each way and the connection ends; the lines
//! are described in `wire`, what is done about them in `letters`, `sealed` and `files`.
//!
//! It has no part in anything that users or desks do: a gateway that cannot have the socket (a file
//! system without sockets, a path too long) says so and serves all the same.

mod files;
mod keys;
mod letters;
mod meaning;
mod sealed;
#[cfg(test)]
mod tests;
mod wire;

use std::{
    fs::Permissions,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use wire::Understood;

use crate::{
    audit::{Audit, Who},
    keys::resealing::Keys,
    person::Persons,
};

pub(crate) use files::Storeroom;
pub use keys::keys_without_gateway;
pub use letters::{LETTERS_PER_LIST, LETTERS_PER_LIST_MAX};
pub(crate) use letters::{Letters, shortened};
pub(crate) use sealed::Sealed;
pub use wire::{
    Answer, FilesDropped, FilesOrder, FilesTaken, Letter, Order, Outcome, PersonOrder, Refusal,
    Request, TenantFiles, VERSION, keys_line, secret_line,
};

/// The socket's name in the data directory.
pub const SOCKET: &str = "warmline.sock";

/// The name under which the socket is made, before it gets its mode and its place.
const SOCKET_NEW: &str = "warmline.sock.new";

/// Connections served at a time: people who type commands. More wait in the system's queue.
const CONNECTIONS_MAX: usize = 4;

/// The longest line taken, in bytes; an order has fewer than a hundred.
const LINE_BYTES_MAX: u64 = 4_096;

/// Room for a whole line, and for one byte more that never comes: a buffer that grows leaves what it
/// held behind.
const LINE_BYTES: usize = 4_097;

/// How much more than a line is read, for the sender to see the answer.
const REST_BYTES_MAX: u64 = 1_024 * 1_024;

/// How long a client may take to send its line, and to take the answer.
const LINE_WITHIN: Duration = Duration::from_secs(5);

/// After the system refused a connection (out of descriptors, usually).
const PAUSE: Duration = Duration::from_millis(100);

/// Who carries orders out.
pub(crate) struct Orders {
    pub(crate) letters: Letters,
    pub(crate) sealed: Sealed,
    pub(crate) keys: Arc<Keys>,
    pub(crate) audit: Audit,
    pub(crate) persons: Arc<Persons>,
    pub(crate) files: Storeroom,
}

/// The socket of a running gateway; gone when this is dropped.
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Makes the socket. One that a killed gateway left behind is replaced: the lock on the data
    /// directory is ours, so nobody listens there.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let (new, path) = (data_dir.join(SOCKET_NEW), data_dir.join(SOCKET));
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&new)?;
        // It gets its mode before its name.
        std::fs::set_permissions(&new, Permissions::from_mode(0o600))?;
        std::fs::rename(&new, &path)?;
        Ok(Self { listener, path })
    }

    /// Serves until told to stop.
    pub(crate) async fn serve(self, orders: Orders, stop: CancellationToken) {
        let orders = Arc::new(orders);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = async {
                    let place = Arc::clone(&places).acquire_owned().await;
                    (self.listener.accept().await, place)
                } => accepted,
            };
            match accepted {
                (Ok((stream, _)), Ok(place)) => {
                    let orders = Arc::clone(&orders);
                    tokio::spawn(async move {
                        let _place = place;
                        if let Err(error) = converse(stream, &orders).await {
                            tracing::debug!(
                                error = &error as &dyn std::error::Error,
                                "an operator's connection broke"
                            );
                        }
                    });
                }
                (_, Err(_)) => return,
                (Err(error), Ok(_)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the control socket does not accept"
                    );
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Left behind, it does no harm: the next start replaces it.
        std::fs::remove_file(&self.path).ok();
    }
}

/// One line in, one line out; for an export many.
async fn converse(mut stream: UnixStream, orders: &Orders) -> io::Result<()> {
    let who = Who::Command { uid: stream.peer_cred().ok().map(|peer| peer.uid()) };
    let (reading, mut writing) = stream.split();
    // It may hold a secret, so it is wiped, and no other buffer of ours gets it. What reading its JSON
    // copies meanwhile is not.
    let mut line = zeroize::Zeroizing::new(Vec::with_capacity(LINE_BYTES));
    let mut reading = reading.take(LINE_BYTES_MAX);
    timeout(LINE_WITHIN, async {
        while !line.contains(&b'\n') && reading.read_buf(&mut *line).await? > 0 {}
        io::Result::Ok(())
    })
    .await??;
    let end = line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |at| at + 1);
    line.truncate(end);
    let answer = match wire::read(&line) {
        Ok(Understood::Letters(order)) => Some(orders.letters.carry_out(order, who).await),
        Ok(Understood::Secret(order)) => Some(orders.sealed.carry_out(order, who).await),
        Ok(Understood::Keys(order)) => Some(keys::carry_out(orders, order, who).await),
        Ok(Understood::Files(order)) => Some(orders.files.carry_out(order, who).await),
        Ok(Understood::Person(PersonOrder::ErasePerson { tenant, user })) => {
            Some(orders.persons.erase((&tenant, &user), who).await.into())
        }
        Ok(Understood::Person(PersonOrder::ExportPerson { tenant, user })) => {
            orders.persons.export((&tenant, &user), who, &mut writing).await?;
            None
        }
        Err(refusal) => Some(refusal.into()),
    };
    if let Some(answer) = answer {
        timeout(LINE_WITHIN, writing.write_all(&answer.to_line())).await??;
    }
    timeout(LINE_WITHIN, writing.shutdown()).await??;
    // What is left unread would make the system take the answer back.
    reading.set_limit(REST_BYTES_MAX);
    timeout(LINE_WITHIN, tokio::io::copy(&mut reading, &mut tokio::io::sink())).await??;
    Ok(())
}
