//! Binary graymaps and pixmaps of 8 bits (P5, P6), read where they lie.
//!
//! MNIST's IDX images reach us as such graymaps, so this is a short way on purpose. Other kinds of PNM, and damaged
//! ones, are left to the general decoder.

use crate::{Region, Size};

/// A P5 or P6 image whose samples are complete.
pub(super) struct Raster<'a> {
    pub size: Size,
    /// 1 or 3.
    pub channels: usize,
    samples: &'a [u8],
}

impl<'a> Raster<'a> {
    /// Reads the header. `None` for anything but 255 grey levels and all the samples there.
    pub(super) fn parse(encoded: &'a [u8]) -> Option<Self> {
        let channels = match encoded.get(..2)? {
            b"P5" => 1,
            b"P6" => 3,
            _ => return None,
        };
        let mut header = Header { rest: &encoded[2..] };
        let size = Size::new(header.number()?, header.number()?);
        if header.number()? != 255 {
            return None;
        }
        // One blank ends the header.
        let samples = header.rest.get(1..)?;
        // The product of 32-bit numbers fits 64 bits; three times that does not.
        let pixels = u64::from(size.width) * u64::from(size.height);
        let fits = pixels > 0 && pixels <= (samples.len() / channels) as u64;
        fits.then_some(Self { size, channels, samples })
    }

    /// Copies a region, which lies inside.
    pub(super) fn copy(&self, region: Region, out: &mut Vec<u8>) {
        out.clear();
        let bytes = |pixels: u32| pixels as usize * self.channels;
        let rows = self.samples.chunks_exact(bytes(self.size.width));
        for row in rows.skip(region.top as usize).take(region.height as usize) {
            out.extend_from_slice(&row[bytes(region.left)..][..bytes(region.width)]);
        }
    }
}

struct Header<'a> {
    rest: &'a [u8],
}

impl Header<'_> {
    /// The next number, behind blanks and comments.
    fn number(&mut self) -> Option<u32> {
        loop {
            match self.rest {
                [b'#', ..] => {
                    let end = self.rest.iter().position(|byte| *byte == b'\n')?;
                    self.rest = &self.rest[end..];
                }
                [byte, rest @ ..] if byte.is_ascii_whitespace() => self.rest = rest,
                _ => break,
            }
        }
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        std::str::from_utf8(number).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_may_have_comments_and_any_blanks() {
        let raster = Raster::parse(b"P5 # width\n2\t# height 9\n 3\n255\nabcdef and more").unwrap();
        assert_eq!((raster.size, raster.channels), (Size::new(2, 3), 1));
        let mut out = vec![7];
        raster.copy(Region { left: 1, top: 1, width: 1, height: 2 }, &mut out);
        assert_eq!(out, b"df");
    }

    #[test]
    fn what_is_not_complete_and_simple_is_left_to_others() {
        for bytes in ["", "P", "P5", "P5 2 3 255\nabcde", "P4 1 1 255\na", "P5 1 1 254\na", "P5 0 1 255\na"] {
            assert!(Raster::parse(bytes.as_bytes()).is_none(), "{bytes:?}");
        }
        assert!(Raster::parse(b"P6 4294967295 4294967295 255\nabc").is_none());
        assert!(Raster::parse(b"P5 99999999999 1 255\nabc").is_none());
    }
}
