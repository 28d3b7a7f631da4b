//! Numbers that a seed decides, and how far results are apart.

/// Numbers of -1 to 1.
pub fn noise(len: usize, mut seed: u64) -> Vec<f32> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Largest difference, relative to the largest value.
pub fn difference(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(f64::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let pairs = found.iter().zip(expected);
    // What is no number is far from everything.
    let apart = |found: f32, expected: f64| (f64::from(found) - expected).abs();
    pairs.fold(0.0, |most: f64, (&found, &expected)| match apart(found, expected) {
        apart if apart <= most => most,
        apart => apart,
    }) / largest
}
