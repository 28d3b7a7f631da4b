//! A batch that does not fit into the device's memory is computed in more parts.
//!
//! How much a step takes is known once it was done: the shapes of all steps are alike. So the first steps are waited for,
//! and one that runs out of memory is done again, in twice as many parts, before it has moved anything.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::TrainError;

/// Steps that are waited for.
const WATCHED: usize = 2;

/// In how many parts a batch is computed.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    parts: usize,
    /// Steps still to be waited for.
    watched: usize,
    /// They may be doubled, once.
    may_double: bool,
}

impl Parts {
    /// As many as the job asks for, or if they may be doubled, as its memory asks for.
    pub fn new(parts: usize, may_double: bool) -> Self {
        Parts { parts: parts.max(1), watched: WATCHED, may_double }
    }

    /// Whether a failed step could still be done again.
    pub fn watches(&self) -> bool {
        self.watched > 0
    }

    /// What `attempt` makes of a batch of `images` in that many parts, and a sentence for the log if they have become more. `attempt` answers
    /// what the device says, if it says something; `undo` takes back what an attempt that failed left behind.
    ///
    /// # Errors
    /// A device that fails otherwise, or runs out of memory again.
    pub fn fit<T>(
        &mut self,
        images: usize,
        mut attempt: impl FnMut(usize) -> Result<T, String>,
        undo: impl FnOnce(),
    ) -> Result<(T, Option<String>), TrainError> {
        if self.watched == 0 {
            return attempt(self.parts).map(|made| (made, None)).map_err(|reason| failed(&reason));
        }
        let mut caught = |parts| {
            let made = catch_unwind(AssertUnwindSafe(|| attempt(parts)));
            made.unwrap_or_else(|panic| Err(message(&*panic).to_owned()))
        };
        self.watched -= 1;
        let reason = match caught(self.parts) {
            Ok(made) => return Ok((made, None)),
            Err(reason) => reason,
        };
        let parts = self.parts * 2;
        if !is_out_of_memory(&reason) || !self.may_double || parts > images {
            return Err(failed(&reason));
        }
        undo();
        (self.parts, self.watched, self.may_double) = (parts, WATCHED, false);
        let made = caught(parts).map_err(|reason| failed(&reason))?;
        let text = format!(
            "the device's memory does not hold a step of {images} images: from now on they are computed in {parts} parts, as \
             with gradient_accumulation={parts}"
        );
        Ok((made, Some(text)))
    }
}

/// What a device that cannot go on means for the run.
pub fn failed(reason: &str) -> TrainError {
    // What follows is a backtrace.
    let reason = reason.lines().take(3).map(str::trim).collect::<Vec<_>>().join(" ");
    if is_out_of_memory(&reason) { TrainError::Memory { reason } } else { TrainError::Device { reason } }
}

/// Of cubecl 0.11 `IoError::OutOfMemory`, `IoError::BufferTooBig` and `LaunchError::OutOfMemory`, and what CUDA says itself.
fn is_out_of_memory(reason: &str) -> bool {
    let words =
        ["out of device memory", "out-of-memory", "OUT_OF_MEMORY", "out of memory", "can't allocate buffer"];
    words.iter().any(|word| reason.contains(word))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const FULL: &str = "out of device memory allocating 123 bytes";

    #[test]
    fn a_step_that_does_not_fit_is_done_again_in_twice_as_many_parts_once() {
        let (mut parts, undone) = (Parts::new(2, true), Cell::new(0));
        let fits =
            |most: usize| move |parts: usize| if parts < most { Err(FULL.to_owned()) } else { Ok(parts) };
        let mut step = |most| parts.fit(8, fits(most), || undone.set(undone.get() + 1));
        assert!(matches!(step(2), Ok((2, None))));
        let (made, told) = step(4).unwrap();
        assert!(made == 4 && told.unwrap().contains("8 images: from now on they are computed in 4 parts"));
        assert!(matches!(step(4), Ok((4, None))));
        assert!(matches!(step(8), Err(TrainError::Memory { .. })));
        assert_eq!(undone.get(), 1);
    }

    #[test]
    fn a_panic_counts_as_well_but_only_of_memory_and_while_images_are_left() {
        let step = |images, text: &'static str| {
            let attempt = |parts| if parts == 1 { std::panic::panic_any(text.to_owned()) } else { Ok(()) };
            Parts::new(1, true).fit(images, attempt, || ())
        };
        assert!(step(2, FULL).unwrap().1.is_some());
        assert!(matches!(step(1, FULL), Err(TrainError::Memory { .. })));
        let once = Parts::new(1, false).fit(2, |_| Err::<(), _>(FULL.to_owned()), || ());
        assert!(matches!(once, Err(TrainError::Memory { .. })));
        let error = step(2, "an illegal address").unwrap_err().to_string();
        assert!(error.contains("an illegal address"), "{error}");
    }
}
