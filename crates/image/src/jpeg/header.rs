//! The marker segments up to the entropy-coded data.

use super::huffman::Spec;
use super::orientation;

/// The order in which a block's coefficients are stored, ITU-T T.81 figure A.6: zigzag index to row x 8 + column.
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A scan may hold this many blocks a minimum coded unit, T.81 B.2.3.
const MOST_BLOCKS: u32 = 10;

/// What the samples stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    YCbCr,
    Rgb,
}

/// One component of the frame, with the tables its scan uses.
#[derive(Debug, Clone)]
pub(super) struct Component<'a> {
    /// Blocks a minimum coded unit, sideways and downwards.
    pub(super) h: u32,
    pub(super) v: u32,
    /// Quantisation steps by row x 8 + column. Kept to 16 bits and signed, as libjpeg multiplies.
    pub(super) quant: [i16; 64],
    /// Numbers of the tables below, the same for the same table.
    pub(super) dc_id: usize,
    pub(super) ac_id: usize,
    pub(super) dc: Spec<'a>,
    pub(super) ac: Spec<'a>,
}

/// Everything before the entropy-coded data, and where that starts.
#[derive(Debug, Clone)]
pub(super) struct Header<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: Vec<Component<'a>>,
    pub(super) colour: Colour,
    /// Minimum coded units between restart markers; 0 for no markers.
    pub(super) restart: usize,
    pub(super) orientation: u8,
    /// From the first entropy-coded byte to the end of the file.
    pub(super) scan: &'a [u8],
}

/// The frame header's words on one component.
struct Declared {
    id: u8,
    h: u32,
    v: u32,
    quant: usize,
}

/// What has been read so far.
#[derive(Default)]
struct State<'a> {
    size: Option<(u32, u32)>,
    declared: Vec<Declared>,
    quant: [Option<[i16; 64]>; 4],
    dc: [Option<Spec<'a>>; 4],
    ac: [Option<Spec<'a>>; 4],
    restart: usize,
    jfif: bool,
    adobe: Option<u8>,
    orientation: Option<u8>,
}

/// Reads the header of a baseline JPEG; `None` for every other kind and for a damaged one.
pub(super) fn read(encoded: &[u8]) -> Option<Header<'_>> {
    let mut state = State::default();
    let mut rest = encoded.strip_prefix(&[0xff, 0xd8])?;
    loop {
        rest = rest.strip_prefix(&[0xff])?;
        // Any number of fill bytes may precede a marker.
        while let Some(after) = rest.strip_prefix(&[0xff]) {
            rest = after;
        }
        let (&marker, after) = rest.split_first()?;
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        let payload = after.get(2..length)?;
        rest = &after[length..];
        match marker {
            0xc0 | 0xc1 => state.frame(payload)?,
            0xc4 => state.huffman(payload)?,
            0xdb => state.quantisation(payload)?,
            0xdd => state.restart = usize::from(u16::from_be_bytes(payload.try_into().ok()?)),
            0xe0 => state.jfif |= payload.len() >= 14 && payload.starts_with(b"JFIF\0"),
            0xe1 => state.orientation = state.orientation.or_else(|| orientation::read(payload)),
            0xee if payload.len() >= 12 && payload.starts_with(b"Adobe") => state.adobe = Some(payload[11]),
            0xe2..=0xef | 0xfe => {}
            0xda => return state.scan(payload, rest),
            _ => return None,
        }
    }
}

