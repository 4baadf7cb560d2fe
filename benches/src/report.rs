//! The table that the benchmarks end with. Only ratios compare between machines and days, so every line that has a peer
//! names it and gives the ratio.

use std::fmt::Write;
use std::time::Duration;

/// One line: what was measured, what came out, against what, and what was aimed at.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) flagstone: String,
    /// What it is compared with; empty where the number stands for itself.
    pub(crate) peer: String,
    /// Flagstone divided by its peer; empty where there is none.
    pub(crate) ratio: String,
    pub(crate) aim: Aim,
}

/// What a number should be.
#[derive(Clone, Debug)]
pub(crate) enum Aim {
    /// It is told, not judged.
    None,
    /// In words, and whether it was reached.
    Of(String, bool),
}

impl Aim {
    /// At least `limit`, both as shares of 1.
    pub(crate) fn at_least(share: f64, limit: f64) -> Self {
        Self::Of(format!("≥ {}", percent(limit)), share >= limit)
    }

    /// At most `limit` times.
    pub(crate) fn at_most(times: f64, limit: f64) -> Self {
        Self::Of(format!("≤ {limit}×"), times <= limit)
    }

    /// Less than `limit`.
    pub(crate) fn below(found: Duration, limit: Duration) -> Self {
        Self::Of(format!("< {}", time(limit)), found < limit)
    }

    /// Less than `limit` bytes.
    pub(crate) fn below_bytes(found: u64, limit: u64) -> Self {
        Self::Of(format!("< {}", bytes(limit)), found < limit)
    }
}

/// Everything that was measured of one subject.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    /// How it was measured, in a few sentences.
    pub(crate) method: String,
    pub(crate) lines: Vec<Line>,
    /// Cores that other processes used meanwhile, on average.
    pub(crate) others: f64,
}

impl Section {
    /// Markdown that is readable as it is. `taken` says when and on what: parts of a file of results may differ in both.
    pub(crate) fn render(&self, taken: &str) -> String {
        let head = ["", "Flagstone", "Peer", "Ratio", "Aim", ""].map(str::to_owned);
        let rows: Vec<[String; 6]> = std::iter::once(head).chain(self.lines.iter().map(row)).collect();
        let widths: [usize; 6] =
            std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default());
        let mut text = format!("### {}\n\n{}\n\n", self.title, self.method);
        for (index, row) in rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(widths) {
                let _ = write!(text, "| {cell:width$} ");
            }
            text.push_str("|\n");
            if index == 0 {
                for width in widths {
                    let _ = write!(text, "|{}", "-".repeat(width + 2));
                }
                text.push_str("|\n");
            }
        }
        let _ = writeln!(text, "\n{taken}; other processes used {:.2} cores meanwhile.\n", self.others);
        text
    }
}

fn row(line: &Line) -> [String; 6] {
    let (aim, verdict) = match &line.aim {
        Aim::None => (String::new(), ""),
        Aim::Of(aim, true) => (aim.clone(), "reached"),
        Aim::Of(aim, false) => (aim.clone(), "missed"),
    };
    [line.what.clone(), line.flagstone.clone(), line.peer.clone(), line.ratio.clone(), aim, verdict.to_owned()]
}

/// A duration with three digits that count.
pub(crate) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 0.1 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds >= 1e-3 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds >= 1e-5 {
        format!("{:.0} µs", seconds * 1e6)
    } else {
        format!("{:.0} ns", seconds * 1e9)
    }
}

/// A rate, with the thousands set apart.
pub(crate) fn rate(per_second: f64) -> String {
    let digits = format!("{per_second:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text}/s")
}

/// A size in megabytes.
pub(crate) fn bytes(count: u64) -> String {
    format!("{:.1} MB", count as f64 / 1e6)
}

/// A share as a percentage.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A factor.
pub(crate) fn times(factor: f64) -> String {
    format!("{factor:.2}×")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(rate(1234567.0), "1,234,567/s");
        assert_eq!(rate(999.4), "999/s");
        assert_eq!(time(Duration::from_micros(1_234)), "1.2 ms");
        assert_eq!(time(Duration::from_micros(234)), "234 µs");
        assert_eq!(time(Duration::from_millis(1_500)), "1.50 s");
        assert_eq!(time(Duration::from_nanos(95)), "95 ns");
    }

    #[test]
    fn missed_aims_are_called_that() {
        let line = Line {
            what: "GetX".to_owned(),
            flagstone: "1/s".to_owned(),
            peer: "2/s".to_owned(),
            ratio: percent(0.5),
            aim: Aim::at_least(0.5, 0.7),
        };
        let section = Section { title: "T".to_owned(), method: "M".to_owned(), lines: vec![line], others: 0.5 };
        let text = section.render("Today");
        assert!(text.contains("| GetX | 1/s       | 2/s  | 50 %  | ≥ 70 % | missed |"), "{text}");
        assert!(text.ends_with("\nToday; other processes used 0.50 cores meanwhile.\n\n"), "{text}");
    }
}
