//! The horizontal pass over one source row, sixteen source bytes at a time.

use super::axis::Tap;
use crate::simd::Lanes;

/// What every row has in common.
#[derive(Debug, Default)]
pub(super) struct Horizontal {
    groups: Vec<Group>,
    /// Output pixels of one group.
    pixels: usize,
}

/// Some output pixels whose neighbours lie within sixteen source bytes.
#[derive(Debug, Clone, Copy)]
struct Group {
    start: usize,
    /// Of each output byte the left and the right neighbour, as places behind `start`.
    order: [u8; 16],
    /// Their weights.
    weights: [i16; 16],
}

impl Horizontal {
    /// Plans for pixels of `C` bytes from rows of `stride` bytes; `taps` count pixels from the row's beginning.
    ///
    /// The stronger the reduction, the further apart the neighbours and the fewer pixels to a group. One always fits.
    pub(super) fn plan<const C: usize>(&mut self, taps: &[Tap], stride: usize) {
        self.pixels = 8 / C;
        while !self.try_plan::<C>(taps, stride) && self.pixels > 1 {
            self.pixels /= 2;
        }
    }

    fn try_plan<const C: usize>(&mut self, taps: &[Tap], stride: usize) -> bool {
        self.groups.clear();
        for taps in taps.chunks(self.pixels) {
            let places = || taps.iter().flat_map(|tap| [tap.first as usize * C, tap.second as usize * C]);
            let start = places().min().unwrap_or(0).min(stride.saturating_sub(16));
            if places().any(|place| place + C > start + 16) {
                return false;
            }
            let mut group = Group { start, order: [0; 16], weights: [0; 16] };
            let outputs = taps.iter().flat_map(|tap| (0..C).map(move |channel| (tap, channel)));
            for (at, (tap, channel)) in outputs.enumerate() {
                let place = |pixel: u32| (pixel as usize * C + channel - start) as u8;
                group.order[2 * at..2 * at + 2].copy_from_slice(&[place(tap.first), place(tap.second)]);
                group.weights[2 * at..2 * at + 2].copy_from_slice(&tap.weights);
            }
            self.groups.push(group);
        }
        true
    }

    /// Values that [`run`](Self::run) writes for `width` pixels; the last ones have no meaning.
    pub(super) fn len<const C: usize>(width: usize) -> usize {
        width * C + 8
    }

    /// Mixes left and right of one row. Seven fractional bits stay: at most 255 * 2049 >> 4, which fits.
    #[inline(always)]
    pub(super) fn run<const C: usize>(&self, row: &[u8], mixed: &mut [i16], lanes: impl Lanes) {
        let (step, mut at) = (self.pixels * C, 0);
        for group in &self.groups {
            let bytes = match row.get(group.start..) {
                Some(bytes) if bytes.len() >= 16 => bytes.as_chunks().0[0],
                // A row of fewer than sixteen bytes.
                _ => std::array::from_fn(|place| row.get(group.start + place).copied().unwrap_or(0)),
            };
            mixed[at..at + 8].copy_from_slice(&lanes.mix::<4>(bytes, group.order, group.weights));
            at += step;
        }
    }
}
