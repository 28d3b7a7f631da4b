//! Images blended with others of their batch, and their labels with them.
//!
//! Source: Zhang and others, "mixup: Beyond Empirical Risk Minimization", ICLR 2018. An image's partner is the one at the same
//! place from the other end of what is computed together, so that without shuffling it is always the same.

use brazier_model::loss::{self, Emphasis, Truth};
use burn::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution};

/// How much of each image stays in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    /// The image's own part, at least a half, so that its own label is the likelier one. 1 leaves it alone.
    share: f64,
}

impl Mix {
    /// Draws the share of a step: the larger part of what `Beta(alpha, alpha)` divides. It follows from the seed, the 1-based
    /// `update` and the `rank` alone, so that a resumed run draws the same. An `alpha` of 0 blends nothing.
    pub fn draw(alpha: f64, seed: u64, update: usize, rank: usize) -> Self {
        let Ok(beta) = Beta::new(alpha, alpha) else { return Mix { share: 1.0 } };
        // A stream of its own beside those of weights, order and augmentation.
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x006d_6978_7570);
        random.set_stream((update as u64) << 16 | rank as u64);
        let share: f64 = beta.sample(&mut random);
        Mix { share: share.max(1.0 - share) }
    }

    /// `[n, ...]` images, each with a part of its partner.
    pub fn pixels(self, pixels: Tensor<4>) -> Tensor<4> {
        if self.share == 1.0 {
            return pixels;
        }
        pixels.clone() * self.share + pixels.flip([0]) * (1.0 - self.share)
    }

    /// The cost of both labels by their parts.
    pub fn cost(self, logits: Tensor<2>, truth: &Truth, emphasis: &Emphasis) -> Tensor<1> {
        if self.share == 1.0 {
            return loss::cost(logits, truth, emphasis);
        }
        let own = loss::cost(logits.clone(), truth, emphasis) * self.share;
        own + loss::cost(logits, &truth.reversed(), emphasis) * (1.0 - self.share)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn every_step_and_rank_draws_its_own_share_and_draws_it_again() {
        let share = |update, rank| Mix::draw(0.2, 7, update, rank).share;
        assert_eq!(share(1, 0), share(1, 0));
        assert!(share(1, 0) != share(2, 0) && share(1, 0) != share(1, 1));
        let shares: Vec<f64> = (0..200).map(|update| share(update, 0)).collect();
        assert!(shares.iter().all(|share| (0.5..=1.0).contains(share)));
        // With so small an alpha most images stay nearly alone.
        assert!(shares.iter().filter(|share| **share > 0.9).count() > 100);
        assert_eq!(Mix::draw(0.0, 7, 1, 0).share, 1.0);
    }

    #[test]
    fn an_image_and_its_label_are_blended_alike() {
        let device = Device::flex();
        let mix = Mix { share: 0.75 };
        let pixels = mix.pixels(Tensor::from_floats([[[[0.0]]], [[[100.0]]]], &device));
        assert_eq!(pixels.into_data().iter::<f32>().collect::<Vec<_>>(), [25.0, 75.0]);
        let logits = Tensor::<2>::from_floats([[2.0, 0.0], [0.0, 0.0]], &device);
        let cost = |truth: &Truth| -> f64 {
            mix.cost(logits.clone(), truth, &Emphasis::default()).into_data().iter::<f64>().sum()
        };
        let ln = |logit: f64| -(logit.exp() / (2.0_f64.exp() + 1.0)).ln();
        let expected = (0.75 * ln(2.0) + 0.25 * ln(0.0) + 2.0_f64.ln()) / 2.0;
        assert!((cost(&Truth::of_classes(&[0, 1], &device)) - expected).abs() < 1e-6);
    }
}
