//! A few images decoded before the first training step: a channel of broken or foreign files is refused at once.

use brazier_image::Limits;

use crate::worker::work::guarded;
use crate::{Damage, DataError, Dataset};

/// Decodes up to `at_most` samples, spread evenly over the dataset with the first and the last among them.
///
/// # Errors
/// As in training: of the first of those samples that cannot be read or decoded within `limits`. Where damaged samples
/// are skipped, only if all of those are.
pub fn check(dataset: &Dataset, at_most: usize, limits: &Limits) -> Result<(), DataError> {
    let (mut damaged, mut first) = (0, None);
    let count = dataset.source.len().min(at_most);
    for index in spread(dataset.source.len(), at_most) {
        let decoded = guarded(dataset, index, || {
            let sample = dataset.source.read(index)?;
            match brazier_image::decode(&sample.encoded, 3, limits) {
                Ok(_) => Ok(()),
                Err(source) => Err(DataError::Image { origin: dataset.source.origin(index)?, source }),
            }
        });
        let Err(error) = decoded else { continue };
        if dataset.damage == Damage::Fail || !error.is_damage() {
            return Err(error);
        }
        damaged += 1;
        first.get_or_insert(error);
    }
    match first {
        Some(first) if damaged == count => {
            let channel = dataset.description.clone();
            Err(DataError::AllDamaged { channel, first: first.to_string() })
        }
        _ => Ok(()),
    }
}

/// The indices of `at_most` out of `len` samples, or of all if there are fewer: increasing, evenly spread, from the
/// first to the last. Of one, the first.
fn spread(len: usize, at_most: usize) -> impl Iterator<Item = usize> {
    let count = len.min(at_most);
    let (last, gaps) = (len.saturating_sub(1) as u128, count.saturating_sub(1).max(1) as u128);
    // Wide enough that the product cannot overflow; the quotient is at most `last`.
    (0..count).map(move |number| (number as u128 * last / gaps) as usize)
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn samples_are_spread_from_the_first_to_the_last() {
        let indices = |len, at_most| spread(len, at_most).collect::<Vec<_>>();
        assert_eq!(indices(10, 4), [0, 3, 6, 9]);
        assert_eq!(indices(11, 3), [0, 5, 10]);
        assert_eq!(indices(3, 64), [0, 1, 2]);
        assert_eq!(indices(5, 1), [0]);
        assert!(indices(5, 0).is_empty() && indices(0, 5).is_empty());
        assert_eq!(indices(usize::MAX, 2), [0, usize::MAX - 1]);
    }
}
