//! The two passes of a bilinear resize over the rows it needs, each source row once.

use std::cell::RefCell;

use super::axis::{self, Tap};
use super::horizontal::Horizontal;
use crate::simd::{self, Lanes, Work};
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

/// Buffers of one thread, kept from image to image.
#[derive(Debug, Default)]
struct Scratch {
    taps: Vec<Tap>,
    horizontal: Horizontal,
    /// The two source rows last resized horizontally, in 1/128 grey levels.
    rows: [Vec<i16>; 2],
}

/// Computes the window of `job` from `data`, the bytes of its region with `C` channels.
pub(super) fn run<const C: usize>(data: &[u8], job: &Job, out: &mut [u8]) {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.prepare::<C>(job);
        simd::dispatch(Passes::<C> { data, job, scratch, out });
    });
}

impl Scratch {
    fn prepare<const C: usize>(&mut self, job: &Job) {
        let window = job.window;
        self.taps.clear();
        self.taps.extend((0..window.width).map(|column| {
            let column = if job.mirrored { window.width - 1 - column } else { column };
            let tap = axis::column(window.left + column, job.size.width, job.resized.width);
            Tap { first: tap.first - job.region.left, second: tap.second - job.region.left, ..tap }
        }));
        self.horizontal.plan::<C>(&self.taps, job.region.width as usize * C);
        let len = Horizontal::len::<C>(window.width as usize);
        self.rows.iter_mut().for_each(|row| row.resize(len, 0));
    }
}

struct Passes<'a, const C: usize> {
    data: &'a [u8],
    job: &'a Job,
    scratch: &'a mut Scratch,
    out: &'a mut [u8],
}

impl<const C: usize> Work for Passes<'_, C> {
    #[inline(always)]
    fn run(self, lanes: impl Lanes) {
        let Self { data, job, scratch, out } = self;
        let Scratch { horizontal, rows, .. } = scratch;
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
                    horizontal.run::<C>(&data[start..start + stride], &mut rows[slot], lanes);
                    held[slot] = row;
                }
            }
            blend(rows, tap.weights, target);
        }
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
