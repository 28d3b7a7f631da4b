//! Interleaving three channels on AVX2.

use std::arch::x86_64::__m256i;

use pulp::bytemuck::cast;

use super::LANES;
use crate::jpeg::kernel::Avx2;

/// Shuffles by channel and by third of the 48 bytes that 16 pixels are: where each byte comes from, or nowhere.
const PLACES: [[[u8; 16]; 3]; 3] = {
    let mut places = [[[0x80; 16]; 3]; 3];
    let mut byte = 0;
    while byte < 48 {
        places[byte % 3][byte / 16][byte % 16] = (byte / 3) as u8;
        byte += 1;
    }
    places
};

impl Avx2 {
    /// What [`super::interleave`] does.
    #[inline(always)]
    pub(in crate::jpeg) fn interleave(self, channels: &[[u8; LANES]; 3]) -> [[u8; 3]; LANES] {
        let avx2 = self.0.avx2;
        let (a, b, c) = (self.third(channels, 0), self.third(channels, 1), self.third(channels, 2));
        // Each third holds its part of the first 16 pixels, then of the others.
        cast([
            avx2._mm256_permute2x128_si256::<0x20>(a, b),
            avx2._mm256_permute2x128_si256::<0x30>(c, a),
            avx2._mm256_permute2x128_si256::<0x31>(b, c),
        ])
    }

    #[inline(always)]
    fn third(self, channels: &[[u8; LANES]; 3], third: usize) -> __m256i {
        let avx2 = self.0.avx2;
        let red = avx2._mm256_shuffle_epi8(cast(channels[0]), cast([PLACES[0][third]; 2]));
        let green = avx2._mm256_shuffle_epi8(cast(channels[1]), cast([PLACES[1][third]; 2]));
        let blue = avx2._mm256_shuffle_epi8(cast(channels[2]), cast([PLACES[2][third]; 2]));
        avx2._mm256_or_si256(red, avx2._mm256_or_si256(green, blue))
    }
}
