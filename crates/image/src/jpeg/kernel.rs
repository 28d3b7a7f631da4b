//! The few steps that are written apart for a processor's instructions.

use super::block::Coefficients;
use super::colour::{self, LANES};
use super::idct::{self, Samples};

/// One way to do these steps; all give the same result.
pub(super) trait Kernel: Copy {
    /// [`idct::full`].
    fn transform(self, coefficients: &Coefficients, quant: &[i16; 64]) -> Samples;
    /// [`colour::interleave`].
    fn interleave(self, channels: &[[u8; LANES]; 3]) -> [[u8; 3]; LANES];
}

/// Works anywhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

impl Kernel for Portable {
    #[inline(always)]
    fn transform(self, coefficients: &Coefficients, quant: &[i16; 64]) -> Samples {
        idct::full(coefficients, quant)
    }

    #[inline(always)]
    fn interleave(self, channels: &[[u8; LANES]; 3]) -> [[u8; 3]; LANES] {
        colour::interleave(channels)
    }
}

/// The AVX2 instructions, which a `V3` proves to be there.
///
/// Its methods have no closures and no `map` on arrays: what is not inlined is compiled without AVX2, and then calls
/// every single instruction.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(pub(super) pulp::x86::V3);

#[cfg(target_arch = "x86_64")]
impl Kernel for Avx2 {
    #[inline(always)]
    fn transform(self, coefficients: &Coefficients, quant: &[i16; 64]) -> Samples {
        self.transform(coefficients, quant)
    }

    #[inline(always)]
    fn interleave(self, channels: &[[u8; LANES]; 3]) -> [[u8; 3]; LANES] {
        self.interleave(channels)
    }
}
