//! One dense array.

use super::{Dtype, ParamsError};
use half::{bf16, f16};

/// A dense array in C order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NdArray {
    /// Extent of each dimension. No dimensions at all is MXNet's empty array, which has no data, not a scalar.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: Dtype,
    /// The elements, little-endian.
    pub data: Vec<u8>,
}

impl NdArray {
    /// A single-precision array.
    ///
    /// # Errors
    /// When the number of values is not the product of the extents.
    pub fn from_f32(shape: impl Into<Vec<usize>>, values: &[f32]) -> Result<Self, ParamsError> {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { shape: shape.into(), dtype: Dtype::F32, data }.checked()
    }

    /// A half-precision array, each value rounded to the nearest.
    ///
    /// # Errors
    /// When the number of values is not the product of the extents.
    pub fn from_f32_as_f16(shape: impl Into<Vec<usize>>, values: &[f32]) -> Result<Self, ParamsError> {
        let data = values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        Self { shape: shape.into(), dtype: Dtype::F16, data }.checked()
    }

    /// The values in single precision, from any floating-point type.
    ///
    /// # Errors
    /// When the elements are not floating-point numbers or do not fit the shape.
    pub fn to_f32(&self) -> Result<Vec<f32>, ParamsError> {
        self.check()?;
        match self.dtype {
            Dtype::F32 => Ok(self.map(f32::from_le_bytes)),
            Dtype::F64 => Ok(self.map(|bytes| f64::from_le_bytes(bytes) as f32)),
            Dtype::F16 => Ok(self.map(|bytes| f16::from_le_bytes(bytes).to_f32())),
            Dtype::Bf16 => Ok(self.map(|bytes| bf16::from_le_bytes(bytes).to_f32())),
            found => Err(ParamsError::NotFloat { shape: self.shape.clone(), found }),
        }
    }

    /// Number of elements, or `None` when it does not fit a `usize`.
    pub fn elements(&self) -> Option<usize> {
        match self.shape.as_slice() {
            [] => Some(0),
            shape => shape.iter().try_fold(1_usize, |product, extent| product.checked_mul(*extent)),
        }
    }

    /// That the data is as long as the shape and type say.
    pub(super) fn check(&self) -> Result<(), ParamsError> {
        let expected = self.elements().and_then(|elements| elements.checked_mul(self.dtype.size()));
        if expected == Some(self.data.len()) {
            return Ok(());
        }
        Err(ParamsError::Data { shape: self.shape.clone(), dtype: self.dtype, found: self.data.len() })
    }

    fn checked(self) -> Result<Self, ParamsError> {
        self.check().map(|()| self)
    }

    fn map<const N: usize>(&self, value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        self.data.as_chunks::<N>().0.iter().map(|bytes| value(*bytes)).collect()
    }
}
