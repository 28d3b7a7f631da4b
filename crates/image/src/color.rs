//! Shifting hue, lightness and saturation, byte for byte as OpenCV's 8-bit HLS conversions do there and back.
//!
//! All 2^24 colours agree with `cvtColor` of OpenCV 4.5.5 and 5.0.0 on a machine with fused multiply-add, in both
//! directions. Its builds without it round about one hue in 10,000 to the other neighbour.

use crate::simd::{self, Lanes, Work};

/// What is added to every pixel, in OpenCV's 8-bit units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offsets {
    /// In steps of two degrees; the sum is clamped to 0..=180, it does not wrap around.
    pub hue: i32,
    /// The sum is clamped to 0..=255.
    pub lightness: i32,
    /// The sum is clamped to 0..=255.
    pub saturation: i32,
}

/// Shifts every pixel of `pixels`, (H, W, C).
///
/// A grey pixel's lightness is its value, so with one channel only the lightness is shifted and `hue` and `saturation`
/// mean nothing. MXNet fails on grey images here. All offsets zero is not a copy for RGB: hue has but 180 values.
pub fn shift(pixels: &mut [u8], channels: u32, offsets: Offsets) {
    if channels == 1 {
        for value in pixels {
            *value = (i32::from(*value).saturating_add(offsets.lightness)).clamp(0, 255) as u8;
        }
    } else {
        simd::dispatch(Shift { pixels: pixels.as_chunks_mut().0, offsets });
    }
}

/// Pixels computed side by side.
const BLOCK: usize = 32;

struct Shift<'a> {
    pixels: &'a mut [[u8; 3]],
    offsets: Offsets,
}

impl Work for Shift<'_> {
    #[inline(always)]
    fn run(self, _: impl Lanes) {
        // Floating point holds these exactly, and clamping makes larger ones the same.
        let offset = |value: i32| value.clamp(-255, 255) as f32;
        let Offsets { hue, lightness, saturation } = self.offsets;
        let offsets = [offset(hue), offset(lightness), offset(saturation)];
        for block in self.pixels.chunks_mut(BLOCK) {
            let [mut red, mut green, mut blue] = [[0_u8; BLOCK]; 3];
            for (at, pixel) in block.iter().enumerate() {
                [red[at], green[at], blue[at]] = *pixel;
            }
            for at in 0..BLOCK {
                let [hue, lightness, saturation] =
                    to_hls(f32::from(red[at]), f32::from(green[at]), f32::from(blue[at]));
                let shifted = to_rgb(
                    (hue + offsets[0]).clamp(0.0, 180.0),
                    (lightness + offsets[1]).clamp(0.0, 255.0),
                    (saturation + offsets[2]).clamp(0.0, 255.0),
                );
                [red[at], green[at], blue[at]] = shifted.map(byte);
            }
            for (at, pixel) in block.iter_mut().enumerate() {
                *pixel = [red[at], green[at], blue[at]];
            }
        }
    }
}

/// Pushes the fraction out of the mantissa, ties to even, and the whole number to its low end.
const ROUND: f32 = 12_582_912.0;

/// Rounds to the nearest whole number, ties to even; `value` is within 0..2^22.
#[inline(always)]
fn round(value: f32) -> f32 {
    // Unlike the library's function this needs no instruction of its own.
    (value + ROUND) - ROUND
}

/// Rounds to the nearest byte, ties to even; `value` is within 0..=255.
#[inline(always)]
fn byte(value: f32) -> u8 {
    (value + ROUND).to_bits() as u8
}

/// Whole RGB values 0..=255 to whole hue 0..=180, lightness and saturation 0..=255: OpenCV's `RGB2HLS_b`.
#[inline(always)]
fn to_hls(red: f32, green: f32, blue: f32) -> [f32; 3] {
    const UNIT: f32 = 1.0 / 255.0;
    let (red, green, blue) = (red * UNIT, green * UNIT, blue * UNIT);
    let max = red.max(green).max(blue);
    let min = red.min(green).min(blue);
    let (range, sum) = (max - min, max + min);
    let lightness = sum * 0.5;
    let coloured = range > f32::EPSILON;
    // Anything finite will do for grey.
    let divisor = if coloured { range } else { 1.0 };
    let saturation = range
        / if !coloured {
            1.0
        } else if lightness < 0.5 {
            sum
        } else {
            2.0 - sum
        };
    let (difference, sector) = if max == red {
        (green - blue, if green < blue { 360.0 } else { 0.0 })
    } else if max == green {
        (blue - red, 120.0)
    } else {
        (red - green, 240.0)
    };
    let hue = difference.mul_add(60.0 / divisor, sector) * 0.5;
    [
        if coloured { round(hue) } else { 0.0 },
        round(lightness * 255.0),
        if coloured { round(saturation * 255.0) } else { 0.0 },
    ]
}

/// The way back, still to be rounded: OpenCV's `HLS2RGB_b`.
#[inline(always)]
fn to_rgb(hue: f32, lightness: f32, saturation: f32) -> [f32; 3] {
    const UNIT: f32 = 1.0 / 255.0;
    let (lightness, saturation) = (lightness * UNIT, saturation * UNIT);
    let product = lightness * saturation;
    let spread = if lightness <= 0.5 { product } else { saturation - product };
    let turn = hue * (6.0 / 180.0);
    let passed = |sector: f32| if turn >= sector { 1.0 } else { 0.0 };
    let whole = passed(1.0) + passed(2.0) + passed(3.0) + passed(4.0) + passed(5.0) + passed(6.0);
    // A hue of 180 is a hue of 0.
    let sector = if whole >= 6.0 { 0.0 } else { whole };
    let part = (turn - whole) * 2.0;
    let (high, low) = (lightness + spread, lightness - spread);
    let (falling, rising) = (high - spread * part, low + spread * part);
    let before = |end: f32, yes: f32, no: f32| if sector < end { yes } else { no };
    let red = before(1.0, high, before(2.0, falling, before(4.0, low, before(5.0, rising, high))));
    let green = before(1.0, rising, before(3.0, high, before(4.0, falling, low)));
    let blue = before(2.0, low, before(3.0, rising, before(5.0, high, falling)));
    [red, green, blue].map(|value| (value * 255.0).clamp(0.0, 255.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primary_colours_have_opencvs_numbers() {
        assert_eq!(to_hls(255.0, 0.0, 0.0), [0.0, 128.0, 255.0]);
        assert_eq!(to_hls(0.0, 255.0, 0.0), [60.0, 128.0, 255.0]);
        assert_eq!(to_hls(0.0, 0.0, 255.0), [120.0, 128.0, 255.0]);
        assert_eq!(to_hls(77.0, 77.0, 77.0), [0.0, 77.0, 0.0]);
        assert_eq!(to_rgb(180.0, 128.0, 255.0).map(byte), to_rgb(0.0, 128.0, 255.0).map(byte));
    }
}
