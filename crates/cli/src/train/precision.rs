//! In which number format a job computes.

use brazier_model::device::Kind;
use brazier_model::layout::Format;
use brazier_sagemaker::hyperparameters::{ComputeDtype, Hyperparameters, Precision};
use brazier_train::job::Compute;

/// In which format the model is saved: half precision where it was asked for and trained.
pub fn format(read: &Hyperparameters, kind: Kind) -> Format {
    match (read.precision_dtype, compute(read, kind).0) {
        (Precision::Float32, _) | (_, Compute::Float32) => Format::Float32,
        (Precision::Float16, Compute::Bfloat16 | Compute::Float16) => Format::Float16,
    }
}

/// The format of the convolutions, and a warning where it is not what `precision_dtype` asks for: no CPU multiplies
/// float16 faster than float32.
pub fn compute(read: &Hyperparameters, kind: Kind) -> (Compute, Option<&'static str>) {
    match (read.compute_dtype, read.precision_dtype, kind) {
        (ComputeDtype::Float32, ..) | (ComputeDtype::Auto, Precision::Float32, _) => (Compute::Float32, None),
        (ComputeDtype::Bfloat16, ..) => (Compute::Bfloat16, None),
        (ComputeDtype::Float16, ..) => (Compute::Float16, None),
        (ComputeDtype::Auto, Precision::Float16, Kind::Gpu(_)) => (Compute::Float16, None),
        (ComputeDtype::Auto, Precision::Float16, Kind::Cpu) => (
            Compute::Float32,
            Some("precision_dtype=float16 needs a GPU. Training in float32; so are the model's weights."),
        ),
    }
}
