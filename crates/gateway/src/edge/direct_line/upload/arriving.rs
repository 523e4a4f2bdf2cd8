//! A body as it arrives: quickly enough, and not for ever.

use axum::body::{Body, BodyDataStream};
use bot_framework::direct_line::ErrorCode;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::{
    edge::direct_line::Refused,
    files::{PIECE_WITHIN, Pace, TooSlow},
};

/// What is still let in of an upload that is not taken, in bytes.
const DRAINED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A body that arrives, and how quickly.
pub(super) struct Arriving {
    body: BodyDataStream,
    pace: Pace,
    /// What may still come, in bytes.
    left: u64,
    most: u64,
}

impl Arriving {
    /// A body of at most so many bytes.
    pub(super) fn new(body: Body, most: u64, pace: Pace) -> Self {
        Self { body: body.into_data_stream(), pace, left: most, most }
    }

    /// Lets the rest arrive, up to a limit: most clients hear an answer only when they have sent all.
    pub(super) async fn drain(&mut self) {
        let mut left = DRAINED_BYTES_MAX;
        self.left = u64::MAX;
        while let Ok(Some(bytes)) = self.next().await
            && left > bytes.len()
        {
            left -= bytes.len();
        }
    }

    /// The next bytes.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        let slow = |message| Err(Refused::new(ErrorCode::TooSlow, message));
        let bytes = match timeout(PIECE_WITHIN, self.body.next()).await {
            Err(_) => return slow("the body stalled; nothing was taken, send it again"),
            Ok(Some(Err(_))) => {
                return Err(Refused::new(ErrorCode::BadArgument, "the body broke off"));
            }
            Ok(Some(Ok(bytes))) => bytes,
            Ok(None) => return Ok(None),
        };
        self.left = if let Some(left) = self.left.checked_sub(bytes.len() as u64) {
            left
        } else {
            let message = format!("an upload may have {} bytes at most", self.most);
            return Err(Refused::new(ErrorCode::TooLarge, message));
        };
        match self.pace.came(bytes.len()) {
            Ok(()) => Ok(Some(bytes)),
            Err(TooSlow) => slow(
                "the body arrives too slowly; nothing was taken, send it again, or something smaller",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use futures_util::stream;

    use super::*;
    use tokio::time::Instant;

    /// A body of pieces of this size, so long apart.
    fn pieces(size: usize, apart: Duration) -> Body {
        Body::from_stream(stream::unfold((), move |()| async move {
            tokio::time::sleep(apart).await;
            Some((Ok::<_, Infallible>(Bytes::from(vec![7; size])), ()))
        }))
    }

    async fn told(mut body: Arriving) -> (u16, Duration) {
        let began = Instant::now();
        loop {
            match body.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it has no end"),
                Err(refused) => return (refused.status().as_u16(), began.elapsed()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_or_stalls_is_given_up_and_one_without_end_is_too() {
        let second = Duration::from_secs(1);
        let trickles = Arriving::new(pieces(100, second), u64::MAX, Pace::of_nobody_else());
        assert_eq!(told(trickles).await, (408, PIECE_WITHIN), "too slow");
        let stalls = Arriving::new(pieces(100, 60 * second), u64::MAX, Pace::of_nobody_else());
        assert_eq!(told(stalls).await, (408, PIECE_WITHIN), "stalled");
        let endless = Arriving::new(pieces(64 * 1024, second), 10_000_000, Pace::of_nobody_else());
        let (status, after) = told(endless).await;
        assert_eq!((status, after > 2 * PIECE_WITHIN), (413, true), "quick enough, but too much");
    }
}
