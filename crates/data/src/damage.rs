//! What to do about samples that cannot be read.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

/// Damaged samples that are named in the log; the rest is counted.
const NAMED: usize = 10;

/// What happens when a sample turns out to be damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Damage {
    /// The first one ends the job.
    #[default]
    Fail,
    /// It is left out and counted. In training the next sample that can be read takes its place, so that batches
    /// stay full and depend on the data alone; in validation it is not counted as an image.
    Skip,
}

/// The damaged samples of a channel that were left out, shared by all worker threads.
#[derive(Debug, Default)]
pub struct Skipped(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    /// Each once, however many epochs meet it.
    places: BTreeSet<Place>,
    first: Vec<String>,
    told: usize,
}

/// What was left out; the same in every epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Met when the channel was opened, counted from 0.
    Opening(u64),
    /// A sample, by its index or its number in the stream.
    Sample(u64),
    /// A stretch of a stream that starts at this byte.
    Byte(u64),
}

impl Skipped {
    /// Notes what `error` says cannot be read.
    pub(crate) fn note(&self, place: Place, error: &impl Display) {
        // A panic elsewhere leaves a set and a list that are still whole.
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if record.places.insert(place) && record.first.len() < NAMED {
            record.first.push(error.to_string());
        }
    }

    /// How many samples were left out so far.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).places.len()
    }

    /// What is wrong with the first of them.
    pub fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first.first().cloned()
    }

    /// What the log should say since it was last asked, if there is anything.
    pub fn news(&self) -> Option<String> {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = record.places.len();
        if count == record.told {
            return None;
        }
        let named = record.first.get(record.told..).unwrap_or_default();
        let more = (count - record.told).saturating_sub(named.len());
        let mut text = format!("{count} damaged samples left out so far");
        if !named.is_empty() {
            text += &format!(": {}", named.join("; "));
        }
        if more > 0 {
            text += &format!(" and {more} more");
        }
        record.told = count;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Skipped};

    #[test]
    fn each_sample_is_told_once_and_ten_by_name() {
        let skipped = Skipped::default();
        assert_eq!(skipped.news(), None);
        skipped.note(Place::Sample(7), &"a.png: broken");
        skipped.note(Place::Sample(7), &"a.png: broken");
        assert_eq!(skipped.news().unwrap(), "1 damaged samples left out so far: a.png: broken");
        assert_eq!(skipped.news(), None);
        (100..120).for_each(|sample| skipped.note(Place::Sample(sample), &sample));
        let text = skipped.news().unwrap();
        assert!(text.starts_with("21 damaged samples left out so far: 100; 101;"), "{text}");
        assert!(text.ends_with("; 108 and 11 more"), "{text}");
        assert_eq!(skipped.count(), 21);
    }
}
