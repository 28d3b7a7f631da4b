//! Memory that one thread keeps from image to image.

use std::cell::RefCell;

use super::JpegFault;
use super::dispatch::run;
use super::header::Header;
use super::huffman::{Class, Spec, Table};
use super::output::Output;
use super::plan::Plan;
use super::scan::Scan;
use super::segments::Segments;
use super::strip::Strip;
use super::upsample::Line;

/// Tables and buffers. Most files have the example tables of T.81 annex K, so the last tables often fit again.
#[derive(Default)]
struct Scratch {
    dc: [Option<Box<Table>>; 4],
    ac: [Option<Box<Table>>; 4],
    segments: Segments,
    strips: [Strip; 3],
    lines: [Line; 3],
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Decodes the region of `plan` into rows of `channels` values a pixel.
pub(super) fn decode(header: &Header, plan: &Plan, channels: u32) -> Result<Vec<u8>, JpegFault> {
    SCRATCH.with_borrow_mut(|scratch| scratch.decode(header, plan, channels))
}

impl Scratch {
    fn decode(&mut self, header: &Header, plan: &Plan, channels: u32) -> Result<Vec<u8>, JpegFault> {
        self.segments.fill(header.scan)?;
        if self.segments.bits() < plan.least_bits() {
            return Err(JpegFault::Truncated);
        }
        for component in &header.components {
            prepare(&mut self.dc[component.dc_id], Class::Dc, component.dc);
            prepare(&mut self.ac[component.ac_id], Class::Ac, component.ac);
        }
        let Self { dc, ac, segments, strips, lines } = self;
        let mut tables = Vec::with_capacity(3);
        for component in &header.components {
            if let (Some(dc), Some(ac)) = (&dc[component.dc_id], &ac[component.ac_id]) {
                tables.push([&**dc, &**ac]);
            }
        }
        let last = *tables.last().ok_or(JpegFault::Code)?;
        tables.resize(3, last);
        let tables = [tables[0], tables[1], tables[2]];
        let region = plan.region;
        let length = region.width as usize * region.height as usize * channels as usize;
        let mut pixels = Vec::new();
        pixels.try_reserve_exact(length).map_err(|_| JpegFault::Memory { bytes: length })?;
        let mut output = Output { colour: header.colour, channels, lines, next: region.top, pixels };
        run(Scan { header, plan, segments, tables }, strips, &mut output)?;
        Ok(output.pixels)
    }
}

/// Makes `slot` hold the table of `spec`.
fn prepare(slot: &mut Option<Box<Table>>, class: Class, spec: Spec) {
    if !slot.as_ref().is_some_and(|table| table.is_of(spec)) {
        *slot = Some(Box::new(Table::new(class, spec)));
    }
}