impl<'a> State<'a> {
    /// SOF0 and SOF1, T.81 B.2.2: 8 bits, 1 or 3 components.
    fn frame(&mut self, payload: &[u8]) -> Option<()> {
        let (&[precision, h1, h0, w1, w0, count], components) = payload.split_first_chunk()?;
        let (components, rest) = components.as_chunks::<3>();
        let expected = matches!(count, 1 | 3) && components.len() == usize::from(count) && rest.is_empty();
        if precision != 8 || !expected || self.size.is_some() {
            return None;
        }
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if width == 0 || height == 0 {
            return None;
        }
        self.size = Some((width.into(), height.into()));
        for &[id, sampling, quant] in components {
            let (h, v) = (u32::from(sampling >> 4), u32::from(sampling & 15));
            // T.81 B.2.2. Where they mean nothing they still make the file one that nobody else reads.
            if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
                return None;
            }
            self.declared.push(Declared { id, h, v, quant: quant.into() });
        }
        Some(())
    }

    /// DQT, T.81 B.2.4.1: tables of 64 numbers of 8 or 16 bits, in zigzag order.
    fn quantisation(&mut self, mut payload: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = payload.split_first() {
            let wide = match kind >> 4 {
                0 => false,
                1 => true,
                _ => return None,
            };
            let (table, rest) = rest.split_at_checked(if wide { 128 } else { 64 })?;
            let mut steps = [0; 64];
            for (index, &place) in ZIGZAG.iter().enumerate() {
                steps[usize::from(place)] = if wide {
                    i16::from_be_bytes([table[2 * index], table[2 * index + 1]])
                } else {
                    table[index].into()
                };
            }
            *self.quant.get_mut(usize::from(kind & 15))? = Some(steps);
            payload = rest;
        }
        Some(())
    }

    /// DHT, T.81 B.2.4.2.
    fn huffman(&mut self, mut payload: &'a [u8]) -> Option<()> {
        while let Some((&kind, rest)) = payload.split_first() {
            let tables = match kind >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            let (spec, rest) = Spec::read(rest)?;
            *tables.get_mut(usize::from(kind & 15))? = Some(spec);
            payload = rest;
        }
        Some(())
    }

    /// SOS, T.81 B.2.3: all components, in the frame's order, whole spectrum, full precision.
    fn scan(self, payload: &[u8], scan: &'a [u8]) -> Option<Header<'a>> {
        let (width, height) = self.size?;
        let (&count, rest) = payload.split_first()?;
        let (selectors, spectrum) = rest.split_at_checked(2 * usize::from(count))?;
        if spectrum != [0, 63, 0] || usize::from(count) != self.declared.len() {
            return None;
        }
        let colour = self.colour();
        let mut components = Vec::with_capacity(self.declared.len());
        for (declared, &[id, tables]) in self.declared.iter().zip(selectors.as_chunks().0) {
            let (dc_id, ac_id) = (usize::from(tables >> 4), usize::from(tables & 15));
            let (dc, ac) = ((*self.dc.get(dc_id)?)?, (*self.ac.get(ac_id)?)?);
            // A component alone in its scan is not interleaved: its sampling factors then mean nothing.
            let (h, v) = if count == 1 { (1, 1) } else { (declared.h, declared.v) };
            if id != declared.id || !dc.fits_differences() || !ac.fits_coefficients() {
                return None;
            }
            let quant = (*self.quant.get(declared.quant)?)?;
            components.push(Component { h, v, quant, dc_id, ac_id, dc, ac });
        }
        let orientation = self.orientation.unwrap_or(1);
        let header = Header { width, height, components, colour, restart: self.restart, orientation, scan };
        header.sampling_is_known().then_some(header)
    }

    /// libjpeg's guess, jdapimin.c `default_decompress_parms`.
    fn colour(&self) -> Colour {
        let ids: Vec<u8> = self.declared.iter().map(|component| component.id).collect();
        match (self.jfif, self.adobe) {
            _ if ids.len() == 1 => Colour::Grey,
            (true, _) => Colour::YCbCr,
            (false, Some(0)) => Colour::Rgb,
            (false, Some(_)) => Colour::YCbCr,
            (false, None) if ids == *b"RGB" => Colour::Rgb,
            (false, None) => Colour::YCbCr,
        }
    }
}

impl Header<'_> {
    /// The largest sampling factors.
    pub(super) fn sampling(&self) -> (u32, u32) {
        let largest = |factor: fn(&Component) -> u32| self.components.iter().map(factor).max().unwrap_or(1);
        (largest(|component| component.h), largest(|component| component.v))
    }

    /// Factors of 1, 2 or 4, the first component the finest: all that cameras and encoders write.
    fn sampling_is_known(&self) -> bool {
        let (h, v) = self.sampling();
        let known = |factor: u32| matches!(factor, 1 | 2 | 4);
        let blocks: u32 = self.components.iter().map(|component| component.h * component.v).sum();
        self.components.iter().all(|component| known(component.h) && known(component.v))
            && self.components.first().is_some_and(|first| first.h == h && first.v == v)
            && blocks <= MOST_BLOCKS
    }
}
