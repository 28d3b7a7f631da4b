//! From component values to pixels: libjpeg's jdcolor.c, in 16-bit fixed point.

use super::kernel::Kernel;

#[cfg(target_arch = "x86_64")]
mod avx2;

/// Pixels converted together.
pub(super) const LANES: usize = 32;

/// Appends RGB pixels made of rows of Y, Cb and Cr.
#[inline(always)]
pub(super) fn from_ycbcr(kernel: impl Kernel, y: &[u8], cb: &[u8], cr: &[u8], out: &mut Vec<u8>) {
    chunked(kernel, [y, cb, cr], out, |[y, cb, cr]| {
        let mut rgb = [[0; LANES]; 3];
        for lane in 0..LANES {
            let (y, cb, cr) = (i16::from(y[lane]), i16::from(cb[lane]) - 128, i16::from(cr[lane]) - 128);
            // 1.40200 x Cr and 1.77200 x Cb, rounded. The whole part is added apart, so that the rest fits 16 bits.
            let red = y + cr + rounded(2 * cr, 26_345);
            let blue = y + 2 * cb + rounded(2 * cb, -14_942);
            // 0.34414 x Cb + 0.71414 x Cr: rounded together.
            let fall = (i32::from(cb) * -22_554 + i32::from(cr) * 18_734 + 32_768) >> 16;
            let green = y - cr + fall as i16;
            rgb[0][lane] = red.clamp(0, 255) as u8;
            rgb[1][lane] = green.clamp(0, 255) as u8;
            rgb[2][lane] = blue.clamp(0, 255) as u8;
        }
        rgb
    });
}

/// Half of `twice`, times `factor` / 65536, rounded to nearest, halves upwards.
#[inline(always)]
fn rounded(twice: i16, factor: i16) -> i16 {
    (((i32::from(twice) * i32::from(factor)) >> 16) as i16 + 1) >> 1
}

/// Appends RGB pixels made of rows of R, G and B.
#[inline(always)]
pub(super) fn from_rgb(kernel: impl Kernel, r: &[u8], g: &[u8], b: &[u8], out: &mut Vec<u8>) {
    chunked(kernel, [r, g, b], out, |[r, g, b]| [*r, *g, *b]);
}

/// Appends RGB pixels made of a row of grey.
#[inline(always)]
pub(super) fn from_grey(kernel: impl Kernel, grey: &[u8], out: &mut Vec<u8>) {
    from_rgb(kernel, grey, grey, grey, out);
}

/// Appends grey pixels made of rows of R, G and B: 0.299 R + 0.587 G + 0.114 B.
#[inline(always)]
pub(super) fn grey_from_rgb(r: &[u8], g: &[u8], b: &[u8], out: &mut Vec<u8>) {
    out.extend(r.iter().zip(g).zip(b).map(|((&r, &g), &b)| {
        ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 32_768) >> 16) as u8
    }));
}

/// Converts `rows` of equal length by pieces of a fixed one and appends the channels interleaved.
#[inline(always)]
fn chunked(
    kernel: impl Kernel,
    rows: [&[u8]; 3],
    out: &mut Vec<u8>,
    convert: impl Fn([&[u8; LANES]; 3]) -> [[u8; LANES]; 3],
) {
    let [a, b, c] = rows;
    let ((a, a_rest), (b, b_rest), (c, c_rest)) =
        (a.as_chunks::<LANES>(), b.as_chunks::<LANES>(), c.as_chunks::<LANES>());
    for ((a, b), c) in a.iter().zip(b).zip(c) {
        out.extend_from_slice(kernel.interleave(&convert([a, b, c])).as_flattened());
    }
    let mut rest = [[0; LANES]; 3];
    for (padded, rest) in rest.iter_mut().zip([a_rest, b_rest, c_rest]) {
        padded[..rest.len()].copy_from_slice(rest);
    }
    let [a, b, c] = &rest;
    out.extend_from_slice(kernel.interleave(&convert([a, b, c]))[..a_rest.len()].as_flattened());
}

/// Pixels of three channels.
#[inline(always)]
pub(super) fn interleave([r, g, b]: &[[u8; LANES]; 3]) -> [[u8; 3]; LANES] {
    let mut pixels = [[0; 3]; LANES];
    for lane in 0..LANES {
        pixels[lane] = [r[lane], g[lane], b[lane]];
    }
    pixels
}
