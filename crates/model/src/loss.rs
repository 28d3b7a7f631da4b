//! Softmax cross-entropy and the count of right answers.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

/// Mean over the batch of `-ln p(label)`, `[1]`. Its gradient, `(p - onehot) / n`, is MXNet's SoftmaxOutput gradient
/// with the optimizer's `rescale_grad = 1 / n`.
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    -activation::log_softmax(logits, 1).gather(1, labels.unsqueeze_dim(1)).mean()
}

/// How many rows have their largest logit at the label, `[1]`. The first of equal maxima counts.
pub fn count_correct(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1, Int> {
    let [n, _] = logits.dims();
    logits.argmax(1).reshape([n]).equal(labels).int().sum()
}

/// `[n, classes]` logits to probabilities.
pub fn probabilities(logits: Tensor<2>) -> Tensor<2> {
    activation::softmax(logits, 1)
}

/// Class indices as a tensor, `[n]`.
pub fn labels_to_tensor(labels: &[i64], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(labels.to_vec(), [labels.len()]), device)
}
