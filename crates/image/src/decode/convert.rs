//! From what a decoder yields to 8-bit grey or RGB.

use image::ColorType;

/// Reduces every sample to 8 bits.
///
/// 16 bits keep the high byte, as libpng's `png_set_strip_16` does for OpenCV. Floating point (TIFF) is taken as
/// 0..1, clamped and rounded to nearest.
pub(super) fn eight_bit(data: Vec<u8>, color: ColorType) -> Vec<u8> {
    let components = usize::from(color.channel_count());
    match usize::from(color.bytes_per_pixel()) / components.max(1) {
        // The decoder writes samples in the machine's byte order.
        2 => data.as_chunks().0.iter().map(|sample| u16::from_ne_bytes(*sample).to_be_bytes()[0]).collect(),
        4 => data
            .as_chunks()
            .0
            .iter()
            .map(|sample| (f32::from_ne_bytes(*sample) * 255.0).round() as u8)
            .collect(),
        _ => data,
    }
}

/// Drops alpha and converts between grey and RGB; `from` is 1..=4 components, `to` is 1 or 3.
pub(super) fn channels(data: Vec<u8>, from: usize, to: u32) -> Vec<u8> {
    match (from, to) {
        (1, 1) | (3, 3) => data,
        (2, 1) => data.as_chunks::<2>().0.iter().map(|[value, _]| *value).collect(),
        (3, 1) => data.as_chunks::<3>().0.iter().map(|[r, g, b]| luma(*r, *g, *b)).collect(),
        (4, 1) => data.as_chunks::<4>().0.iter().map(|[r, g, b, _]| luma(*r, *g, *b)).collect(),
        (1, _) => data.iter().flat_map(|value| [*value; 3]).collect(),
        (2, _) => data.as_chunks::<2>().0.iter().flat_map(|[value, _]| [*value; 3]).collect(),
        _ => data.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect(),
    }
}

/// ITU-R 601 luma: 0.299 R + 0.587 G + 0.114 B in 16-bit fixed point, rounded to nearest. Pillow's `L` conversion uses
/// the same weights and rounding; OpenCV's 14-bit weights differ from it by one at most.
fn luma(r: u8, g: u8, b: u8) -> u8 {
    // The weights sum to 1 << 16, so the result cannot exceed 255.
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + (1 << 15)) >> 16) as u8
}
