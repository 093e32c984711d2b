//! A bar in the terminal: how far training is, how far the members' losses lie apart, how many members a second take a
//! step, and how long it will take. Nothing is printed where the output is no terminal.

use std::fmt::Write;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// Training that is under way; the bar goes when it is dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// For so many steps that all members take together.
    pub(crate) fn new(steps: usize, members: usize) -> Progress {
        let rate = move |state: &ProgressState, text: &mut dyn Write| {
            // A bar that cannot be written is no reason to stop.
            let _ = write!(text, "{:.0} members/s", state.per_sec() * members as f64);
        };
        let template = "{bar:30} {pos}/{len}  {msg}  {rate}  {eta} left";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(steps as u64).with_style(style.with_key("rate", rate));
        Progress { bar }
    }

    /// Notes a step, and the losses of all members after it.
    pub(crate) fn step(&self, losses: &[f64]) {
        let mut losses = losses.to_vec();
        losses.sort_by(f64::total_cmp);
        if let (Some(best), Some(worst)) = (losses.first(), losses.last()) {
            let median = losses[losses.len() / 2];
            self.bar.set_message(format!("loss {best:.4} .. {median:.4} .. {worst:.4}"));
        }
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
