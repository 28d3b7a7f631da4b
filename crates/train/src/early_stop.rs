//! Ending a run whose validation accuracy no longer grows.

use serde::{Deserialize, Serialize};

use crate::checkpoint::exact;

/// The rule of the `early_stopping_*` hyperparameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// Epochs before the rule is looked at.
    pub min_epochs: usize,
    /// Epochs in a row without improvement that end the run.
    pub patience: usize,
    /// Relative gain below which an epoch is no improvement.
    #[serde(with = "exact")]
    pub tolerance: f64,
}

/// The rule and what it has seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Watch {
    rule: EarlyStopping,
    epochs: usize,
    #[serde(with = "exact")]
    best: f64,
    without: usize,
}

impl Watch {
    /// Nothing seen yet.
    pub fn new(rule: EarlyStopping) -> Self {
        Watch { rule, epochs: 0, best: 0.0, without: 0 }
    }

    /// Takes over what another watch has seen, and says whether its rule was the same.
    pub fn resume(&mut self, other: &Watch) -> bool {
        (self.epochs, self.best, self.without) = (other.epochs, other.best, other.without);
        self.rule == other.rule
    }

    /// Takes an epoch's validation accuracy and says whether the run ends. A tie is no loss when the tolerance is 0:
    /// the gain of 0 is not below it.
    pub fn ends_with(&mut self, accuracy: f64) -> bool {
        self.epochs += 1;
        let gain = if self.best > 0.0 { (accuracy - self.best) / self.best } else { accuracy };
        self.best = self.best.max(accuracy);
        if self.epochs <= self.rule.min_epochs {
            return false;
        }
        self.without = if gain < self.rule.tolerance { self.without + 1 } else { 0 };
        self.without >= self.rule.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended_after(rule: EarlyStopping, accuracies: &[f64]) -> Option<usize> {
        let mut watch = Watch::new(rule);
        accuracies.iter().position(|&accuracy| watch.ends_with(accuracy))
    }

    #[test]
    fn patience_counts_epochs_in_a_row_after_the_minimum() {
        let rule = EarlyStopping { min_epochs: 2, patience: 2, tolerance: 0.0 };
        assert_eq!(ended_after(rule, &[0.9, 0.5, 0.5, 0.5]), Some(3));
        assert_eq!(ended_after(rule, &[0.9, 0.5, 0.5, 0.91, 0.5, 0.5]), Some(5));
    }

    #[test]
    fn a_tie_goes_on_at_tolerance_zero_and_ends_above_it() {
        let rule = |tolerance| EarlyStopping { min_epochs: 1, patience: 1, tolerance };
        assert_eq!(ended_after(rule(0.0), &[0.5, 0.5, 0.5]), None);
        assert_eq!(ended_after(rule(0.01), &[0.5, 0.5]), Some(1));
    }
}
