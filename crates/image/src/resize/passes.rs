//! The two passes of a bilinear resize over the rows it needs, each source row once.

use std::cell::RefCell;

use super::axis::{self, Tap};
use crate::{Region, Size};

/// Where the source is and what to make of it. `size` is the whole source, `region` the part of it in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub size: Size,
    pub region: Region,
    pub resized: Size,
    pub window: Region,
    pub mirrored: bool,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Buffers of one thread, kept from image to image. All but `taps` have one element per byte of an output row.
#[derive(Debug, Default)]
struct Scratch {
    taps: Vec<Tap>,
    /// Weight of the left and of the right neighbour.
    weights: [Vec<i16>; 2],
    /// Left and right neighbours from one source row.
    neighbours: [Vec<u8>; 2],
    /// The two source rows last resized horizontally, in 1/128 grey levels.
    rows: [Vec<i16>; 2],
}

/// Computes the window of `job` from `data`, the bytes of its region with `C` channels.
pub(super) fn run<const C: usize>(data: &[u8], job: &Job, out: &mut [u8]) {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.prepare::<C>(job);
        crate::simd::dispatch(
            #[inline(always)]
            || vertical::<C>(data, job, scratch, out),
        );
    });
}

impl Scratch {
    fn prepare<const C: usize>(&mut self, job: &Job) {
        let (window, width) = (job.window, job.window.width as usize);
        self.taps.clear();
        self.taps.extend((0..window.width).map(|column| {
            let column = if job.mirrored { window.width - 1 - column } else { column };
            axis::column(window.left + column, job.size.width, job.resized.width)
        }));
        for (side, weights) in self.weights.iter_mut().enumerate() {
            weights.clear();
            weights.extend(self.taps.iter().flat_map(|tap| [tap.weights[side]; C]));
        }
        for tap in &mut self.taps {
            tap.first = (tap.first - job.region.left) * C as u32;
            tap.second = (tap.second - job.region.left) * C as u32;
        }
        // One byte more: pixels are gathered four bytes at a time.
        self.neighbours.iter_mut().for_each(|row| row.resize(width * C + 1, 0));
        self.rows.iter_mut().for_each(|row| row.resize(width * C, 0));
    }
}

#[inline(always)]
fn vertical<const C: usize>(data: &[u8], job: &Job, scratch: &mut Scratch, out: &mut [u8]) {
    let Scratch { taps, weights, neighbours, rows } = scratch;
    let stride = job.region.width as usize * C;
    // Source row held by each of `rows`.
    let mut held = [u32::MAX; 2];
    let targets = out.chunks_exact_mut(job.window.width as usize * C);
    for (target, at) in targets.zip(job.window.top..) {
        let tap = axis::row(at, job.size.height, job.resized.height);
        // Rows advance, so what was the second row is often the next first.
        if held[1] == tap.first {
            held.swap(0, 1);
            rows.swap(0, 1);
        }
        for (slot, row) in [tap.first, tap.second].into_iter().enumerate() {
            if held[slot] != row {
                let start = (row - job.region.top) as usize * stride;
                gather::<C>(&data[start..], stride, taps, neighbours);
                horizontal(neighbours, weights, &mut rows[slot]);
                held[slot] = row;
            }
        }
        blend(rows, tap.weights, target);
    }
}

/// Collects the left and the right neighbour of every output pixel; `row` may go on behind its `stride` bytes.
#[inline(always)]
fn gather<const C: usize>(row: &[u8], stride: usize, taps: &[Tap], neighbours: &mut [Vec<u8>; 2]) {
    let [left, right] = neighbours;
    if C == 1 {
        let row = &row[..stride];
        for ((left, right), tap) in left.iter_mut().zip(right).zip(taps) {
            (*left, *right) = (row[tap.first as usize], row[tap.second as usize]);
        }
        return;
    }
    for (column, tap) in taps.iter().enumerate() {
        let (first, second) = (tap.first as usize, tap.second as usize);
        // The fourth byte is a neighbour's and overwritten with the next pixel. Behind the last row there is none.
        let at = column * C;
        match (row.get(first..first + 4), row.get(second..second + 4)) {
            (Some(first), Some(second)) => {
                left[at..at + 4].copy_from_slice(first);
                right[at..at + 4].copy_from_slice(second);
            }
            _ => {
                left[at..at + C].copy_from_slice(&row[first..first + C]);
                right[at..at + C].copy_from_slice(&row[second..second + C]);
            }
        }
    }
}

/// Mixes left and right, keeping seven fractional bits.
#[inline(always)]
fn horizontal(neighbours: &[Vec<u8>; 2], weights: &[Vec<i16>; 2], row: &mut [i16]) {
    let len = row.len();
    let (left, right) = (&neighbours[0][..len], &neighbours[1][..len]);
    let (a, b) = (&weights[0][..len], &weights[1][..len]);
    for at in 0..len {
        let sum = i32::from(left[at]) * i32::from(a[at]) + i32::from(right[at]) * i32::from(b[at]);
        // At most 255 * 2049 >> 4, which fits.
        row[at] = (sum >> 4) as i16;
    }
}

/// Mixes upper and lower row and rounds, as OpenCV's vector code does: each product loses 16 bits before the sum.
#[inline(always)]
fn blend(rows: &[Vec<i16>; 2], weights: [i16; 2], target: &mut [u8]) {
    let len = target.len();
    let (upper, lower) = (&rows[0][..len], &rows[1][..len]);
    let high = |value: i16, weight: i16| ((i32::from(value) * i32::from(weight)) >> 16) as i16;
    for at in 0..len {
        let sum = high(upper[at], weights[0]) + high(lower[at], weights[1]);
        target[at] = ((sum + 2) >> 2) as u8;
    }
}
