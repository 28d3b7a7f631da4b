//! What the logits should say, how far they are from it, and how often they are right.

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

    /// Answers that are right or wrong in one image: its class, or each of its `classes` cells.
    pub fn answers(&self, classes: usize) -> usize {
        match self {
            Self::Class(_) => 1,
            Self::Cells(_) => classes,
        }
    }
}

/// Mean over the batch, `[1]`, of `-ln p(label)`, or of the mean over the cells of `-ln p` of what is true of them. The
/// gradients, `(p - onehot) / n` and `(p - label) / (n * classes)`, are those of MXNet's SoftmaxOutput and
/// LogisticRegressionOutput with the optimizer's `rescale_grad = 1 / n`.
///
/// `weights`, `[classes]`, multiply the part of the cells whose label is 1.
pub fn cost(logits: Tensor<2>, truth: &Truth, weights: Option<&Tensor<1>>) -> Tensor<1> {
    match truth {
        Truth::Class(labels) => {
            -activation::log_softmax(logits, 1).gather(1, labels.clone().unsqueeze_dim(1)).mean()
        }
        Truth::Cells(labels) => {
            let absent = labels.clone().neg() + 1.0;
            let present = match weights {
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
