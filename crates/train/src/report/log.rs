//! The log lines of the replaced algorithm, which users' metric expressions read.
//!
//! Their wording, order and number formats are fixed (they were taken from logs of real jobs). What is new, the loss
//! among it, stands on lines of its own whose keys those expressions do not match.

use std::io::Write;

use super::{Event, Report, Trained, Validation, speed};
use crate::seen::Seen;

/// A progress line every so many batches.
pub const PROGRESS: usize = 20;

/// Writes one flushed line per fact, each behind what `prefix` gives.
pub struct Log<W, P> {
    out: W,
    prefix: P,
    top_k: Option<usize>,
    warned: bool,
}

impl<W: Write, P: Fn() -> String> Log<W, P> {
    /// A log to `out`. With `top_k` the epoch's top-k accuracy is told too.
    pub fn new(out: W, prefix: P, top_k: Option<usize>) -> Self {
        Log { out, prefix, top_k, warned: false }
    }

    /// One line. Whoever reads the log may be gone; training goes on.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{}{text}", (self.prefix)()).and_then(|()| self.out.flush());
    }

    fn trained(&mut self, trained: &Trained) {
        let Trained { epoch, seen, time, rate, .. } = *trained;
        self.line(&format!("Epoch[{epoch}] Train-accuracy={:.6}", seen.accuracy()));
        if let Some(k) = self.top_k {
            self.line(&format!("Epoch[{epoch}] Train-top_k_accuracy_{k}={:.6}", seen.top_k_accuracy()));
        }
        self.line(&format!("Epoch[{epoch}] Time cost={:.3}", time.as_secs_f64()));
        self.loss(epoch, "Train", seen);
        self.line(&format!("Epoch[{epoch}] Learning-rate={rate:e}"));
        self.line(&format!("Epoch[{epoch}] Data-wait={:.2}%", trained.data_wait()));
        if let Some(shares) = trained.shares() {
            self.line(&format!("Epoch[{epoch}] Time: {shares}"));
        }
    }

    /// A tuner reads numbers: what is not one is said in words, once.
    fn loss(&mut self, epoch: usize, channel: &str, seen: Seen) {
        let loss = seen.mean_loss();
        if loss.is_finite() {
            self.line(&format!("Epoch[{epoch}] {channel}-loss={loss:.6}"));
        } else if !self.warned {
            self.warned = true;
            self.line(&format!(
                "Epoch[{epoch}] the {channel} loss is no longer a number: training diverged. A lower learning_rate may help."
            ));
        }
    }
}

impl<W: Write, P: Fn() -> String> Report for Log<W, P> {
    fn event(&mut self, event: &Event) {
        match *event {
            Event::Stepped { epoch, step, seen, time, .. } if step > 0 && step % PROGRESS == 0 => {
                let (speed, accuracy) = (speed(seen, time), seen.accuracy());
                self.line(&format!(
                    "Epoch[{epoch}] Batch [{step}]\tSpeed: {speed:.3} samples/sec\taccuracy={accuracy:.6}"
                ));
            }
            Event::EpochStarted { .. } | Event::Stepped { .. } | Event::Ended => {}
            Event::Trained(trained) => self.trained(trained),
            Event::Validated(&Validation { epoch, seen, macro_f1, time }) => {
                self.line(&format!("Epoch[{epoch}] Validation-accuracy={:.6}", seen.accuracy()));
                self.loss(epoch, "Validation", seen);
                self.line(&format!("Epoch[{epoch}] Validation-macro-f1={macro_f1:.6}"));
                self.line(&format!("Epoch[{epoch}] Validation-seconds={:.3}", time.as_secs_f64()));
            }
            Event::Classes { lines } => lines.iter().for_each(|line| self.line(line)),
            Event::Best { accuracy } => {
                self.line(&format!("Storing the best model with validation accuracy: {accuracy:.6}"));
            }
            Event::Resumed { path, epoch, step, steps } => self.line(&format!(
                "Resuming from checkpoint {}: epoch {epoch}, {step} of {steps} steps done",
                path.display()
            )),
            Event::Checkpoint { path } => {
                self.line(&format!("Saved the state of the run to {}", path.display()));
            }
            Event::Warning { text } => self.line(&format!("Warning: {text}.")),
            Event::Saved { path } => self.line(&format!("Saved checkpoint to \"{}\"", path.display())),
            Event::EarlyStop { epoch } => {
                self.line(&format!(
                    "Early stopping after epoch {epoch}: validation accuracy no longer improves."
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn told(events: &[Event]) -> String {
        let mut out = Vec::new();
        let mut log = Log::new(&mut out, || "> ".to_owned(), Some(2));
        events.iter().for_each(|event| log.event(event));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_those_of_the_replaced_algorithm() {
        let seen = Seen { samples: 672, loss: 672.0, answers: 672, correct: 387, in_top_k: 500 };
        let time = Duration::from_millis(5421);
        let step = |step| Event::Stepped { epoch: 0, step, steps: 31, seen, time };
        let trained = Trained {
            epoch: 0,
            seen,
            time,
            rate: 0.01,
            waited: time.mul_f64(0.004),
            exchanged: Duration::ZERO,
        };
        let text = told(&[
            step(0),
            step(19),
            step(20),
            Event::Trained(&trained),
            Event::Validated(&Validation { epoch: 0, seen, macro_f1: 0.5, time }),
            Event::Best { accuracy: 0.505208 },
            Event::Saved { path: "/opt/ml/model/image-classification-0001.params".as_ref() },
        ]);
        assert_eq!(
            text,
            "> Epoch[0] Batch [20]\tSpeed: 123.962 samples/sec\taccuracy=0.575893\n\
             > Epoch[0] Train-accuracy=0.575893\n\
             > Epoch[0] Train-top_k_accuracy_2=0.744048\n\
             > Epoch[0] Time cost=5.421\n\
             > Epoch[0] Train-loss=1.000000\n\
             > Epoch[0] Learning-rate=1e-2\n\
             > Epoch[0] Data-wait=0.40%\n\
             > Epoch[0] Validation-accuracy=0.575893\n\
             > Epoch[0] Validation-loss=1.000000\n\
             > Epoch[0] Validation-macro-f1=0.500000\n\
             > Epoch[0] Validation-seconds=5.421\n\
             > Storing the best model with validation accuracy: 0.505208\n\
             > Saved checkpoint to \"/opt/ml/model/image-classification-0001.params\"\n"
        );
    }

    #[test]
    fn a_diverged_loss_is_told_once_and_never_as_a_number() {
        let seen = Seen { samples: 10, loss: f64::NAN, answers: 10, correct: 1, in_top_k: 2 };
        let validation = Validation { epoch: 3, seen, macro_f1: 0.0, time: Duration::ZERO };
        let event = Event::Validated(&validation);
        let text = told(&[event, event]);
        assert_eq!(text.matches("diverged").count(), 1);
        assert!(!text.to_lowercase().contains("nan"), "{text}");
    }
}
