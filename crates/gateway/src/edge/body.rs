//! Reading a request's body: no larger and no slower than allowed. It does not look into it.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::StatusCode,
};
use bytes::Bytes;
use http_body_util::LengthLimitError;

use crate::{edge::answer::Refusal, masking::NotMasked};

/// How long a body may take to arrive. A megabyte needs 0.8 Mbit/s; slower than that is somebody
/// who wants to hold the connection.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

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

/// A request's body, up to a limit in bytes.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let read = tokio::time::timeout(ARRIVES_WITHIN, to_bytes(body, limit)).await;
    read.map_err(|_| BodyError::Slow)?.map_err(|error| {
        let source = std::error::Error::source(&error);
        if source.is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
            BodyError::TooLarge { limit }
        } else {
            BodyError::BrokeOff
        }
    })
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

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_called_too_large() {
        let pieces = stream::iter([Piece::Ok("a"), Err(std::io::Error::other("cut"))]);
        assert_eq!(read_body(Body::from_stream(pieces), 5).await, Err(BodyError::BrokeOff));
    }
}
