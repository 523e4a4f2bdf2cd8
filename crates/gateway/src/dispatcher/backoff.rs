//! How long to wait between attempts: 250 ms, doubled each time, at most 10 s, with full jitter. So
//! the attempts come at 0 to 0.25 s, 0 to 0.5 s, 0 to 1 s, 0 to 2 s … after the one before.

use std::time::Duration;

/// The longest first pause.
const FIRST: Duration = Duration::from_millis(250);

/// The longest pause of all.
const CAP: Duration = Duration::from_secs(10);

/// The shortest: full jitter may draw zero, and a destination that is down gains nothing from that.
const FLOOR: Duration = Duration::from_millis(10);

/// The pause after the `attempts`-th attempt; `draw` is a random number from 0 to 1.
pub(super) fn pause(attempts: u32, draw: f64) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let ceiling = FIRST.saturating_mul(1 << doublings).min(CAP);
    ceiling.mul_f64(draw.clamp(0.0, 1.0)).max(FLOOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_are_spread_over_the_whole_span() {
        let ceilings =
            [(1, 250), (2, 500), (3, 1_000), (6, 8_000), (7, 10_000), (u32::MAX, 10_000)];
        for (attempts, milliseconds) in ceilings {
            let ceiling = Duration::from_millis(milliseconds);
            assert_eq!(pause(attempts, 1.0), ceiling, "after attempt {attempts}");
            assert_eq!(pause(attempts, 0.5), ceiling / 2, "after attempt {attempts}");
            assert_eq!(pause(attempts, 0.0), FLOOR, "after attempt {attempts}");
        }
    }
}
