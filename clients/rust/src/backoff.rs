//! How long to wait before trying again.

use std::time::Duration;

/// The longest first wait; it doubles from try to try.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait of all.
const LONGEST: Duration = Duration::from_secs(5);

/// The wait after so many failed tries, from 1: random between half and all of a growing limit, so that clients that
/// failed together do not come back together.
pub(crate) fn backoff(failed: u32) -> Duration {
    let limit = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(LONGEST);
    limit.mul_f64(0.5 + 0.5 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_limit() {
        for _ in 0..100 {
            assert!((50..=100).contains(&backoff(1).as_millis()));
            assert!((400..=800).contains(&backoff(4).as_millis()));
            assert!((2500..=5000).contains(&backoff(u32::MAX).as_millis()));
        }
    }
}
