//! Samples in the order in which the platform sends them: SageMaker's Pipe mode.
//!
//! Each pass over a channel has a named pipe of its own, `<channel>_0`, `<channel>_1`, ...; it cannot be rewound, and its
//! length is not known before its end. Sources: SageMaker developer guide, "Using Pipe mode", and the behaviour of the
//! AWS samples that read it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::damage::{Place, Skipped};
use crate::labels::LabelFormat;
use crate::{Damage, DataError};

mod framing;
mod pass;
mod pipe;
mod window;

pub(crate) use pass::{Pass, Piped, Samples};
pub(crate) use window::Window;

/// How long the platform may take to make the next pipe. The first one may wait for other hosts to start.
const PATIENCE: Duration = Duration::from_mins(15);

/// A channel in Pipe mode.
#[derive(Debug)]
pub struct Stream {
    channel: String,
    /// What `_0`, `_1`, ... is appended to.
    prefix: PathBuf,
    patience: Duration,
    /// Number of the next pass's pipe.
    next: Mutex<u64>,
    /// What a list of labels means.
    pub label_format: LabelFormat,
    /// What happens to images that cannot be decoded.
    pub damage: Damage,
    /// The damaged images left out so far.
    pub skipped: Skipped,
    /// Set when the program is to end: nobody then waits for a pipe any longer.
    stop: Arc<AtomicBool>,
}

impl Stream {
    /// The channel whose pipes are called `prefix` and a number. Nothing is opened yet. Once `stop` is set, whoever waits for
    /// a pipe gets [`DataError::Stopped`].
    pub fn new(channel: &str, prefix: PathBuf, stop: Arc<AtomicBool>) -> Self {
        Self {
            channel: channel.to_owned(),
            prefix,
            patience: PATIENCE,
            next: Mutex::new(0),
            label_format: LabelFormat::default(),
            damage: Damage::default(),
            skipped: Skipped::default(),
            stop,
        }
    }

    /// Waits less, or more, for the platform to make a pipe.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// One line for the log.
    pub fn description(&self) -> String {
        let name = self.prefix.file_name().unwrap_or_default().to_string_lossy();
        format!("{}: streamed through the pipes {name}_0, {name}_1, ... (Pipe mode)", self.channel)
    }

    /// Opens the pipe of the next pass. A pass has one reader, and no pipe is opened twice.
    pub(crate) fn pass(&self, abandoned: &AtomicBool) -> Result<Pass, DataError> {
        // A panic elsewhere leaves a number that is still right.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let mut name = self.prefix.clone().into_os_string();
        name.push(format!("_{next}"));
        let stopped = || abandoned.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed);
        let path = PathBuf::from(name);
        let file = pipe::open(&path, self.patience, &stopped)?;
        *next += 1;
        Ok(Pass::new(&path, file))
    }

    /// Whether nobody needs the stream any longer.
    pub(crate) fn is_over(&self, abandoned: &AtomicBool) -> bool {
        abandoned.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed)
    }

    /// Where damaged records are noted, if they are to be left out.
    pub(crate) fn skips(&self) -> Option<&Skipped> {
        (self.damage == Damage::Skip).then_some(&self.skipped)
    }

    /// Leaves a damaged image out if such are to be left out.
    pub(crate) fn skip(&self, piped: &Piped, error: DataError) -> Result<(), DataError> {
        if self.damage == Damage::Fail || !error.is_damage() {
            return Err(error);
        }
        self.skipped.note(Place::Sample(piped.number), &error);
        Ok(())
    }
}
