//! What layers take and give: float32, or bfloat16 whose products are summed in float32.

use rayon::prelude::*;

use crate::error::{fits, mixed};
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Path, ShapeError};

/// The number format of factors and of results. Sums, statistics and weights' gradients are float32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// As they come.
    #[default]
    Float32,
    /// Rounded to 8 bits of mantissa. The processor may flush subnormal products to 0 (AVX-512 BF16 does).
    Bfloat16,
}

impl Format {
    /// Factors of 32 bits.
    pub(crate) fn per_slot(self) -> usize {
        match self {
            Format::Float32 => 1,
            Format::Bfloat16 => 2,
        }
    }

    /// 32-bit slots of so many factors: the last pair may be half empty.
    pub fn slots(self, factors: usize) -> usize {
        factors.div_ceil(self.per_slot())
    }

    /// Whether this processor multiplies it faster than float32 with these instructions.
    pub fn is_fast(self, path: Path) -> bool {
        self == Format::Float32 || simd::has_pairs(path)
    }
}

/// Rows of bfloat16, each filled up to whole pairs with 0.
#[derive(Debug)]
pub struct Halves {
    /// Pairs, the first factor in the lower half.
    slots: Buffer,
    columns: usize,
}

/// Values that are rounded at a time.
const PIECE: usize = 1 << 14;

impl Halves {
    /// Rows of `columns` values, to nearest and to even.
    pub fn of(path: Path, values: &[f32], columns: usize) -> Self {
        let columns = columns.max(1);
        let width = 2 * Format::Bfloat16.slots(columns);
        let rows = values.len() / columns;
        let mut slots = Buffer::new(rows * width / 2);
        let (to, at_once) = (Shared::new(&mut slots), (PIECE / columns).max(1));
        values[..rows * columns].par_chunks(at_once * columns).enumerate().for_each(|(index, from)| {
            // SAFETY: each piece is its own part.
            let to = unsafe { to.part(index * at_once * width / 2, from.len() / columns * width / 2) };
            simd::run(path, Round { from, to: as_halves_mut(to), columns });
        });
        Halves { slots, columns }
    }

    /// Their memory, pairs row after row.
    pub fn into_slots(self) -> Buffer {
        self.slots
    }

    /// All rows.
    pub fn rows(&self) -> HalfRows<'_> {
        HalfRows { slots: &self.slots, columns: self.columns }
    }
}

/// The rows of [`Halves`], or of other memory.
#[derive(Clone, Copy, Debug)]
pub struct HalfRows<'a> {
    slots: &'a [f32],
    columns: usize,
}

impl<'a> HalfRows<'a> {
    /// Rows of `columns` values in pairs, the first in the lower half of its slot.
    pub fn new(slots: &'a [f32], columns: usize) -> Self {
        HalfRows { slots, columns: columns.max(1) }
    }

    /// Pairs, row after row.
    pub(crate) fn slots(self) -> &'a [f32] {
        self.slots
    }

    /// Rows of halves that have a multiple of two columns.
    pub(crate) fn halves(self) -> &'a [u16] {
        as_halves(self.slots)
    }

    /// Values without filling.
    pub fn len(self) -> usize {
        self.slots.len() / Format::Bfloat16.slots(self.columns) * self.columns
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.slots.is_empty()
    }

    /// The halves of rows that are not filled up.
    pub(crate) fn whole(self) -> Result<&'a [u16], ShapeError> {
        fits("the number of halves", self.len(), self.halves().len())?;
        Ok(self.halves())
    }

    /// The values.
    pub fn to_f32(self) -> Buffer {
        let mut values = Buffer::new(self.len());
        let rows = self.halves().chunks_exact(2 * Format::Bfloat16.slots(self.columns));
        for (to, row) in values.chunks_exact_mut(self.columns).zip(rows) {
            to.iter_mut().zip(row).for_each(|(to, &half)| *to = widen(half));
        }
        values
    }
}

/// What a layer takes: the factors of one side of products, or values as such.
#[derive(Clone, Copy, Debug)]
pub enum Factors<'a> {
    /// Float32.
    Float32(&'a [f32]),
    /// Rounded before.
    Bfloat16(HalfRows<'a>),
}

impl<'a> Factors<'a> {
    pub(crate) fn format(self) -> Format {
        match self {
            Factors::Float32(_) => Format::Float32,
            Factors::Bfloat16(_) => Format::Bfloat16,
        }
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Factors::Float32(values) => values.len(),
            Factors::Bfloat16(halves) => halves.len(),
        }
    }

    /// Values of float32.
    ///
    /// # Errors
    /// The other format.
    pub(crate) fn single(self) -> Result<&'a [f32], ShapeError> {
        match self {
            Factors::Float32(values) => Ok(values),
            Factors::Bfloat16(_) => Err(mixed()),
        }
    }

    /// Values of bfloat16, of rows that are not filled up.
    ///
    /// # Errors
    /// The other format, or rows that are.
    pub(crate) fn half(self) -> Result<&'a [u16], ShapeError> {
        match self {
            Factors::Float32(_) => Err(mixed()),
            Factors::Bfloat16(rows) => rows.whole(),
        }
    }

    /// Values, or pairs of them.
    pub(crate) fn slots(self) -> &'a [f32] {
        match self {
            Factors::Float32(values) => values,
            Factors::Bfloat16(halves) => halves.slots(),
        }
    }
}

impl<'a> From<&'a [f32]> for Factors<'a> {
    fn from(values: &'a [f32]) -> Self {
        Factors::Float32(values)
    }
}

impl<'a> From<&'a Vec<f32>> for Factors<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        Factors::Float32(values)
    }
}

