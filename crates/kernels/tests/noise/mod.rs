//! Numbers that a seed decides, in either format, and how far results are apart.

#![allow(dead_code, reason = "no test takes all of it")]

use brazier_kernels::{Factors, Format, HalfRows, Halves, Path, Results};

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

/// What a layer takes: values that the format has.
pub struct Side {
    pub values: Vec<f32>,
    halves: Option<Halves>,
}

impl Side {
    /// Rows of `columns`.
    pub fn new((path, format): (Path, Format), values: Vec<f32>, columns: usize) -> Self {
        match format {
            Format::Float32 => Side { values, halves: None },
            Format::Bfloat16 => {
                let halves = Halves::of(path, &values, columns);
                Side { values: halves.rows().to_f32().to_vec(), halves: Some(halves) }
            }
        }
    }

    pub fn factors(&self) -> Factors<'_> {
        self.halves.as_ref().map_or(Factors::Float32(&self.values), Factors::from)
    }

    /// The same values, in float32 whatever their format.
    pub fn factors_as(&self, format: Format) -> Factors<'_> {
        if format == Format::Float32 { (&self.values).into() } else { self.factors() }
    }
}

/// What a layer gives.
pub struct Room {
    slots: Vec<f32>,
    format: Format,
}

impl Room {
    /// For an even number of values.
    pub fn new(format: Format, len: usize) -> Self {
        let slots = if format == Format::Float32 { len } else { len / 2 };
        Room { slots: vec![f32::NAN; slots], format }
    }

    pub fn results(&mut self) -> Results<'_> {
        Results::of(self.format, &mut self.slots)
    }

    pub fn values(&self) -> Vec<f32> {
        match self.format {
            Format::Float32 => self.slots.clone(),
            Format::Bfloat16 => HalfRows::new(&self.slots, 2).to_f32().to_vec(),
        }
    }
}

/// The nearest values of bfloat16.
pub fn rounded(values: &[f32]) -> Vec<f32> {
    Halves::of(Path::Portable, values, 1).rows().to_f32().to_vec()
}
