//! What happens to a sum of products, and where it goes.

use std::ops::Range;

use super::tile::WIDEST;
use crate::ShapeError;
use crate::error::{fits, mixed};
use crate::format::{Element, Factors, Results};
use crate::norm::Mapping;
use crate::shared::Shared;
use crate::simd::Simd;

/// For each value of the result.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output<'a> {
    /// Multiplied with, `[output]`.
    pub scale: Option<&'a [f32]>,
    /// Added then, `[output]`.
    pub bias: Option<&'a [f32]>,
    /// Added then, of the result's shape.
    pub residual: Option<Factors<'a>>,
    /// Whether what is negative in the end becomes 0.
    pub relu: bool,
}

/// The result of a call, rows of `columns` channels.
#[derive(Clone, Copy)]
pub(super) struct Sink<'a> {
    output: Output<'a>,
    to: To,
    pub(super) columns: usize,
    /// A second result: the first, mapped.
    then: Option<(Mapping<'a>, To)>,
}

#[derive(Clone, Copy)]
enum To {
    Float32(Shared),
    Bfloat16(Shared<u16>),
}

impl To {
    fn new(results: Results<'_>) -> Self {
        match results {
            Results::Float32(values) => To::Float32(Shared::new(values)),
            Results::Bfloat16(halves) => To::Bfloat16(Shared::new(halves)),
        }
    }
}

impl<'a> Sink<'a> {
    /// # Errors
    /// Lengths that do not fit the result, an odd number of channels in bfloat16, whose rows would be filled up.
    pub(super) fn new(output: Output<'a>, to: Results<'_>, columns: usize) -> Result<Self, ShapeError> {
        fits("the number of scales", output.scale.map_or(columns, <[f32]>::len), columns)?;
        fits("the number of biases", output.bias.map_or(columns, <[f32]>::len), columns)?;
        let residual = output.residual.map_or(to.len(), Factors::len);
        fits("the number of values to add", residual, to.len())?;
        if matches!(to, Results::Bfloat16(_)) {
            fits("the number of channels of bfloat16, modulo 2", columns % 2, 0)?;
        }
        if let Some(Factors::Bfloat16(rows)) = output.residual {
            rows.whole()?;
        }
        Ok(Sink { output, to: To::new(to), columns, then: None })
    }

    /// The same with a second result of `len` values as the first.
    ///
    /// # Errors
    /// Lengths or formats that do not fit the first.
    pub(super) fn then(
        self,
        len: usize,
        (mapping, to): (Mapping<'a>, Results<'_>),
    ) -> Result<Self, ShapeError> {
        mapping.check(self.columns)?;
        fits("the number of values of the second result", to.len(), len)?;
        let to = To::new(to);
        match (self.to, to) {
            (To::Float32(_), To::Float32(_)) | (To::Bfloat16(_), To::Bfloat16(_)) => {}
            _ => return Err(mixed()),
        }
        Ok(Sink { then: Some((mapping, to)), ..self })
    }

    /// Sums as they are.
    pub(super) fn sums(to: &mut [f32], columns: usize) -> Self {
        Sink { output: Output::default(), to: To::Float32(Shared::new(to)), columns, then: None }
    }

    /// Where some pixels will be written, and how many slots they take.
    pub(super) fn stretch(&self, pixels: Range<usize>) -> (*const f32, usize) {
        let (first, len) = (pixels.start * self.columns, pixels.len() * self.columns);
        match self.to {
            To::Float32(to) => (to.start().wrapping_add(first), len),
            To::Bfloat16(to) => (to.start().wrapping_add(first).cast(), len / 2),
        }
    }

    /// Writes a tile straight from registers, whose row `r` begins at channel `column` of pixel `pixel(r)`, if the sums are the
    /// result and their width is there; answers whether it did.
    ///
    /// # Safety
    /// The instruction set is there; the pixels are in the result, and nobody else's.
    #[inline(always)]
    pub(super) unsafe fn store_tile<S: Simd, const ROWS: usize>(
        &self,
        sums: &[[S::Vector; 2]; ROWS],
        column: usize,
        pixel: impl Fn(usize) -> usize,
    ) -> bool {
        let Output { scale, bias, residual, relu } = self.output;
        let is_sum = scale.is_none() && bias.is_none() && residual.is_none() && !relu;
        if !is_sum || self.then.is_some() || column + 2 * S::LANES > self.columns {
            return false;
        }
        // Loops that are short enough to be unrolled: sums that are counted through are kept in memory, also while they are made.
        // SAFETY: the caller's.
        unsafe {
            match self.to {
                To::Float32(to) => {
                    for row in 0..ROWS {
                        let to = to.at(pixel(row) * self.columns + column);
                        S::store(to, sums[row][0]);
                        S::store(to.add(S::LANES), sums[row][1]);
                    }
                    true
                }
                To::Bfloat16(to) if S::ROUNDS => {
                    for row in 0..ROWS {
                        let to = to.at(pixel(row) * self.columns + column);
                        S::store_halves(to, sums[row][0]);
                        S::store_halves(to.add(S::LANES), sums[row][1]);
                    }
                    true
                }
                To::Bfloat16(_) => false,
            }
        }
    }

