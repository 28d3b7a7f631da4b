//! The sum of two branches behind the activation, as networks have it that activate after they add.

use rayon::prelude::*;

use crate::error::{fits, mixed};
use crate::format::Element;
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Factors, Path, Results, ShapeError};

/// Values of a piece.
const PIECE: usize = 16384;

/// `max(a + b, 0)`, whatever the shape; what is no number stays none.
///
/// # Errors
/// Lengths or formats that are not the same.
pub fn rectified(path: Path, [a, b]: [Factors<'_>; 2], y: Results<'_>) -> Result<(), ShapeError> {
    each(path, [a, b], y, add)
}

/// The gradient of both sides of [`rectified`]: that of its result `y`, where this is not 0.
///
/// # Errors
/// Lengths or formats that are not the same.
pub fn gradient(path: Path, [y, dy]: [Factors<'_>; 2], dx: Results<'_>) -> Result<(), ShapeError> {
    each(path, [y, dy], dx, pass)
}

#[inline(always)]
fn add(a: f32, b: f32) -> f32 {
    let sum = a + b;
    if sum < 0.0 { 0.0 } else { sum }
}

#[inline(always)]
fn pass(y: f32, dy: f32) -> f32 {
    if y <= 0.0 { 0.0 } else { dy }
}

fn each(
    path: Path,
    [a, b]: [Factors<'_>; 2],
    to: Results<'_>,
    map: impl Fn(f32, f32) -> f32 + Copy + Sync,
) -> Result<(), ShapeError> {
    fits("the number of values of the other side", b.len(), a.len())?;
    fits("the number of values out", to.len(), a.len())?;
    match (a, to) {
        (Factors::Float32(a), Results::Float32(to)) => pieces(path, [a, b.single()?], to, map),
        (Factors::Bfloat16(a), Results::Bfloat16(to)) => pieces(path, [a.whole()?, b.half()?], to, map),
        _ => return Err(mixed()),
    }
    Ok(())
}

fn pieces<E: Element>(
    path: Path,
    [a, b]: [&[E]; 2],
    to: &mut [E],
    map: impl Fn(f32, f32) -> f32 + Copy + Sync,
) {
    let to = Shared::new(to);
    a.par_chunks(PIECE).zip(b.par_chunks(PIECE)).enumerate().for_each(|(index, (a, b))| {
        // SAFETY: each piece is its own part.
        let to = unsafe { to.part(index * PIECE, a.len()) };
        simd::run(path, Piece { a, b, to, map });
    });
}

struct Piece<'a, E, F> {
    a: &'a [E],
    b: &'a [E],
    to: &'a mut [E],
    map: F,
}

impl<E: Element, F: Fn(f32, f32) -> f32> Kernel for Piece<'_, E, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        for ((to, a), b) in self.to.iter_mut().zip(self.a).zip(self.b) {
            *to = E::of((self.map)(a.get(), b.get()));
        }
    }
}
