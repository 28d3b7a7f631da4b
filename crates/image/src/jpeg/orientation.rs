//! The Exif orientation of a JPEG.

/// The tag of the orientation, Exif 2.3 table 4.
const TAG: u16 = 0x0112;
/// The type code of a 16-bit unsigned number, TIFF 6.0 page 15.
const SHORT: u16 = 3;

/// Reads the orientation 1..=8 from the payload of an APP1 segment.
///
/// The payload is `Exif`, two zero bytes and a TIFF file, of which only the first directory counts. `None` when it is
/// not Exif, broken, or without a valid orientation.
pub(super) fn read(payload: &[u8]) -> Option<u8> {
    let tiff = Tiff::open(payload.strip_prefix(b"Exif\0\0")?)?;
    let directory = usize::try_from(tiff.long(4)?).ok()?;
    let entries = usize::from(tiff.short(directory)?);
    let found = (0..entries).map_while(|entry| directory.checked_add(2 + 12 * entry)).find_map(|at| {
        let matches = tiff.short(at)? == TAG && tiff.short(at + 2)? == SHORT;
        matches.then(|| tiff.short(at + 8))?
    })?;
    u8::try_from(found).ok().filter(|value| (1..=8).contains(value))
}

/// Bytes with an order of their own.
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        let little = match bytes.first_chunk()? {
            b"II\x2a\0" => true,
            b"MM\0\x2a" => false,
            _ => return None,
        };
        Some(Self { bytes, little })
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}
