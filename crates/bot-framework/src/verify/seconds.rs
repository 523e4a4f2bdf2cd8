//! A token's time.

use super::VerifyError;

/// How far a clock may be off, in seconds: Bot Framework's own figure.
const SKEW_S: f64 = 300.0;

/// Whether a token's time has come and is not over; answers when it ends, in seconds since 1970.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "moments in seconds are far below 2^53, and none below zero comes through"
)]
pub(super) fn check(exp: f64, nbf: Option<f64>, now_unix_s: u64) -> Result<u64, VerifyError> {
    let now = now_unix_s as f64;
    if now >= exp + SKEW_S {
        return Err(VerifyError::Expired);
    }
    if nbf.is_some_and(|nbf| nbf > now + SKEW_S) {
        return Err(VerifyError::NotYetValid);
    }
    Ok(exp.max(0.0) as u64)
}
