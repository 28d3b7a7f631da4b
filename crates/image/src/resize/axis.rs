//! Which two source positions a resized position mixes, and how much of each.

/// Two neighbouring source positions and their weights in 1/2048 (OpenCV's `INTER_RESIZE_COEF_BITS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tap {
    pub first: u32,
    pub second: u32,
    pub weights: [i16; 2],
}

/// The tap of row `at` on an axis resized from `from` to `to` rows; `at < to`.
///
/// OpenCV's `resize.cpp` in the same arithmetic: half-pixel centres, the scale a reciprocal in double precision, the
/// position in single precision, weights rounded to even. Beyond an edge both positions are the edge.
pub(super) fn row(at: u32, from: u32, to: u32) -> Tap {
    let scale = 1.0 / (f64::from(to) / f64::from(from));
    let position = ((f64::from(at) + 0.5) * scale - 0.5) as f32;
    let floor = position.floor();
    let part = position - floor;
    let last = i64::from(from.saturating_sub(1));
    let clamp = |position: i64| position.clamp(0, last) as u32;
    let floor = floor as i64;
    Tap { first: clamp(floor), second: clamp(floor + 1), weights: [weight(1.0 - part), weight(part)] }
}

/// The tap of column `at`. Unlike a row, a column at an edge has the weights 1 and 0, whose sum is never off by one.
pub(super) fn column(at: u32, from: u32, to: u32) -> Tap {
    let tap = row(at, from, to);
    if tap.first == tap.second { Tap { weights: [2048, 0], ..tap } } else { tap }
}

fn weight(part: f32) -> i16 {
    (part * 2048.0).round_ties_even() as i16
}
