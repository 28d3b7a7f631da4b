//! The pass as compiled for the processor at hand.

use super::JpegFault;
use super::kernel::Portable;
use super::output::Output;
use super::scan::Scan;
use super::strip::Strip;

/// Runs `scan`, with AVX2 where there is such.
pub(super) fn run(scan: Scan, strips: &mut [Strip; 3], output: &mut Output) -> Result<(), JpegFault> {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return simd.vectorize(avx2::Pass { simd, scan, strips, output });
    }
    scan.run(Portable, strips, output)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use pulp::NullaryFnOnce;
    use pulp::x86::V3;

    use super::{JpegFault, Output, Scan, Strip};
    use crate::jpeg::kernel::Avx2;

    /// A closure would not do: whether it is inlined, and so compiled for AVX2, would be the compiler's choice.
    pub(super) struct Pass<'a, 'b> {
        pub(super) simd: V3,
        pub(super) scan: Scan<'a>,
        pub(super) strips: &'a mut [Strip; 3],
        pub(super) output: &'a mut Output<'b>,
    }

    impl NullaryFnOnce for Pass<'_, '_> {
        type Output = Result<(), JpegFault>;

        #[inline(always)]
        fn call(self) -> Self::Output {
            self.scan.run(Avx2(self.simd), self.strips, self.output)
        }
    }
}
