//! The control socket: how an operator's commands reach a running gateway.
//!
//! A Unix socket in the data directory, for its owner only (mode 0600): whoever may read the store
//! may give orders, and nobody else. One line of JSON each way and the connection ends (`conversation`);
//! the lines are described in `wire`, what is done about them in `letters`, `sealed`, `keys` and `files`.
//!
//! It has no part in anything that users or desks do: a gateway that cannot have the socket (a file
//! system without sockets, a path too long) says so and serves all the same.

mod conversation;
mod files;
mod keys;
mod letters;
mod meaning;
mod sealed;
#[cfg(test)]
mod tests;
mod under_way;
mod wire;

use std::{
    fs::Permissions,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use conversation::{Conversation, Places};
use tokio::net::UnixListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    audit::Audit, edge::direct_line::private::ring::Ring as MessageKeys, keys::resealing::Keys,
    person::Persons,
};

pub(crate) use files::Storeroom;
pub use keys::{keys_without_gateway, master_without_gateway};
pub use letters::{LETTERS_PER_LIST, LETTERS_PER_LIST_MAX};
pub(crate) use letters::{Letters, shortened};
pub(crate) use sealed::Sealed;
pub(crate) use under_way::UnderWay;
pub use wire::{
    Done, DropFiles, ErasePerson, ExportPerson, FilesDropped, FilesTaken, KeysOrder, Letter,
    ListFiles, ListLetters, MasterKeys, MasterOrder, OneLetter, Order, Outcome, Refusal,
    SecretName, SecretOrder, TenantFiles, VERSION, answer_line, read_answer,
};

/// The socket's name in the data directory.
pub const SOCKET: &str = "warmline.sock";

/// The name under which the socket is made, before it gets its mode and its place.
const SOCKET_NEW: &str = "warmline.sock.new";

/// After the system refused a connection (out of descriptors, usually).
const PAUSE: Duration = Duration::from_millis(100);

/// Who carries orders out.
pub(crate) struct Orders {
    pub(crate) letters: Letters,
    pub(crate) sealed: Sealed,
    pub(crate) keys: Arc<Keys>,
    pub(crate) messages: Arc<MessageKeys>,
    pub(crate) audit: Audit,
    pub(crate) persons: Arc<Persons>,
    pub(crate) files: Storeroom,
    pub(crate) under_way: UnderWay,
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

    /// Serves until told to stop. What is under way then is carried out and answered.
    pub(crate) async fn serve(self, orders: Orders, stop: CancellationToken) {
        let (orders, places) = (Arc::new(orders), Arc::new(Places::new()));
        let conversations = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = async {
                    let place = Arc::clone(&places.connections).acquire_owned().await;
                    (self.listener.accept().await, place)
                } => accepted,
            };
            match accepted {
                (Ok((stream, _)), Ok(place)) => {
                    let (orders, places) = (Arc::clone(&orders), Arc::clone(&places));
                    let conversation = Conversation { orders, places, stop: stop.clone() };
                    conversations.spawn(async move {
                        if let Err(error) = conversation.hold(stream, place).await {
                            tracing::debug!(
                                error = &error as &dyn std::error::Error,
                                "an operator's connection broke"
                            );
                        }
                    });
                }
                (_, Err(_)) => break,
                (Err(error), Ok(_)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the control socket does not accept"
                    );
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        // Whoever comes now finds no socket, and waits for the data.
        drop(self);
        conversations.close();
        conversations.wait().await;
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Left behind, it does no harm: the next start replaces it.
        std::fs::remove_file(&self.path).ok();
    }
}
