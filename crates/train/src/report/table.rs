//! A table for people: one row an epoch, and a bar while it runs.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Event, Report, Trained, Validation, speed};
use crate::seen::Seen;

/// Writes the table to `out`; the bar goes to the terminal's error stream, if there is one, and leaves no trace.
pub struct Table<W> {
    out: W,
    bar: ProgressBar,
    epochs: usize,
    /// What stands left and right of validation's columns.
    row: Option<(String, String)>,
    diverged: bool,
}

impl<W: Write> Table<W> {
    /// An empty table.
    pub fn new(out: W) -> Self {
        Table { out, bar: ProgressBar::hidden(), epochs: 0, row: None, diverged: false }
    }

    fn start(&mut self, epoch: usize, epochs: usize, steps: usize) {
        if self.epochs == 0 {
            self.line(
                " epoch   train loss   accuracy   validation loss   accuracy   images/s   data wait   time",
            );
        }
        self.epochs = epochs;
        if std::io::stderr().is_terminal() {
            let style =
                ProgressStyle::with_template(" {prefix} {bar:30} {pos}/{len} steps, {eta} left   {msg}");
            self.bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr())
                .with_prefix(format!("{}/{epochs}", epoch + 1));
            if let Ok(style) = style {
                self.bar.set_style(style);
            }
        }
    }

    fn step(&mut self, step: usize, seen: Seen, time: Duration) {
        self.bar.set_position(step as u64 + 1);
        let speed = speed(seen, time);
        self.bar.set_message(format!(
            "loss {:.3}, accuracy {:.2} %, {speed:.0} images/s",
            seen.mean_loss(),
            seen.accuracy() * 100.0
        ));
    }

    fn trained(&mut self, trained: &Trained) {
        self.bar.finish_and_clear();
        self.diverged |= !trained.seen.loss.is_finite();
        let Trained { epoch, seen, time, .. } = *trained;
        let (number, loss, accuracy) =
            (format!("{}/{}", epoch + 1, self.epochs), seen.mean_loss(), seen.accuracy() * 100.0);
        let (speed, waited, seconds) = (speed(seen, time), trained.data_wait(), time.as_secs_f64());
        // The row waits for validation's two columns, which stand in the middle.
        self.row = Some((
            format!(" {number:>5}   {loss:>10.4}   {accuracy:>6.2} %"),
            format!("{speed:>8.0}   {waited:>7.2} %   {seconds:>4.0} s"),
        ));
    }

    fn finish_row(&mut self, loss: &str, accuracy: &str) {
        if let Some((left, right)) = self.row.take() {
            self.line(&format!("{left}   {loss:>15}   {accuracy:>8}   {right}"));
        }
    }

    fn line(&mut self, text: &str) {
        // A reader that is gone does not end training.
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }
}

impl<W: Write> Report for Table<W> {
    fn event(&mut self, event: &Event) {
        match *event {
            Event::EpochStarted { epoch, epochs, steps } => {
                self.finish_row("-", "-");
                self.start(epoch, epochs, steps);
            }
            Event::Stepped { step, seen, time, .. } => self.step(step, seen, time),
            Event::Trained(trained) => self.trained(trained),
            Event::Validated(&Validation { seen, .. }) => {
                let accuracy = format!("{:.2} %", seen.accuracy() * 100.0);
                self.finish_row(&format!("{:.4}", seen.mean_loss()), &accuracy);
            }
            Event::Warning { text } => self.bar.suspend(|| eprintln!(" warning: {text}")),
            Event::Resumed { path, epoch, step, steps } => self.line(&format!(
                " goes on from {}: epoch {}, {step} of {steps} steps done",
                path.display(),
                epoch + 1
            )),
            Event::Best { .. } | Event::Checkpoint { .. } => {}
            Event::Saved { .. } => self.finish_row("-", "-"),
            Event::Classes { lines } => {
                self.finish_row("-", "-");
                lines.iter().for_each(|line| self.line(&format!(" {line}")));
            }
            Event::Ended => {
                self.bar.finish_and_clear();
                self.finish_row("-", "-");
                if self.diverged {
                    self.line(" The loss was no longer a number: training diverged. A lower --learning-rate may help.");
                }
            }
            Event::EarlyStop { epoch } => {
                self.line(&format!(
                    " stopped after epoch {}: validation accuracy no longer improves",
                    epoch + 1
                ));
            }
        }
    }
}
