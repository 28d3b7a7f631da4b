//! The widest vector instructions of the machine, chosen at run time.

/// A computation of plain loops that the compiler vectorises; what it calls must be inlined into `run`.
///
/// Only integers and uncontracted floating point belong here, so that every machine gives the same bits.
pub(crate) trait Work {
    /// Does it, with what `lanes` can do that plain loops cannot.
    fn run(self, lanes: impl Lanes);
}

/// Vector instructions that no plain loop is compiled to.
pub(crate) trait Lanes: Copy {
    /// Takes the bytes at the places `order` names, each below 16, multiplies them by `weights`, adds neighbours and
    /// shifts right by `SHIFT`. Sums have to fit 16 bits then.
    fn mix<const SHIFT: i32>(self, bytes: [u8; 16], order: [u8; 16], weights: [i16; 16]) -> [i16; 8];
}

/// Runs `work` compiled for AVX2 where the machine has it, and for any machine otherwise.
#[inline]
pub(crate) fn dispatch(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = pulp::x86::V3::try_new() {
        return pulp::Simd::vectorize(
            avx2,
            #[inline(always)]
            || work.run(avx2),
        );
    }
    work.run(Portable);
}

#[cfg(target_arch = "x86_64")]
impl Lanes for pulp::x86::V3 {
    #[inline(always)]
    fn mix<const SHIFT: i32>(self, bytes: [u8; 16], order: [u8; 16], weights: [i16; 16]) -> [i16; 8] {
        let ordered = self.ssse3._mm_shuffle_epi8(pulp::cast(bytes), pulp::cast(order));
        let sums = self.avx2._mm256_madd_epi16(self.avx2._mm256_cvtepu8_epi16(ordered), pulp::cast(weights));
        let [low, high] = pulp::cast(self.avx2._mm256_srai_epi32::<SHIFT>(sums));
        pulp::cast(self.sse2._mm_packs_epi32(low, high))
    }
}

/// What the language offers.
#[derive(Clone, Copy)]
struct Portable;

impl Lanes for Portable {
    #[inline(always)]
    fn mix<const SHIFT: i32>(self, bytes: [u8; 16], order: [u8; 16], weights: [i16; 16]) -> [i16; 8] {
        let term = |at: usize| i32::from(bytes[usize::from(order[at] & 15)]) * i32::from(weights[at]);
        std::array::from_fn(|lane| ((term(2 * lane) + term(2 * lane + 1)) >> SHIFT) as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_mixes_alike() {
        struct Check;
        impl Work for Check {
            fn run(self, lanes: impl Lanes) {
                let bytes = std::array::from_fn(|at| 240 + at as u8);
                let order = [15, 0, 1, 3, 3, 1, 2, 2, 8, 9, 10, 11, 12, 13, 14, 7];
                let weights = std::array::from_fn(|at| [2048, 0, 1000, 1048, 1, 2047, -5, 3][at % 8]);
                let mixed = lanes.mix::<4>(bytes, order, weights);
                assert_eq!(mixed, Portable.mix::<4>(bytes, order, weights));
                assert_eq!(mixed[..2], [255 * 128, ((241 * 1000_i32 + 243 * 1048) >> 4) as i16]);
            }
        }
        dispatch(Check);
    }
}