impl<'a> From<HalfRows<'a>> for Factors<'a> {
    fn from(rows: HalfRows<'a>) -> Self {
        Factors::Bfloat16(rows)
    }
}

impl<'a> From<&'a Halves> for Factors<'a> {
    fn from(halves: &'a Halves) -> Self {
        Factors::Bfloat16(halves.rows())
    }
}

/// What a layer gives.
#[derive(Debug)]
pub enum Results<'a> {
    /// Float32.
    Float32(&'a mut [f32]),
    /// Rounded to nearest and to even when they are written; of an even number of channels. The processor may make 0 of those
    /// that are subnormal, as of products.
    Bfloat16(&'a mut [u16]),
}

impl<'a> Results<'a> {
    /// Room for pairs, as results of a format.
    pub fn of(format: Format, slots: &'a mut [f32]) -> Self {
        match format {
            Format::Float32 => Results::Float32(slots),
            Format::Bfloat16 => Results::Bfloat16(as_halves_mut(slots)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Results::Float32(values) => values.len(),
            Results::Bfloat16(halves) => halves.len(),
        }
    }
}

impl<'a> From<&'a mut [f32]> for Results<'a> {
    fn from(values: &'a mut [f32]) -> Self {
        Results::Float32(values)
    }
}

impl<'a> From<&'a mut Vec<f32>> for Results<'a> {
    fn from(values: &'a mut Vec<f32>) -> Self {
        Results::Float32(values)
    }
}

impl<'a> From<&'a mut Buffer> for Results<'a> {
    fn from(values: &'a mut Buffer) -> Self {
        Results::Float32(values)
    }
}

/// A value as it is kept.
pub(crate) trait Element: Copy + Send + Sync {
    /// The value.
    fn get(self) -> f32;
    /// The nearest.
    fn of(value: f32) -> Self;
    /// A vector of values.
    ///
    /// # Safety
    /// The instruction set is there, and so many values from `from` on.
    unsafe fn load<S: Simd>(from: *const Self) -> S::Vector;
}

impl Element for f32 {
    #[inline(always)]
    fn get(self) -> f32 {
        self
    }

    #[inline(always)]
    fn of(value: f32) -> f32 {
        value
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const f32) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::load(from) }
    }
}

/// A bfloat16.
impl Element for u16 {
    #[inline(always)]
    fn get(self) -> f32 {
        widen(self)
    }

    #[inline(always)]
    fn of(value: f32) -> u16 {
        round(value)
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const u16) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::load_halves(from) }
    }
}

/// Slots as the halves that they hold: the lower first, as on every processor that stores the lowest byte first.
pub(crate) fn as_halves(slots: &[f32]) -> &[u16] {
    // SAFETY: 32 bits are two of 16 bits of a lesser alignment, and any bits are both.
    unsafe { std::slice::from_raw_parts(slots.as_ptr().cast(), 2 * slots.len()) }
}

/// As [`as_halves`].
pub(crate) fn as_halves_mut(slots: &mut [f32]) -> &mut [u16] {
    // SAFETY: as above, and borrowed by nobody else.
    unsafe { std::slice::from_raw_parts_mut(slots.as_mut_ptr().cast(), 2 * slots.len()) }
}

/// The nearest bfloat16, of two the even one; what is no number stays none.
#[inline(always)]
pub(crate) fn round(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    // A payload in the lower half would round to infinity.
    let quiet = bits >> 16 | 0x40;
    (if value.is_nan() { quiet } else { rounded }) as u16
}

/// The same as float32.
#[inline(always)]
pub(crate) fn widen(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// Rounds rows.
pub(crate) struct Round<'a> {
    pub(crate) from: &'a [f32],
    pub(crate) to: &'a mut [u16],
    pub(crate) columns: usize,
}

impl Kernel for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let width = self.columns.next_multiple_of(2);
        if width == self.columns {
            for (to, &value) in self.to.iter_mut().zip(self.from) {
                *to = round(value);
            }
            return;
        }
        for (to, from) in self.to.chunks_exact_mut(width).zip(self.from.chunks_exact(self.columns)) {
            to[self.columns] = 0;
            for (to, &value) in to.iter_mut().zip(from) {
                *to = round(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_to_the_nearest() {
        let cases = [
            (0.0, 0.0),
            (-1.5, -1.5),
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 3.0 / 256.0, 1.0 + 1.0 / 64.0),
            (1.004, 1.0078125),
            (f32::MAX, f32::INFINITY),
            (f32::NEG_INFINITY, f32::NEG_INFINITY),
        ];
        for (value, expected) in cases {
            assert_eq!(widen(round(value)).to_bits(), expected.to_bits(), "{value}");
        }
        assert!(widen(round(f32::from_bits(0x7f80_0001))).is_nan());
    }

    #[test]
    fn rows_are_filled_up_to_pairs() {
        for path in Path::all() {
            for columns in [1, 2, 3, 64, 147] {
                let values: Vec<f32> = (0..7 * columns).map(|index| index as f32).collect();
                let halves = Halves::of(path, &values, columns);
                assert_eq!(
                    (halves.rows().len(), halves.rows().slots().len()),
                    (values.len(), 7 * columns.div_ceil(2))
                );
                let expected: Vec<f32> = values.iter().map(|&value| widen(round(value))).collect();
                assert_eq!(halves.rows().to_f32()[..], expected, "{path}, {columns}");
                let rows = halves.rows().halves().chunks_exact(columns.next_multiple_of(2));
                assert!(rows.flat_map(|row| &row[columns..]).all(|&half| half == 0));
            }
        }
    }
}
