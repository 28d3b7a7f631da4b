//! The learning rate as a function of the update.

/// A base rate, multiplied by a factor after each of some epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The rate of the first update.
    pub base: f64,
    /// What each step multiplies the rate by.
    pub factor: f64,
    /// Epochs after which the rate is multiplied, increasing.
    pub epochs: Vec<usize>,
    /// Updates in an epoch.
    pub updates_per_epoch: usize,
}

impl Schedule {
    /// The rate of 1-based `update`. With a step at E the first update of 0-based epoch E has the lower rate already.
    /// Source: MXNet's `MultiFactorScheduler`, with steps at `epochs * updates_per_epoch`.
    pub fn rate(&self, update: usize) -> f64 {
        let passed = self
            .epochs
            .iter()
            .filter(|&&epoch| update > epoch.saturating_mul(self.updates_per_epoch))
            .count();
        // Multiplied one by one, as MXNet does: a power would round differently.
        (0..passed).fold(self.base, |rate, _| rate * self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_update_after_the_epoch_has_the_lower_rate() {
        let schedule = Schedule { base: 0.1, factor: 0.1, epochs: vec![2, 3], updates_per_epoch: 10 };
        let rates = [1, 20, 21, 30, 31].map(|update| schedule.rate(update));
        assert_eq!(rates, [0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1, 0.1 * 0.1 * 0.1]);
    }
}
