//! In which number format a job computes.

use brazier_model::device::Kind;
use brazier_model::device::facts::Version;
use brazier_model::layout::Format;
use brazier_sagemaker::hyperparameters::{ComputeDtype, Hyperparameters, Precision};
use brazier_train::job::Compute;

/// From which compute capability on tensor cores multiply bfloat16, and float32 as TF32: Ampere's.
const AMPERE: Version = Version(8, 0);

const NO_GPU: &str = "precision_dtype=float16 needs a GPU. Training in float32; so are the model's weights.";
const NO_BFLOAT16: &str =
    "compute_dtype=bfloat16 has no tensor cores on this GPU, float16 has. Training in float16.";
const NO_TF32: &str = "float32 has no tensor cores on this GPU: compute_dtype=float16 is faster, with weights that stay float32.";

/// In which format the model is saved: half precision where it was asked for and trained.
pub fn format(read: &Hyperparameters, kind: Kind) -> Format {
    match (read.precision_dtype, compute(read, kind).0) {
        (Precision::Float32, _) | (_, Compute::Float32) => Format::Float32,
        (Precision::Float16, Compute::Bfloat16 | Compute::Float16) => Format::Float16,
    }
}

/// The format of the convolutions, and a warning where it is not what was asked for, or another is faster. No CPU multiplies float16
/// faster than float32; what GPUs do is in `CUDA.md` of `brazier-model`.
pub fn compute(read: &Hyperparameters, kind: Kind) -> (Compute, Option<&'static str>) {
    let has_ampere = matches!(kind, Kind::Gpu(capability) if capability >= AMPERE);
    let is_older_gpu = matches!(kind, Kind::Gpu(_)) && !has_ampere;
    match (read.compute_dtype, read.precision_dtype) {
        (ComputeDtype::Float32, _) | (ComputeDtype::Auto, Precision::Float32) => {
            (Compute::Float32, is_older_gpu.then_some(NO_TF32))
        }
        (ComputeDtype::Bfloat16, _) if is_older_gpu => (Compute::Float16, Some(NO_BFLOAT16)),
        (ComputeDtype::Bfloat16, _) => (Compute::Bfloat16, None),
        (ComputeDtype::Float16, _) => (Compute::Float16, None),
        (ComputeDtype::Auto, Precision::Float16) => match kind {
            Kind::Cpu => (Compute::Float32, Some(NO_GPU)),
            Kind::Gpu(_) if has_ampere => (Compute::Bfloat16, None),
            Kind::Gpu(_) => (Compute::Float16, None),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use brazier_sagemaker::hyperparameters;

    use super::*;

    #[test]
    fn the_format_follows_what_is_asked_for_and_what_the_device_has() {
        let (volta, ampere) = (Kind::Gpu(Version(7, 0)), Kind::Gpu(Version(8, 0)));
        let found = |precision: &str, compute: &str, kind| {
            let given = [
                ("num_classes", "2"),
                ("num_training_samples", "100"),
                ("precision_dtype", precision),
                ("compute_dtype", compute),
            ];
            let given: BTreeMap<String, String> =
                given.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
            super::compute(&hyperparameters::parse(&given, &[]).unwrap(), kind)
        };
        assert_eq!(found("float16", "auto", Kind::Cpu), (Compute::Float32, Some(NO_GPU)));
        assert_eq!(found("float16", "auto", volta), (Compute::Float16, None));
        assert_eq!(found("float16", "auto", ampere), (Compute::Bfloat16, None));
        assert_eq!(found("float32", "auto", volta), (Compute::Float32, Some(NO_TF32)));
        assert_eq!(found("float32", "auto", ampere), (Compute::Float32, None));
        assert_eq!(found("float32", "bfloat16", volta), (Compute::Float16, Some(NO_BFLOAT16)));
        assert_eq!(found("float32", "bfloat16", Kind::Cpu), (Compute::Bfloat16, None));
    }
}
