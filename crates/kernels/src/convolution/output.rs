//! What happens to a sum of products before it is written.

use std::ops::Range;

/// For each value of the result.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output<'a> {
    /// Multiplied with, `[output]`.
    pub scale: Option<&'a [f32]>,
    /// Added then, `[output]`.
    pub bias: Option<&'a [f32]>,
    /// Added then, of the result's shape.
    pub residual: Option<&'a [f32]>,
    /// Whether what is negative in the end becomes 0.
    pub relu: bool,
}

impl<'a> Output<'a> {
    /// The same for a part of the result.
    pub(super) fn part(self, range: Range<usize>) -> Output<'a> {
        Output { residual: self.residual.map(|residual| &residual[range]), ..self }
    }

    /// Whether the sums are the result.
    #[inline(always)]
    pub(super) fn is_nothing(&self) -> bool {
        self.scale.is_none() && self.bias.is_none() && self.residual.is_none() && !self.relu
    }

    /// Makes the result of sums that stand at `place`, and begin with channel `column`.
    #[inline(always)]
    pub(super) fn finish(&self, values: &mut [f32], place: usize, column: usize) {
        if let Some(scale) = self.scale {
            for (value, scale) in values.iter_mut().zip(&scale[column..]) {
                *value *= scale;
            }
        }
        if let Some(bias) = self.bias {
            for (value, add) in values.iter_mut().zip(&bias[column..]) {
                *value += add;
            }
        }
        if let Some(residual) = self.residual {
            for (value, add) in values.iter_mut().zip(&residual[place..]) {
                *value += add;
            }
        }
        if self.relu {
            for value in values {
                // Not `max`, which makes 0 of what is no number.
                *value = if *value < 0.0 { 0.0 } else { *value };
            }
        }
    }
}
