//! From what a decoder yields to 8-bit grey or RGB.

use image::ColorType;

use crate::Format;

/// Reduces every sample to 8 bits.
///
/// 16 bits keep the high byte, as libpng's `png_set_strip_16` does for OpenCV; of TIFF they are scaled and rounded to
/// nearest, as libtiff does. Floating point (TIFF) is taken as 0..1, clamped and rounded to nearest.
pub(super) fn eight_bit(data: Vec<u8>, color: ColorType, format: Format) -> Vec<u8> {
    let components = usize::from(color.channel_count());
    // The decoder writes samples in the machine's byte order.
    match usize::from(color.bytes_per_pixel()) / components.max(1) {
        2 => {
            let samples = data.as_chunks().0.iter().map(|sample| u16::from_ne_bytes(*sample));
            if format == Format::Tiff {
                samples.map(|sample| ((u32::from(sample) + 128) / 257) as u8).collect()
            } else {
                samples.map(|sample| sample.to_be_bytes()[0]).collect()
            }
        }
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
pub(super) fn channels(data: Vec<u8>, from: usize, to: u32, format: Format) -> Vec<u8> {
    let luma = match format {
        Format::Png => libpng_luma,
        Format::Webp | Format::Gif => cvtcolor_luma,
        _ => imgcodecs_luma,
    };
    match (from, to) {
        (1, 1) | (3, 3) => data,
        (2, 1) => data.as_chunks::<2>().0.iter().map(|[value, _]| *value).collect(),
        (3, 1) => data.as_chunks::<3>().0.iter().map(|pixel| luma(*pixel)).collect(),
        (4, 1) => data.as_chunks::<4>().0.iter().map(|[r, g, b, _]| luma([*r, *g, *b])).collect(),
        (1, _) => data.iter().flat_map(|value| [*value; 3]).collect(),
        (2, _) => data.as_chunks::<2>().0.iter().flat_map(|[value, _]| [*value; 3]).collect(),
        _ => data.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect(),
    }
}

/// ITU-R 601 luma, 0.299 R + 0.587 G + 0.114 B, in the 14-bit fixed point of OpenCV's image readers (`utils.cpp`),
/// rounded to nearest. The weights sum to 1 << 14, so the result cannot exceed 255; likewise below.
fn imgcodecs_luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 4_899 + u32::from(g) * 9_617 + u32::from(b) * 1_868 + (1 << 13)) >> 14) as u8
}

/// The same in the 15 bits of OpenCV's `cvtColor`, which its readers of animations call.
fn cvtcolor_luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 9_798 + u32::from(g) * 19_235 + u32::from(b) * 3_735 + (1 << 14)) >> 15) as u8
}

/// The same in libpng's 15 bits, truncated (`png_do_rgb_to_gray`): what OpenCV has a PNG converted by.
fn libpng_luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 9_797 + u32::from(g) * 19_234 + u32::from(b) * 3_737) >> 15) as u8
}
