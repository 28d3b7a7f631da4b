//! The one pass over the entropy-coded data: blocks to samples, samples to rows of pixels.

use super::JpegFault;
use super::bits::Bits;
use super::block::{self, Coefficients};
use super::header::Header;
use super::huffman::Table;
use super::idct::{self, Reduced};
use super::kernel::Kernel;
use super::output::Output;
use super::plan::{Plan, Plane};
use super::segments::Segments;
use super::strip::Strip;

/// What the pass reads.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    pub(super) header: &'a Header<'a>,
    pub(super) plan: &'a Plan,
    pub(super) segments: &'a Segments,
    /// Each component's tables: DC, AC.
    pub(super) tables: [[&'a Table; 2]; 3],
}

/// Where the pass is.
struct Cursor<'a> {
    bits: Bits<'a>,
    segment: usize,
    /// Units before the next restart marker, if there are any.
    left: usize,
    /// Each component's last DC coefficient.
    previous: [i32; 3],
    /// All zero between blocks, as far as they are read.
    coefficients: Coefficients,
}

/// One block of a minimum coded unit: its component, and its column and row in the unit.
#[derive(Debug, Clone, Copy)]
struct Block {
    component: usize,
    column: u32,
    row: u32,
}

impl<'a> Scan<'a> {
    /// Decodes the plan's region into `output`, by way of `strips`.
    #[inline(always)]
    pub(super) fn run(
        self,
        kernel: impl Kernel,
        strips: &mut [Strip; 3],
        output: &mut Output,
    ) -> Result<(), JpegFault> {
        let plan = self.plan;
        for (strip, plane) in strips.iter_mut().zip(&plan.planes) {
            strip.prepare(plane);
        }
        let blocks = self.blocks();
        let (mut cursor, first) = self.start();
        let (mut unit_row, mut column) = (first / plan.units_across, first % plan.units_across);
        // Rows of units above the region are stepped over: their DC coefficients count, and where they end.
        while unit_row < plan.unit_row_range.end {
            for (strip, plane) in strips.iter_mut().zip(&plan.planes) {
                strip.enter(unit_row, plane);
            }
            while column < plan.units_across {
                if self.header.restart > 0 {
                    self.restart(&mut cursor)?;
                }
                for &block in &blocks {
                    self.block(&mut cursor, block, unit_row, column, kernel, strips)?;
                }
                column += 1;
            }
            self.check_end(&cursor)?;
            output.emit(kernel, plan, strips, unit_row);
            (unit_row, column) = (unit_row + 1, 0);
        }
        Ok(())
    }

    /// Reads or steps over one block of the unit at `unit_row` and `unit_column`.
    #[inline(always)]
    fn block(
        &self,
        cursor: &mut Cursor,
        block: Block,
        unit_row: u32,
        unit_column: u32,
        kernel: impl Kernel,
        strips: &mut [Strip; 3],
    ) -> Result<(), JpegFault> {
        let component = block.component;
        let plane: &Plane = &self.plan.planes[component];
        let [dc, ac] = self.tables[component];
        let previous = &mut cursor.previous[component];
        let column = unit_column * plane.h + block.column;
        let row = unit_row * plane.v + block.row;
        if !plane.columns.contains(&column) || !plane.rows.contains(&row) {
            return block::skip(&mut cursor.bits, dc, ac, previous);
        }
        let coefficients = &mut cursor.coefficients;
        let flat = block::read(&mut cursor.bits, dc, ac, previous, coefficients)?;
        let quant = &self.header.components[component].quant;
        let samples = match plane.size {
            _ if flat => [[idct::flat(coefficients[0], quant[0]); 8]; 8],
            8 => kernel.transform(coefficients, quant),
            4 => Reduced::Four.transform(coefficients, quant),
            2 => Reduced::Two.transform(coefficients, quant),
            _ => Reduced::One.transform(coefficients, quant),
        };
        coefficients[..64].fill(0);
        strips[component].store(column - plane.columns.start, block.row, plane.size as usize, &samples);
        Ok(())
    }

    /// The blocks of a unit in the order of the file.
    fn blocks(&self) -> Vec<Block> {
        let of = |(component, plane): (usize, &Plane)| {
            let (h, v) = (plane.h, plane.v);
            (0..v).flat_map(move |row| (0..h).map(move |column| Block { component, column, row }))
        };
        self.plan.planes.iter().enumerate().flat_map(of).collect()
    }

    /// The first unit to look at, behind the last restart marker before what is needed.
    fn start(&self) -> (Cursor<'a>, u32) {
        let restart = self.header.restart;
        let needed = self.plan.unit_row_range.start as usize * self.plan.units_across as usize;
        // A marker that the file lacks is found missing when the pass comes to its place.
        let segment = needed.checked_div(restart).unwrap_or(0).min(self.segments.len() - 1);
        let cursor = Cursor {
            bits: Bits::new(self.segments.bytes(), self.segments.start(segment)),
            segment,
            left: restart,
            previous: [0; 3],
            coefficients: [0; 256],
        };
        (cursor, (segment * restart) as u32)
    }

    /// Goes behind the next restart marker when it is due.
    #[inline(always)]
    fn restart(&self, cursor: &mut Cursor<'a>) -> Result<(), JpegFault> {
        if cursor.left == 0 {
            self.check_end(cursor)?;
            cursor.segment += 1;
            if cursor.segment == self.segments.len() {
                return Err(JpegFault::Truncated);
            }
            cursor.bits = Bits::new(self.segments.bytes(), self.segments.start(cursor.segment));
            cursor.left = self.header.restart;
            cursor.previous = [0; 3];
        }
        cursor.left -= 1;
        Ok(())
    }

    /// Errors when more bits were taken than the segment has.
    fn check_end(&self, cursor: &Cursor) -> Result<(), JpegFault> {
        let fits = cursor.bits.position() <= self.segments.end_bit(cursor.segment);
        if fits { Ok(()) } else { Err(JpegFault::Truncated) }
    }
}
