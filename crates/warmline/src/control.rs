//! Orders to a running gateway, over the control socket in its data directory.

use std::{
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use gateway::{
    StartError,
    control::{Order, Outcome, read_answer},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::{Instant, sleep, timeout},
};

/// How long the gateway may take to answer; it answers between two commits.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How long the data may be in use by somebody who does not listen.
const IN_USE_FOR: Duration = Duration::from_secs(5);

/// Between two looks at that.
const IN_USE_PAUSE: Duration = Duration::from_millis(100);

/// The longest answer read, in bytes: far more than the longest list has.
const ANSWER_BYTES_MAX: u64 = 4 * 1_024 * 1_024;

/// What to do when an order that only looks was not answered.
pub(crate) const NOTHING_CHANGED: &str = "nothing was to be changed by it: ask again";

/// Why an order was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// The socket is somebody else's.
    #[error(
        "the gateway's control socket {} is for its owner alone (user id {owner}), and this is user id {own}; \
         run this as the user that runs the gateway", path.display()
    )]
    NotYours { path: PathBuf, owner: u32, own: u32 },
    /// It is in a place that this user cannot look into.
    #[error(
        "whether a gateway runs cannot be seen: user id {own} may not look into {}; run this as the user that \
         runs the gateway", path.display()
    )]
    Closed { path: PathBuf, own: u32 },
    /// More are waiting than the system lets wait.
    #[error(
        "too many commands wait for the gateway already, and nothing was done; try again in a moment"
    )]
    Crowded,
    /// The system says something else.
    #[error("the gateway's control socket {} cannot be used", path.display())]
    Unusable { path: PathBuf, source: std::io::Error },
    /// It was killed, or it stopped, or the system took the connection away.
    #[error("the gateway ended before it answered; {what_now}")]
    Ended { what_now: &'static str },
    /// It is there, and does not say a word.
    #[error("the gateway has not answered for {} seconds; {what_now}", within.as_secs())]
    Silent { within: Duration, what_now: &'static str },
    /// It said something that has no meaning here.
    #[error(
        "the gateway's answer cannot be read, so use the command of the same release as the gateway; {what_now}"
    )]
    Unreadable { what_now: &'static str },
    /// Nobody listens, and the data is not free either.
    #[error(
        "another Warmline process has had the data open for {} seconds and does not answer on the control \
         socket, so nothing was done: a gateway that starts or stops, or another command; try again when it is \
         done (a gateway whose log says that it has no control socket must be stopped first)",
        IN_USE_FOR.as_secs()
    )]
    InUse,
}

/// An order, and what is said if its answer does not come.
#[derive(Debug)]
pub(crate) struct Asked<'a, O> {
    order: &'a O,
    within: Duration,
    what_now: &'static str,
}

impl<'a, O: Order> Asked<'a, O> {
    /// What is said begins with whether it was done.
    pub(crate) fn new(order: &'a O, what_now: &'static str) -> Self {
        Self { order, within: ANSWER_WITHIN, what_now }
    }

    /// One that may take this long.
    pub(crate) fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// Asks the gateway; `None` if none listens there.
    pub(crate) async fn of(&self, socket: &Path) -> Result<Option<Outcome<O::Done>>, Unanswered> {
        let Some(mut stream) = connect(socket).await? else { return Ok(None) };
        let (what_now, within) = (self.what_now, self.within);
        let conversation = async {
            let mut line = Vec::new();
            // One that cannot be given any more may have been answered all the same.
            stream.write_all(&self.order.to_line()).await.ok();
            let mut answer = BufReader::new(stream.take(ANSWER_BYTES_MAX));
            answer.read_until(b'\n', &mut line).await.ok();
            line
        };
        let line = timeout(within, conversation).await;
        let line = line.map_err(|_| Unanswered::Silent { within, what_now })?;
        if !line.ends_with(b"\n") && (line.len() as u64) < ANSWER_BYTES_MAX {
            return Err(Unanswered::Ended { what_now });
        }
        read_answer(&line).map(Some).ok_or(Unanswered::Unreadable { what_now })
    }

    /// Asks the gateway or, where none listens, does without.
    pub(crate) async fn of_gateway_or(
        self,
        socket: &Path,
        mut alone: impl AsyncFnMut() -> anyhow::Result<Outcome<O::Done>>,
    ) -> anyhow::Result<(Outcome<O::Done>, By)> {
        let patience = Patience::begins();
        loop {
            if let Some(answer) = self.of(socket).await? {
                return Ok((answer, By::Gateway));
            }
            match alone().await {
                Ok(answer) => return Ok((answer, By::Command)),
                Err(error) => patience.waits(error).await?,
            }
        }
    }
}

/// Who carried an order out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The gateway that runs on the data.
    Gateway,
    /// This command itself.
    Command,
}

/// How long it is waited for somebody who has the data open without listening: a gateway that starts or
/// ends, or another command.
pub(crate) struct Patience {
    until: Instant,
}

impl Patience {
    pub(crate) fn begins() -> Self {
        Self { until: Instant::now() + IN_USE_FOR }
    }

    /// Waits a moment if that is the reason why the data could not be opened.
    pub(crate) async fn waits(&self, error: anyhow::Error) -> anyhow::Result<()> {
        if !error.downcast_ref::<StartError>().is_some_and(StartError::is_in_use) {
            return Err(error);
        }
        if Instant::now() >= self.until {
            return Err(Unanswered::InUse.into());
        }
        sleep(IN_USE_PAUSE).await;
        Ok(())
    }
}

/// A connection to the gateway; `None` if none listens there.
pub(crate) async fn connect(socket: &Path) -> Result<Option<UnixStream>, Unanswered> {
    let error = match UnixStream::connect(socket).await {
        Ok(stream) => return Ok(Some(stream)),
        Err(error) => error,
    };
    match error.kind() {
        // One that was left behind, or whose gateway ended before it was asked, or a path that is too long for
        // a socket: there can be none.
        ErrorKind::NotFound
        | ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::InvalidInput => Ok(None),
        ErrorKind::PermissionDenied => Err(not_yours(socket)),
        ErrorKind::WouldBlock => Err(Unanswered::Crowded),
        _ => Err(Unanswered::Unusable { path: socket.to_owned(), source: error }),
    }
}

fn not_yours(socket: &Path) -> Unanswered {
    let (path, own) = (socket.to_owned(), rustix::process::geteuid().as_raw());
    if let Ok(found) = std::fs::symlink_metadata(socket) {
        return Unanswered::NotYours { path, owner: found.uid(), own };
    }
    let path = socket.parent().map_or(path, Path::to_owned);
    Unanswered::Closed { path, own }
}

#[cfg(test)]
mod tests {
    use gateway::control::ListLetters;
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_gateway_that_does_not_say_a_word_is_left_and_a_socket_that_nobody_listens_on_is_none()
     {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("warmline.sock");
        let order = ListLetters { limit: 1 };
        let asked = || Asked::new(&order, NOTHING_CHANGED).within(Duration::ZERO);
        assert!(asked().of(&socket).await.unwrap().is_none());
        let listener = UnixListener::bind(&socket).unwrap();
        let error = asked().of(&socket).await.unwrap_err().to_string();
        let expected = "the gateway has not answered for 0 seconds; nothing was to be changed by it: ask again";
        assert_eq!(error, expected);
        drop(listener);
        assert!(socket.exists(), "it is left behind");
        assert!(asked().of(&socket).await.unwrap().is_none());
    }
}
