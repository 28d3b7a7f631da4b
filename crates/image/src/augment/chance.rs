//! Uniform 32-bit numbers to the distributions MXNet draws from.

/// A uniform number in `0..=last`, by multiplication. The bias is below `last` in 2^32.
pub(super) fn up_to(last: u32, bits: u32) -> u32 {
    // At most `last`, since bits / 2^32 < 1.
    ((u64::from(bits) * (u64::from(last) + 1)) >> 32) as u32
}

/// A uniform real number in `-limit..limit`.
pub(super) fn real(limit: f32, bits: u32) -> f32 {
    unit(bits) * limit * 2.0 - limit
}

/// A whole number in `-limit..=limit`, by MXNet's rule since 1.3: (u1 + 4 u2) / 5 spread over the interval, then
/// truncated toward zero.
pub(super) fn offset(limit: f32, bits: [u32; 2]) -> i32 {
    let mixed = (unit(bits[0]) + 4.0 * unit(bits[1])) / 5.0;
    (mixed * limit * 2.0 - limit) as i32
}

/// A uniform number in `0.0..1.0`; single precision holds 24 bits of it.
fn unit(bits: u32) -> f32 {
    (bits >> 8) as f32 / 16_777_216.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_each_interval() {
        assert_eq!((up_to(20, 0), up_to(20, u32::MAX), up_to(20, 1 << 31)), (0, 20, 10));
        assert_eq!((real(0.25, 0), real(0.25, 1 << 31)), (-0.25, 0.0));
        assert!(real(0.25, u32::MAX) < 0.25);
        assert_eq!(offset(36.0, [0, 0]), -36);
        assert_eq!(offset(36.0, [u32::MAX, u32::MAX]), 35);
        // 0.2 of the way, which is -21.6, and 0.8 of it: the second number counts four times.
        assert_eq!((offset(36.0, [u32::MAX, 0]), offset(36.0, [0, u32::MAX])), (-21, 21));
    }
}
