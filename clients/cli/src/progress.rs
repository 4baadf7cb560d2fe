//! Progress on stderr: a bar on a terminal, plain lines elsewhere, so that a log of a script stays readable.

use std::io::IsTerminal;
use std::time::Duration;

use flagstone_api::pb::JobProgress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::note;
use crate::text::one_line;

/// Shows how far something is.
#[derive(Default)]
pub(crate) struct Progress {
    /// Made when there is something to show.
    bar: Option<ProgressBar>,
    /// The line that was printed last, where there is no bar.
    last: String,
}

impl Progress {
    /// Says something that stays.
    pub(crate) fn say(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(line)),
            None => note(line),
        }
    }

    /// Shows the state, and how far the job under way is.
    pub(crate) fn show(&mut self, state: &str, progress: Option<&JobProgress>) {
        let step = progress.map(describe).unwrap_or_default();
        if self.bar.is_none() && std::io::stderr().is_terminal() {
            self.bar = Some(bar());
        }
        match &self.bar {
            Some(bar) => {
                bar.set_prefix(state.to_owned());
                bar.set_position(progress.map_or(0, |progress| u64::try_from(progress.percent).unwrap_or(0)));
                bar.set_message(step);
            }
            None if step.is_empty() => {}
            None => {
                let line = format!("{state}  {step}");
                if line != self.last {
                    note(&line);
                    self.last = line;
                }
            }
        }
    }
}

/// Takes the bar away.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(100);
    // The template is a constant; a wrong one would only cost the look.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_bar} {percent:>3}%  {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn describe(progress: &JobProgress) -> String {
    let place = if progress.total > 0 { format!(" {}/{}", progress.current, progress.total) } else { String::new() };
    one_line(format!("{}{place} {}", progress.step, progress.message).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_on_one_line() {
        let step = JobProgress {
            step: "apply".into(),
            current: 3,
            total: 4,
            percent: 60,
            message: "Creating\naws_s3_bucket.this".into(),
        };
        assert_eq!(describe(&step), "apply 3/4 Creating aws_s3_bucket.this");
        assert_eq!(describe(&JobProgress { step: "init".into(), ..Default::default() }), "init");
    }
}