    /// Makes the result of sums of a pixel that begin with channel `column`, and writes those that it has.
    ///
    /// # Safety
    /// The instruction set is there; the pixel is in the result, and nobody else's.
    #[inline(always)]
    pub(super) unsafe fn put<S: Simd, const N: usize>(
        &self,
        mut sums: [S::Vector; N],
        pixel: usize,
        column: usize,
    ) {
        let Output { scale, bias, residual, relu } = self.output;
        let place = pixel * self.columns + column;
        // SAFETY: the caller's; scales and biases have all columns, and the residual all places.
        unsafe {
            if column + N * S::LANES > self.columns {
                return self.put_edge::<S, N>(sums, place, column);
            }
            for nth in 0..N {
                let at = nth * S::LANES;
                if let Some(scale) = scale {
                    sums[nth] = S::multiply(sums[nth], S::load(scale.as_ptr().add(column + at)));
                }
                if let Some(bias) = bias {
                    sums[nth] = S::add(sums[nth], S::load(bias.as_ptr().add(column + at)));
                }
                match residual {
                    Some(Factors::Float32(values)) => {
                        sums[nth] = S::add(sums[nth], S::load(values.as_ptr().add(place + at)));
                    }
                    Some(Factors::Bfloat16(rows)) => {
                        let halves = rows.halves().as_ptr();
                        sums[nth] = S::add(sums[nth], S::load_halves(halves.add(place + at)));
                    }
                    None => {}
                }
                if relu {
                    sums[nth] = S::rectify(sums[nth]);
                }
            }
            self.to.store::<S, N>(sums, place);
            if let Some((mapping, then)) = self.then {
                // As a pass of its own would read them: rounded.
                let mut values = self.to.load::<S, N>(place);
                for nth in 0..N {
                    let at = column + nth * S::LANES;
                    let deviation = S::subtract(values[nth], S::load(mapping.mean.as_ptr().add(at)));
                    let scaled = S::multiply(deviation, S::load(mapping.scale.as_ptr().add(at)));
                    values[nth] = S::add(scaled, S::load(mapping.beta.as_ptr().add(at)));
                    if mapping.relu {
                        values[nth] = S::rectify(values[nth]);
                    }
                }
                then.store::<S, N>(values, place);
            }
        }
    }

    /// The same operations, value by value, of the last channels.
    ///
    /// # Safety
    /// As [`Sink::put`].
    #[inline(always)]
    unsafe fn put_edge<S: Simd, const N: usize>(&self, sums: [S::Vector; N], place: usize, column: usize) {
        let Output { scale, bias, residual, relu } = self.output;
        let mut edge = [0.0f32; WIDEST];
        for nth in 0..N {
            // SAFETY: the caller's; two vectors are no wider than a tile.
            unsafe { S::store(edge.as_mut_ptr().add(nth * S::LANES), sums[nth]) };
        }
        let valid = self.columns - column;
        for (at, value) in edge[..valid].iter_mut().enumerate() {
            if let Some(scale) = scale {
                *value *= scale[column + at];
            }
            if let Some(bias) = bias {
                *value += bias[column + at];
            }
            match residual {
                Some(Factors::Float32(values)) => *value += values[place + at],
                Some(Factors::Bfloat16(rows)) => *value += rows.halves()[place + at].get(),
                None => {}
            }
            if relu && *value < 0.0 {
                *value = 0.0;
            }
        }
        // SAFETY: the caller's.
        unsafe {
            self.to.store_edge::<S, N>(&mut edge, place, valid);
            if let Some((mapping, then)) = self.then {
                for (at, value) in edge[..valid].iter_mut().enumerate() {
                    *value = mapping.of(*value, column + at);
                }
                then.store_edge::<S, N>(&mut edge, place, valid);
            }
        }
    }
}

impl To {
    /// # Safety
    /// The instruction set is there; all values have a place, which is nobody else's.
    #[inline(always)]
    unsafe fn store<S: Simd, const N: usize>(self, values: [S::Vector; N], place: usize) {
        // SAFETY: the caller's.
        unsafe {
            match self {
                To::Float32(to) => {
                    for nth in 0..N {
                        S::store(to.at(place).add(nth * S::LANES), values[nth]);
                    }
                }
                To::Bfloat16(to) => {
                    for nth in 0..N {
                        S::store_halves(to.at(place).add(nth * S::LANES), values[nth]);
                    }
                }
            }
        }
    }

    /// What was stored.
    ///
    /// # Safety
    /// As [`To::store`].
    #[inline(always)]
    unsafe fn load<S: Simd, const N: usize>(self, place: usize) -> [S::Vector; N] {
        // SAFETY: the caller's.
        unsafe {
            let mut values = [S::splat(0.0); N];
            for nth in 0..N {
                values[nth] = match self {
                    To::Float32(to) => S::load(to.at(place).add(nth * S::LANES)),
                    To::Bfloat16(to) => S::load_halves(to.at(place).add(nth * S::LANES)),
                };
            }
            values
        }
    }

    /// The first so many of some vectors, rounded as all others, which they are afterwards.
    ///
    /// # Safety
    /// As [`To::store`], of those.
    #[inline(always)]
    unsafe fn store_edge<S: Simd, const N: usize>(
        self,
        edge: &mut [f32; WIDEST],
        place: usize,
        valid: usize,
    ) {
        // SAFETY: the caller's.
        unsafe {
            match self {
                To::Float32(to) => to.part(place, valid).copy_from_slice(&edge[..valid]),
                To::Bfloat16(to) => {
                    let mut halves = [0; WIDEST];
                    for nth in 0..N {
                        let at = nth * S::LANES;
                        S::store_halves(halves.as_mut_ptr().add(at), S::load(edge.as_ptr().add(at)));
                        S::store(edge.as_mut_ptr().add(at), S::load_halves(halves.as_ptr().add(at)));
                    }
                    to.part(place, valid).copy_from_slice(&halves[..valid]);
                }
            }
        }
    }
}
