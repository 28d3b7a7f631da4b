//! A float as its bits, for JSON: what is read back is what was written, also what is no number.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// For `#[serde(with = "…")]`.
///
/// # Errors
/// Those of the format.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_bits().serialize(serializer)
}

/// For `#[serde(with = "…")]`.
///
/// # Errors
/// What is no whole number.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    u64::deserialize(deserializer).map(f64::from_bits)
}
