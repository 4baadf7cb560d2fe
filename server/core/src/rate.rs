//! How many calls there were in the last minute, out of two counters: those of this minute and of the one before. Counters
//! can be added up over replicas, which a bucket of tokens cannot.

use std::time::Duration;

/// A minute.
const MINUTE: Duration = Duration::from_secs(60);

/// The calls of one principal, of all replicas, as far as one of them knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// In the minute before this one.
    pub before: u64,
    /// In this one.
    pub now: u64,
}

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The call may come, and so many more at once.
    Calls(u64),
    /// It is one too many until then.
    Wait(Duration),
}

/// Judges one more call, so far into the minute. Of the minute before, that part counts which is less than a minute ago, as
/// if its calls had come evenly.
pub fn judge(counted: Counted, into: Duration, limit: u64) -> Left {
    let left = MINUTE.saturating_sub(into);
    let weighted = weigh(counted.before, left);
    if weighted + counted.now < limit {
        return Left::Calls(limit - weighted - counted.now - 1);
    }
    // The calls before fade until the end of the minute, where those of now begin to.
    let room = limit.saturating_sub(counted.now);
    let wait = match fade(counted.before, room) {
        Some(enough) if room > 0 => left.saturating_sub(enough),
        _ => {
            let next = fade(counted.now, limit).map_or(Duration::ZERO, |enough| MINUTE.saturating_sub(enough));
            left + next
        }
    };
    Left::Wait(wait.max(Duration::from_millis(1)))
}

/// So many calls of the minute before count while that much of this one is left.
fn weigh(calls: u64, left: Duration) -> u64 {
    let weighted = u128::from(calls) * left.as_millis() / MINUTE.as_millis();
    u64::try_from(weighted).unwrap_or(u64::MAX)
}

/// How much of a minute may be left for less than `room` of the calls to count; `None` where there are none.
fn fade(calls: u64, room: u64) -> Option<Duration> {
    let millis = u128::from(room) * MINUTE.as_millis();
    let enough = millis.saturating_sub(1).checked_div(u128::from(calls))?;
    Some(Duration::from_millis(u64::try_from(enough).unwrap_or(u64::MAX)).min(MINUTE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_minute_has_its_calls_and_no_more() {
        let judge_at = |before, now, into| judge(Counted { before, now }, seconds(into), 60);
        assert_eq!(judge_at(0, 0, 0), Left::Calls(59));
        assert_eq!(judge_at(0, 59, 30), Left::Calls(0));
        assert!(matches!(judge_at(0, 60, 30), Left::Wait(_)));
        // Sixty at the end of a minute leave none at the beginning of the next.
        assert!(matches!(judge_at(60, 0, 0), Left::Wait(_)));
        assert_eq!(judge_at(60, 0, 30), Left::Calls(29));
    }

    proptest! {
        #[test]
        fn whoever_waits_as_long_as_told_is_let_in(
            before in 0_u64..5_000, now in 0_u64..5_000, into in 0_u64..60_000, limit in 1_u64..2_000,
        ) {
            if let Left::Wait(wait) = judge(Counted { before, now }, Duration::from_millis(into), limit) {
                let then = Duration::from_millis(into) + wait;
                let (counted, into) = match then.checked_sub(MINUTE) {
                    None => (Counted { before, now }, then),
                    Some(into) => (Counted { before: now, now: 0 }, into),
                };
                let again = judge(counted, into.min(MINUTE), limit);
                prop_assert!(matches!(again, Left::Calls(_)), "{again:?} after {wait:?}");
            }
        }
    }
}
