//! Reading a request's body: no larger and no slower than allowed. It does not look into it.

use std::time::Duration;

use axum::{body::Body, http::StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::{edge::answer::Refusal, masking::NotMasked};

/// How long a body may take to arrive. A megabyte needs 0.8 Mbit/s; slower than that is somebody
/// who wants to hold the connection.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// What is read of a body beyond its limit, in bytes, and thrown away.
const REST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// And for how long.
const REST_WITHIN: Duration = Duration::from_secs(2);

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// Larger than this many bytes.
    #[error("the body may have {limit} bytes at most")]
    TooLarge { limit: usize },
    /// Not here in time.
    #[error("the body did not arrive within {} seconds", ARRIVES_WITHIN.as_secs())]
    Slow,
    /// The connection broke, or the framing is wrong.
    #[error("the body broke off")]
    BrokeOff,
}

impl From<NotMasked> for Refusal {
    fn from(error: NotMasked) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", error.to_string())
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let (status, code) = match error {
            BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            BodyError::Slow => (StatusCode::REQUEST_TIMEOUT, "slow"),
            BodyError::BrokeOff => (StatusCode::BAD_REQUEST, "unreadable"),
        };
        Self::new(status, code, error.to_string())
    }
}

/// A request's body, up to a limit in bytes. Of one that is larger some more is taken and thrown away, so
/// that its sender, who is still writing, reads the answer and not that the connection was reset.
pub(crate) async fn read_body(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let whole = Limited::new(&mut body, limit).collect();
    match tokio::time::timeout(ARRIVES_WITHIN, whole).await.map_err(|_| BodyError::Slow)? {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            tokio::time::timeout(REST_WITHIN, throw_away(body)).await.ok();
            Err(BodyError::TooLarge { limit })
        }
        Err(_) => Err(BodyError::BrokeOff),
    }
}

async fn throw_away(mut rest: Body) {
    let mut thrown = 0;
    while thrown < REST_BYTES_MAX
        && let Some(Ok(frame)) = rest.frame().await
    {
        thrown += frame.data_ref().map_or(0, Bytes::len);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    type Piece = Result<&'static str, std::io::Error>;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_given_up_with_408_after_ten_seconds() {
        let began = tokio::time::Instant::now();
        let pieces = stream::iter([Piece::Ok("a")]).chain(stream::pending());
        let error = read_body(Body::from_stream(pieces), 10).await.unwrap_err();
        assert_eq!(began.elapsed(), ARRIVES_WITHIN);
        let refusal = Refusal::from(error);
        assert_eq!((refusal.status, refusal.code), (StatusCode::REQUEST_TIMEOUT, "slow"));
    }

    #[tokio::test]
    async fn a_body_may_reach_the_limit_and_not_pass_it() {
        assert_eq!(read_body(Body::from("12345"), 5).await.unwrap(), "12345");
        let error = read_body(Body::from("123456"), 5).await.unwrap_err();
        assert_eq!(error, BodyError::TooLarge { limit: 5 });
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_large_is_taken_to_its_end_if_that_is_near() {
        let taken = std::sync::atomic::AtomicUsize::new(0);
        let taken: &'static _ = Box::leak(Box::new(taken));
        let of = |pieces: usize| {
            stream::iter(0..pieces).map(move |_| {
                taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Ok::<_, std::io::Error>(vec![0_u8; 1024 * 1024])
            })
        };
        for (pieces, read) in [(3, 3), (100, 5)] {
            taken.store(0, std::sync::atomic::Ordering::Relaxed);
            let error = read_body(Body::from_stream(of(pieces)), 10).await.unwrap_err();
            assert_eq!(error, BodyError::TooLarge { limit: 10 });
            assert_eq!(taken.load(std::sync::atomic::Ordering::Relaxed), read);
        }
        // Who stops in the middle is answered all the same.
        let began = tokio::time::Instant::now();
        let stalls = of(1).chain(stream::pending());
        let error = read_body(Body::from_stream(stalls), 10).await.unwrap_err();
        assert_eq!((error, began.elapsed()), (BodyError::TooLarge { limit: 10 }, REST_WITHIN));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_called_too_large() {
        let pieces = stream::iter([Piece::Ok("a"), Err(std::io::Error::other("cut"))]);
        assert_eq!(read_body(Body::from_stream(pieces), 5).await, Err(BodyError::BrokeOff));
    }
}
