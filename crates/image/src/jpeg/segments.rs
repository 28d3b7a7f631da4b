//! The entropy-coded bytes without stuffing, cut at the restart markers.

use super::JpegFault;

/// Zeros after the last byte, so that the last real bits can be loaded eight bytes at a time.
const PADDING: usize = 16;

/// The bytes of one scan. Kept between images for its memory.
#[derive(Default)]
pub(super) struct Segments {
    bytes: Vec<u8>,
    /// The end of each segment in `bytes`; one more segment than there are restart markers.
    ends: Vec<usize>,
}

impl Segments {
    /// Fills from `scan`, up to the EOI marker, which must be there: a file without it has been cut short.
    ///
    /// Errors on any marker but EOI and the restart markers in their order.
    pub(super) fn fill(&mut self, scan: &[u8]) -> Result<(), JpegFault> {
        self.bytes.clear();
        self.ends.clear();
        let mut rest = scan;
        loop {
            let plain = memchr::memchr(0xff, rest).unwrap_or(rest.len());
            self.bytes.extend_from_slice(&rest[..plain]);
            rest = &rest[plain..];
            // Fill bytes may precede a marker.
            while let [0xff, 0xff, ..] = rest {
                rest = &rest[1..];
            }
            match *rest {
                [0xff, 0, ..] => self.bytes.push(0xff),
                [0xff, 0xd9, ..] => break,
                [0xff, marker, ..] if usize::from(marker) == 0xd0 + self.ends.len() % 8 => {
                    self.ends.push(self.bytes.len());
                }
                [0xff, marker, ..] => return Err(JpegFault::Marker { found: marker }),
                _ => return Err(JpegFault::Truncated),
            }
            rest = &rest[2..];
        }
        self.ends.push(self.bytes.len());
        self.bytes.extend_from_slice(&[0; PADDING]);
        Ok(())
    }

    /// All bytes, the padding included.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bits of all segments together.
    pub(super) fn bits(&self) -> u64 {
        self.bytes.len().saturating_sub(PADDING) as u64 * 8
    }

    /// How many segments there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bits before the end of segment `index`.
    pub(super) fn end_bit(&self, index: usize) -> usize {
        self.ends.get(index).map_or(0, |end| end * 8)
    }

    /// The first byte of segment `index`.
    pub(super) fn start(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }
}
