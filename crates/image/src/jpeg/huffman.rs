//! Huffman tables: from a DHT segment to lookup by the next bits.
//!
//! One lookup answers how many bits a symbol and its value take, where the value starts, and how far it moves on in
//! the block. Nothing but shifting depends on the last symbol, so the processor works on several at once.

/// Bits that the direct lookup sees; longer codes are searched.
const DIRECT_BITS: u32 = 10;
pub(super) const WHOLE_BITS: u32 = 11;
/// Bits that the lookup of several symbols sees.
const SKIP_BITS: u32 = 12;
/// Added to the place in a block by the end-of-block symbol.
const END: u32 = 128;
/// Added by bits that are no code.
const INVALID: u32 = 192;

/// A table as the file states it: T.81 B.2.4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spec<'a> {
    /// Codes of 1 to 16 bits.
    counts: &'a [u8; 16],
    /// The symbols by rising code, at most 256.
    symbols: &'a [u8],
}

impl<'a> Spec<'a> {
    /// Splits a table off `bytes`. `None` when it is cut short or more codes are asked for than there can be.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (counts, rest) = bytes.split_first_chunk::<16>()?;
        let total = counts.iter().map(|&count| usize::from(count)).sum();
        let (symbols, rest) = rest.split_at_checked(total)?;
        let mut room = 1u32;
        for &count in counts {
            room = (room * 2).checked_sub(count.into())?;
        }
        (total <= 256).then_some((Self { counts, symbols }, rest))
    }

    /// Whether all symbols are sizes of differences of 8-bit DC coefficients, T.81 table F.1.
    pub(super) fn fits_differences(&self) -> bool {
        self.symbols.iter().all(|&symbol| symbol <= 11)
    }

    /// Whether all symbols hold sizes of 8-bit AC coefficients, T.81 table F.2.
    pub(super) fn fits_coefficients(&self) -> bool {
        self.symbols.iter().all(|&symbol| symbol & 15 <= 10)
    }

    /// Calls `each` with the symbol, the code and its length, by rising code.
    fn codes(&self, mut each: impl FnMut(u8, u32, u32)) {
        let (mut code, mut next) = (0, 0);
        for (length, &count) in (1..).zip(self.counts) {
            for &symbol in &self.symbols[next..next + usize::from(count)] {
                each(symbol, code, length);
                code += 1;
            }
            next += usize::from(count);
            code <<= 1;
        }
    }
}

/// What the next bits hold: a code and the value bits behind it.
///
/// From the lowest bit, in bytes: bits of code and value; bits of the code; 63 less the bits of the value; steps on in
/// the block. As a whole 0 when unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step(u32);

impl Step {
    const UNKNOWN: Self = Self(0);

    const fn new(code: u32, value: u32, advance: u32) -> Self {
        Self((code + value) | code << 8 | (63 - value) << 16 | advance << 24)
    }

    /// Bits of code and value, in the lowest six bits; the others mean something else.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// Steps on in the block: to the coefficient that the value is for.
    #[inline(always)]
    pub(super) fn advance(self) -> u32 {
        self.0 >> 24
    }

    /// The value, when `next` holds the next bits from its highest bit on. T.81 F.2.2.1 `EXTEND`.
    #[inline(always)]
    pub(super) fn value(self, next: u64) -> i32 {
        let value = next << ((self.0 >> 8) & 63);
        // All ones when the first bit is 0: such values are negative, stored as their complement.
        let negative = !(value as i64 >> 63);
        let magnitude = ((value ^ negative as u64) >> 1) >> ((self.0 >> 16) & 63);
        (magnitude as i64 ^ negative).wrapping_sub(negative) as i32
    }
}

/// A code with its value in full, for both are short. From the highest bit: 16 bits of value; 8 of steps on; 8 of the
/// bits of code and value. As a whole 0 when unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole(u32);

impl Whole {
    const UNKNOWN: Self = Self(0);

    #[inline(always)]
    pub(super) fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }

    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(super) fn advance(self) -> u32 {
        (self.0 >> 8) & 255
    }

    #[inline(always)]
    pub(super) fn value(self) -> i16 {
        (self.0 >> 16) as i16
    }
}

/// Whether the table is for DC differences or AC coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Dc,
    Ac,
}

/// A table made ready for lookup.
pub(super) struct Table {
    class: Class,
    direct: [Step; 1 << DIRECT_BITS],
    whole: [Whole; 1 << WHOLE_BITS],
    /// Bits (low 4) and steps on (high 8) of as many whole symbols as fit; 0 for none. An end of block counts as one
    /// step and sets `END`.
    several: [u16; 1 << SKIP_BITS],
    /// By length, the first 16 bits that are above every code of that length, and the first symbol less its code.
    limit: [u32; 17],
    offset: [u32; 17],
    symbols: [u8; 256],
    /// The table that this was made of, to know it again.
    counts: [u8; 16],
    length: usize,
}

