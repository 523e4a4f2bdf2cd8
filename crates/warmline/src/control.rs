//! Orders to a running gateway, over the control socket in its data directory.

use std::{io::ErrorKind, path::Path, time::Duration};

use anyhow::{Context, bail};
use gateway::control::Answer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

/// How long the gateway may take to answer; it answers between two commits.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How long the data may be in use by somebody who does not listen.
pub(crate) const IN_USE_FOR: Duration = Duration::from_secs(5);

/// Between two looks at that.
pub(crate) const IN_USE_PAUSE: Duration = Duration::from_millis(100);

/// The longest answer read, in bytes: far more than the longest list has.
const ANSWER_BYTES_MAX: u64 = 4 * 1_024 * 1_024;

/// Asks the gateway; `None` if none listens there.
pub(crate) async fn ask(socket: &Path, request: &[u8]) -> anyhow::Result<Option<Answer>> {
    ask_within(socket, request, ANSWER_WITHIN).await
}

/// A connection to the gateway; `None` if none listens there.
pub(crate) async fn connect(socket: &Path) -> anyhow::Result<Option<UnixStream>> {
    match UnixStream::connect(socket).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
        {
            Ok(None)
        }
        // A path that is too long for a socket: there can be none.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(None),
        Err(error) => Err(error).with_context(|| {
            format!(
                "the gateway's control socket {} cannot be used; run this as the user that runs the \
                 gateway",
                socket.display()
            )
        }),
    }
}

/// The same as [`ask`] for what takes longer.
pub(crate) async fn ask_within(
    socket: &Path,
    request: &[u8],
    within: Duration,
) -> anyhow::Result<Option<Answer>> {
    let Some(mut stream) = connect(socket).await? else { return Ok(None) };
    let conversation = async {
        let mut line = Vec::new();
        stream.write_all(request).await?;
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut line).await?;
        std::io::Result::Ok(line)
    };
    let line = timeout(within, conversation)
        .await
        .context("the gateway did not answer in time; whether it was done is not known, so look")?
        .context("the gateway broke off; whether it was done is not known, so look")?;
    let Some(answer) = Answer::read(&line) else {
        bail!(
            "the gateway's answer cannot be read; use the command of the same release as the gateway"
        );
    };
    Ok(Some(answer))
}
