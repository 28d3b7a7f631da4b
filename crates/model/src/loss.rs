//! What the logits should say, how far they are from it, and how often they are right.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use crate::layout::Output;

/// What is true of a batch of images.
#[derive(Clone, Debug)]
pub enum Truth {
    /// The one class of each image, `[n]`. Learned by softmax cross-entropy.
    Class(Tensor<1, Int>),
    /// For each image and class 1 if the image belongs to it and else 0, `[n, classes]`. Learned by the binary
    /// cross-entropy of each cell.
    Cells(Tensor<2>),
}

impl Truth {
    /// Class indices, one of each image.
    pub fn of_classes(classes: &[i64], device: &Device) -> Self {
        Self::Class(Tensor::from_data(TensorData::new(classes.to_vec(), [classes.len()]), device))
    }

    /// Rows of `classes` zeros and ones, one of each image.
    pub fn of_cells(values: Vec<f32>, classes: usize, device: &Device) -> Self {
        let images = values.len() / classes.max(1);
        Self::Cells(Tensor::from_data(TensorData::new(values, [images, classes]), device))
    }

    /// The same without a gradient, beside logits without one.
    pub fn inner(self) -> Self {
        match self {
            Self::Class(labels) => Self::Class(labels.inner()),
            Self::Cells(cells) => Self::Cells(cells.inner()),
        }
    }

    /// Images.
    pub fn len(&self) -> usize {
        match self {
            Self::Class(labels) => labels.dims()[0],
            Self::Cells(cells) => cells.dims()[0],
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some of the images.
    #[must_use]
    pub fn slice(&self, images: Range<usize>) -> Self {
        match self {
            Self::Class(labels) => Self::Class(labels.clone().slice([images])),
            Self::Cells(cells) => Self::Cells(cells.clone().slice([images])),
        }
    }

    /// The images from the last to the first.
    #[must_use]
    pub fn reversed(&self) -> Self {
        match self {
            Self::Class(labels) => Self::Class(labels.clone().flip([0])),
            Self::Cells(cells) => Self::Cells(cells.clone().flip([0])),
        }
    }

    /// Answers that are right or wrong in one image: its class, or each of its `classes` cells.
    pub fn answers(&self, classes: usize) -> usize {
        match self {
            Self::Class(_) => 1,
            Self::Cells(_) => classes,
        }
    }
}

/// What makes the training loss another than the plain one of [`cost`].
#[derive(Clone, Debug, Default)]
pub struct Emphasis {
    /// `[classes]`: what the part of a cell counts whose label is 1; unset: 1.
    pub positive_weights: Option<Tensor<1>>,
    /// The share of an image's class that all classes get equally. 0 is none.
    pub smoothing: f64,
}

/// Mean over the batch, `[1]`, of `-ln p(label)`, or of the mean over the cells of `-ln p` of what is true of them. The
/// gradients, `(p - onehot) / n` and `(p - label) / (n * classes)`, are those of MXNet's SoftmaxOutput and
/// LogisticRegressionOutput with the optimizer's `rescale_grad = 1 / n`.
pub fn cost(logits: Tensor<2>, truth: &Truth, emphasis: &Emphasis) -> Tensor<1> {
    match truth {
        Truth::Class(labels) => {
            let ln = activation::log_softmax(logits, 1);
            let own = -ln.clone().gather(1, labels.clone().unsqueeze_dim(1)).mean();
            match emphasis.smoothing {
                0.0 => own,
                share => own * (1.0 - share) - ln.mean() * share,
            }
        }
        Truth::Cells(labels) => {
            let absent = labels.clone().neg() + 1.0;
            let present = match &emphasis.positive_weights {
                None => labels.clone(),
                Some(weights) => labels.clone() * weights.clone().unsqueeze(),
            };
            // -ln p = -log_sigmoid(z) and -ln(1 - p) = z - log_sigmoid(z), without an exponential that overflows.
            (absent.clone() * logits.clone() - (present + absent) * activation::log_sigmoid(logits)).mean()
        }
    }
}

/// How many rows have their largest logit at the label (the first of equal maxima counts), or how many cells are
/// on the right side of a probability of one half; `[1]`.
pub fn count_correct(logits: Tensor<2>, truth: &Truth) -> Tensor<1, Int> {
    match truth {
        Truth::Class(labels) => {
            let [n, _] = logits.dims();
            logits.argmax(1).reshape([n]).equal(labels.clone()).int().sum()
        }
        Truth::Cells(labels) => logits.greater_elem(0.0).int().equal(labels.clone().int()).int().sum(),
    }
}

/// `[n, classes]` logits to probabilities: of each row together 1, or each of its own.
pub fn probabilities(logits: Tensor<2>, output: Output) -> Tensor<2> {
    match output {
        Output::Softmax => activation::softmax(logits, 1),
        Output::Logistic => activation::sigmoid(logits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(cost: Tensor<1>, expected: f64) {
        let found: f64 = cost.into_data().iter::<f64>().sum();
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }

    #[test]
    fn smoothing_gives_every_class_its_share() {
        let device = Device::flex();
        let logits = Tensor::from_floats([[2.0, 0.0, -1.0], [0.5, 0.5, 0.5]], &device);
        let truth = Truth::of_classes(&[0, 2], &device);
        let smoothed =
            |smoothing| cost(logits.clone(), &truth, &Emphasis { smoothing, ..Emphasis::default() });
        let ln = |row: [f64; 3], class: usize| row[class] - row.iter().map(|z| z.exp()).sum::<f64>().ln();
        let (a, b) = ([2.0, 0.0, -1.0], [0.5; 3]);
        let plain = -(ln(a, 0) + ln(b, 2)) / 2.0;
        let even = -(0..3).map(|class| ln(a, class) + ln(b, class)).sum::<f64>() / 6.0;
        close(smoothed(0.0), plain);
        close(smoothed(0.3), 0.7 * plain + 0.3 * even);
    }

    #[test]
    fn weights_multiply_what_is_there() {
        let device = Device::flex();
        let logits = Tensor::from_floats([[1.5, -0.5]], &device);
        let truth = Truth::of_cells(vec![1.0, 0.0], 2, &device);
        let positive_weights = Some(Tensor::from_floats([3.0, 5.0], &device));
        let ln_present = (1.0 / (1.0 + (-1.5_f64).exp())).ln();
        let ln_absent = (1.0 / (1.0 + (-0.5_f64).exp())).ln();
        close(cost(logits.clone(), &truth, &Emphasis::default()), -(ln_present + ln_absent) / 2.0);
        let weighted = cost(logits, &truth, &Emphasis { positive_weights, smoothing: 0.0 });
        close(weighted, -(3.0 * ln_present + ln_absent) / 2.0);
    }
}
