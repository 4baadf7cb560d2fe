//! Latencies of one measurement, and medians over several.

use std::time::Duration;

/// What one round of load gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Latency of each call that succeeded, sorted.
    latencies: Vec<Duration>,
    /// How long the round took.
    elapsed: Duration,
    /// CPU time of the server process meanwhile.
    cpu: Duration,
}

impl Sample {
    pub(crate) fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        Self { latencies, elapsed, cpu: Duration::ZERO }
    }

    /// Adds what the server's process used.
    pub(crate) fn with_cpu(self, cpu: Duration) -> Self {
        Self { cpu, ..self }
    }

    /// Calls that were answered.
    pub(crate) fn calls(&self) -> usize {
        self.latencies.len()
    }

    /// Calls a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of the calls, between 0 and 1, did not exceed. Zero where there was no call.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.latencies.get(index).copied().unwrap_or_default()
    }

    /// CPU time of the server per call.
    pub(crate) fn cpu_per_call(&self) -> Duration {
        self.cpu.checked_div(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX)).unwrap_or_default()
    }
}

/// Median of a quantity over the rounds: one that was disturbed does not count. Zero where there was none.
pub(crate) fn median<T>(rounds: &[T], quantity: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(quantity).collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// Median of a duration over the rounds.
pub(crate) fn median_of<T>(rounds: &[T], quantity: impl Fn(&T) -> Duration) -> Duration {
    Duration::from_secs_f64(median(rounds, |round| quantity(round).as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_calls() {
        let sample = Sample::new((1..=101).rev().map(Duration::from_millis).collect(), Duration::from_secs(2));
        assert_eq!(sample.quantile(0.5), Duration::from_millis(51));
        assert_eq!(sample.quantile(0.99), Duration::from_millis(100));
        assert_eq!(sample.quantile(1.0), Duration::from_millis(101));
        assert_eq!(sample.rate(), 50.5);
        assert_eq!(Sample::default().quantile(0.99), Duration::ZERO);
    }

    #[test]
    fn one_bad_round_does_not_count() {
        assert_eq!(median(&[3.0, 1000.0, 1.0], |value| *value), 3.0);
        assert_eq!(median(&[3.0, 1.0], |value| *value), 2.0);
        assert_eq!(median(&[] as &[f64], |value| *value), 0.0);
    }
}
