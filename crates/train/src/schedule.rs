//! The learning rate as a function of the update.

use std::f64::consts::PI;

/// A base rate and how it falls.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The rate of the first update after the warm-up.
    pub base: f64,
    /// How the rate falls from there.
    pub decay: Decay,
    /// Epochs over which the rate first rises to the base, in equal steps from update to update.
    pub warmup_epochs: usize,
    /// Updates in an epoch.
    pub updates_per_epoch: usize,
}

/// How a rate falls.
#[derive(Clone, Debug, PartialEq)]
pub enum Decay {
    /// Multiplied by a factor after each of some epochs.
    Steps {
        /// What each step multiplies the rate by.
        factor: f64,
        /// Epochs after which the rate is multiplied, increasing.
        epochs: Vec<usize>,
    },
    /// Half a cosine, from the base after the warm-up to nothing after the last epoch.
    Cosine {
        /// Epochs of the job.
        epochs: usize,
    },
}

impl Schedule {
    /// The rate of 1-based `update`. With a step at E the first update of 0-based epoch E has the lower rate already.
    /// Source: MXNet's `MultiFactorScheduler`, with steps at `epochs * updates_per_epoch`.
    pub fn rate(&self, update: usize) -> f64 {
        let after = |epochs: usize| epochs.saturating_mul(self.updates_per_epoch);
        let warmup = after(self.warmup_epochs);
        if update <= warmup {
            return self.base * update as f64 / warmup as f64;
        }
        match &self.decay {
            Decay::Steps { factor, epochs } => {
                let passed = epochs.iter().filter(|&&epoch| update > after(epoch)).count();
                // Multiplied one by one, as MXNet does: a power would round differently.
                (0..passed).fold(self.base, |rate, _| rate * factor)
            }
            Decay::Cosine { epochs } => {
                let whole = after(*epochs).saturating_sub(warmup).max(1);
                let part = (update - warmup - 1).min(whole) as f64 / whole as f64;
                self.base * (1.0 + (PI * part).cos()) / 2.0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(decay: Decay, warmup_epochs: usize) -> Schedule {
        Schedule { base: 0.1, decay, warmup_epochs, updates_per_epoch: 10 }
    }

    #[test]
    fn the_first_update_after_the_epoch_has_the_lower_rate() {
        let schedule = schedule(Decay::Steps { factor: 0.1, epochs: vec![2, 3] }, 0);
        let rates = [1, 20, 21, 30, 31].map(|update| schedule.rate(update));
        assert_eq!(rates, [0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1, 0.1 * 0.1 * 0.1]);
    }

    #[test]
    fn the_rate_rises_to_the_base_and_then_falls() {
        let steps = schedule(Decay::Steps { factor: 0.5, epochs: vec![2] }, 1);
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        for (update, rate) in [(1, 0.01), (5, 0.05), (10, 0.1), (11, 0.1), (20, 0.1), (21, 0.05)] {
            close(steps.rate(update), rate);
        }
        let cosine = schedule(Decay::Cosine { epochs: 3 }, 1);
        for (update, rate) in
            [(1, 0.01), (10, 0.1), (11, 0.1), (21, 0.05), (16, 0.05 + 0.05 * (PI / 4.0).cos())]
        {
            close(cosine.rate(update), rate);
        }
        let all: Vec<f64> = (11..=30).map(|update| cosine.rate(update)).collect();
        assert!(all.is_sorted_by(|a, b| a > b) && all[19] > 0.0);
    }
}
