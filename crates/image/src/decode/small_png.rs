//! Small PNGs of the plainest kind, at twice the speed of a decoder that has to be ready for anything.
//!
//! MNIST and its like are tens of thousands of images of some hundred bytes, where setting up costs more than decoding.
//! Anything else, and anything damaged, is left to the general decoder. Checksums are checked.

use crate::{Size, scratch};

/// Above this many bytes of rows the general decoder loses no time.
const MAX_RAW: usize = 64 << 10;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A PNG of 8-bit grey or RGB without interlacing, made of the chunks IHDR, one IDAT and IEND and no others.
pub(super) struct SmallPng<'a> {
    pub size: Size,
    /// 1 or 3.
    pub channels: usize,
    compressed: &'a [u8],
}

impl<'a> SmallPng<'a> {
    /// Reads the chunks; `None` if this is no such PNG.
    pub(super) fn parse(encoded: &'a [u8]) -> Option<Self> {
        let rest = encoded.strip_prefix(SIGNATURE)?;
        let (header, rest) = chunk(b"IHDR", rest)?;
        let (compressed, rest) = chunk(b"IDAT", rest)?;
        chunk(b"IEND", rest)?;
        let [w0, w1, w2, w3, h0, h1, h2, h3, 8, color, 0, 0, 0] = *header else { return None };
        let channels = match color {
            0 => 1,
            2 => 3,
            _ => return None,
        };
        let size = Size::new(u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
        let png = Self { size, channels, compressed };
        png.raw_len().is_some_and(|len| len > 0 && len <= MAX_RAW).then_some(png)
    }

    /// Bytes of all rows, each with its filter's number before it.
    fn raw_len(&self) -> Option<usize> {
        let row = (self.size.width as usize).checked_mul(self.channels)?.checked_add(1)?;
        row.checked_mul(self.size.height as usize)
    }

    /// Inflates and undoes the filters. `None` if something is not as it should be.
    pub(super) fn decode(&self) -> Option<Vec<u8>> {
        // One byte more, so that the inflater comes to the stream's end and checksum.
        let mut raw = scratch::take(self.raw_len()? + 1).ok()?;
        let pixels = self.decode_through(&mut raw);
        scratch::give(raw);
        pixels
    }

    fn decode_through(&self, raw: &mut [u8]) -> Option<Vec<u8>> {
        let mut inflate = fdeflate::Decompressor::new();
        let (read, written) = inflate.read(self.compressed, raw, 0, true).ok()?;
        if read != self.compressed.len() || written + 1 != raw.len() || !inflate.is_done() {
            return None;
        }
        let stride = self.size.width as usize * self.channels;
        let mut pixels = scratch::take(stride * self.size.height as usize).ok()?;
        // Above the first row is a row of zeros.
        let zeros = vec![0; stride];
        let mut above = &*zeros;
        for (row, raw) in pixels.chunks_exact_mut(stride).zip(raw.chunks_exact(stride + 1)) {
            row.copy_from_slice(&raw[1..]);
            match self.channels {
                1 => unfilter::<1>(raw[0], row, above)?,
                _ => unfilter::<3>(raw[0], row, above)?,
            }
            above = row;
        }
        Some(pixels)
    }
}

/// The data of a chunk of that kind at the front of `bytes`, and what follows it. `None` also when its CRC is wrong.
fn chunk<'a>(kind: &[u8; 4], bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (checked, rest) = rest.split_at_checked(length.checked_add(4)?)?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let data = checked.strip_prefix(kind)?;
    (crc32fast::hash(checked) == u32::from_be_bytes(*crc)).then_some((data, rest))
}

/// Undoes one row's filter (PNG specification, section 9) in pixels of `C` bytes; `above` is the finished row before.
fn unfilter<const C: usize>(filter: u8, row: &mut [u8], above: &[u8]) -> Option<()> {
    match filter {
        0 => {}
        1 => predict::<C>(row, above, |left, _, _| left),
        2 => row.iter_mut().zip(above).for_each(|(value, up)| *value = value.wrapping_add(*up)),
        3 => predict::<C>(row, above, |left, up, _| u8::midpoint(left, up)),
        4 => predict::<C>(row, above, paeth),
        _ => return None,
    }
    Some(())
}

/// Adds to each byte what `guess` makes of its neighbours: left, above, and left above.
#[inline(always)]
fn predict<const C: usize>(row: &mut [u8], above: &[u8], guess: impl Fn(u8, u8, u8) -> u8) {
    let (mut left, mut corner) = ([0; C], [0; C]);
    for (pixel, up) in row.as_chunks_mut::<C>().0.iter_mut().zip(above.as_chunks::<C>().0) {
        for at in 0..C {
            pixel[at] = pixel[at].wrapping_add(guess(left[at], up[at], corner[at]));
        }
        (left, corner) = (*pixel, *up);
    }
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, up, corner].map(i16::from);
    let (to_left, to_up, to_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if to_left <= to_up && to_left <= to_corner {
        left
    } else if to_up <= to_corner {
        up
    } else {
        corner
    }
}
