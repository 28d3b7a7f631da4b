//! Rows of pixels, as soon as the samples they need are there.

use super::colour;
use super::header::Colour;
use super::kernel::Kernel;
use super::plan::Plan;
use super::strip::Strip;
use super::upsample::Line;

/// The pixels made so far.
pub(super) struct Output<'a> {
    pub(super) colour: Colour,
    /// 1 or 3.
    pub(super) channels: u32,
    pub(super) lines: &'a mut [Line; 3],
    /// The next row of the image.
    pub(super) next: u32,
    pub(super) pixels: Vec<u8>,
}

impl Output<'_> {
    /// Appends the rows of the plan's region that `strips`, now holding `unit_row`, complete.
    #[inline(always)]
    pub(super) fn emit(&mut self, kernel: impl Kernel, plan: &Plan, strips: &[Strip; 3], unit_row: u32) {
        let ready = ((unit_row + 1) * plan.unit_rows).min(plan.height);
        // The last row waits for the samples below it, unless there are none.
        let waits = plan.looks_down && ready < plan.height;
        let end = (ready - u32::from(waits)).min(plan.region.top + plan.region.height);
        while self.next < end {
            self.row(kernel, plan, strips, self.next);
            self.next += 1;
        }
    }

    #[inline(always)]
    fn row(&mut self, kernel: impl Kernel, plan: &Plan, strips: &[Strip; 3], y: u32) {
        let [first, second, third] = &mut *self.lines;
        let (planes, region, out) = (&plan.planes, plan.region, &mut self.pixels);
        let first = first.row(&planes[0], &strips[0], region, y);
        match (self.colour, self.channels) {
            (Colour::Grey | Colour::YCbCr, 1) => return out.extend_from_slice(first),
            (Colour::Grey, _) => return colour::from_grey(kernel, first, out),
            _ => {}
        }
        let second = second.row(&planes[1], &strips[1], region, y);
        let third = third.row(&planes[2], &strips[2], region, y);
        match (self.colour, self.channels) {
            (Colour::Rgb, 1) => colour::grey_from_rgb(first, second, third, out),
            (Colour::Rgb, _) => colour::from_rgb(kernel, first, second, third, out),
            _ => colour::from_ycbcr(kernel, first, second, third, out),
        }
    }
}