impl Table {
    /// Makes `spec` ready.
    pub(super) fn new(class: Class, spec: Spec) -> Self {
        let mut table = Self {
            class,
            direct: [Step::UNKNOWN; 1 << DIRECT_BITS],
            whole: [Whole::UNKNOWN; 1 << WHOLE_BITS],
            several: [0; 1 << SKIP_BITS],
            limit: [0; 17],
            offset: [0; 17],
            symbols: [0; 256],
            counts: *spec.counts,
            length: spec.symbols.len(),
        };
        table.symbols[..spec.symbols.len()].copy_from_slice(spec.symbols);
        let mut index = 0;
        spec.codes(|symbol, code, length| {
            if length <= DIRECT_BITS {
                let first = (code << (DIRECT_BITS - length)) as usize;
                table.direct[first..first + (1 << (DIRECT_BITS - length))].fill(class.step(symbol, length));
            }
            table.limit[length as usize] = (code + 1) << (16 - length);
            table.offset[length as usize] = u32::wrapping_sub(index, code);
            index += 1;
        });
        if class == Class::Ac {
            table.fill_whole();
            table.fill_several();
        }
        table
    }

    /// Whether the table was made of `spec`.
    pub(super) fn is_of(&self, spec: Spec) -> bool {
        self.counts == *spec.counts && self.symbols[..self.length] == *spec.symbols
    }

    /// The symbol at the head of `next`, which holds the next bits from its highest bit on.
    #[inline(always)]
    pub(super) fn step(&self, next: u64) -> Step {
        let step = self.direct[(next >> (64 - DIRECT_BITS)) as usize];
        if step == Step::UNKNOWN { self.search(next) } else { step }
    }

    /// Bits and steps on of one or more symbols at the head of `next`, 0 and 0 when none fits.
    #[inline(always)]
    pub(super) fn several(&self, next: u64) -> (u32, u32) {
        let entry = u32::from(self.several[(next >> (64 - SKIP_BITS)) as usize]);
        (entry & 15, entry >> 8)
    }

    #[inline(always)]
    pub(super) fn whole(&self, next: u64) -> Whole {
        self.whole[(next >> (64 - WHOLE_BITS)) as usize]
    }

    fn fill_whole(&mut self) {
        for (pattern, entry) in (0u64..).zip(&mut self.whole) {
            let next = pattern << (64 - WHOLE_BITS);
            let step = self.direct[(next >> (64 - DIRECT_BITS)) as usize];
            if step != Step::UNKNOWN && step.bits() & 63 <= WHOLE_BITS {
                let value = step.value(next) as u32;
                *entry = Whole(value << 16 | step.advance() << 8 | step.bits() & 63);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn search(&self, next: u64) -> Step {
        let head = (next >> 48) as u32;
        for length in 1..=16 {
            if head < self.limit[length] {
                let index = (head >> (16 - length)).wrapping_add(self.offset[length]);
                return self.class.step(self.symbols[index as usize & 255], length as u32);
            }
        }
        Step::new(0, 0, INVALID)
    }

    /// Follows the symbols inside every pattern of `SKIP_BITS` bits.
    fn fill_several(&mut self) {
        for (pattern, entry) in (0u64..).zip(&mut self.several) {
            let (mut used, mut advance) = (0, 0);
            while advance < END {
                let rest = pattern << (64 - SKIP_BITS) << used;
                let step = self.direct[(rest >> (64 - DIRECT_BITS)) as usize];
                if step == Step::UNKNOWN || used + (step.bits() & 63) > SKIP_BITS {
                    break;
                }
                // An end counts as a step, so that it is not taken where the block is already full.
                let on = if step.advance() == END { END + 1 } else { step.advance() };
                if (advance + on) & (END - 1) > 63 {
                    break;
                }
                used += step.bits() & 63;
                advance += on;
            }
            *entry = (used | advance << 8) as u16;
        }
    }
}

impl Class {
    /// What `symbol` with a code of `length` bits tells.
    fn step(self, symbol: u8, length: u32) -> Step {
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        match self {
            Self::Dc => Step::new(length, size, 0),
            // A run of 15 without a value skips 16 coefficients. Every other run without a value ends the block:
            // baseline knows only run 0 here, and libjpeg takes the others for it too.
            Self::Ac if size == 0 && run != 15 => Step::new(length, 0, END),
            Self::Ac => Step::new(length, size, run + 1),
        }
    }
}
