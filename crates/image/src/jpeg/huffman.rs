//! Huffman tables: from a DHT segment to lookup by the next bits.
//!
//! One lookup answers how many bits a symbol and its value take, where the value starts, and how far it moves on in
//! the block. Nothing but shifting depends on the last symbol, so the processor works on several at once.

/// Bits that the direct lookup sees; longer codes are searched.
const DIRECT_BITS: u32 = 10;
/// Bits that the lookup of one symbol or two sees. With more the tables would leave no room in the first cache.
pub(super) const PAIR_BITS: u32 = 12;
/// Added to the place in a block by the end-of-block symbol: 128, and a step, so that an end of block that is looked at
/// where the block is already full shows as a block that runs over.
pub(super) const END: u32 = 129;
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

/// One code or two with their values in full, as far as the next bits hold them.
///
/// From the lowest bit: 6 bits for the bits of all codes and values; 5 for the steps to the first coefficient; 8 for
/// the steps on after all; 6 for the second value; 7 for the first value. As a whole 0 when unknown. Without a second
/// code the second value is 0 and belongs where the first one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair(u32);

impl Pair {
    const UNKNOWN: Self = Self(0);

    /// The codes at the head of `next`, whose first `PAIR_BITS` bits are real.
    fn of(direct: &[Step; 1 << DIRECT_BITS], next: u64) -> Self {
        let whole = |used: u32| {
            let step = direct[(next << used >> (64 - DIRECT_BITS)) as usize];
            let end = used + (step.bits() & 63);
            (step != Step::UNKNOWN && end <= PAIR_BITS)
                .then(|| (step.advance(), step.value(next << used), end))
        };
        let Some((first, value, end)) = whole(0) else { return Self::UNKNOWN };
        if first == END {
            // The next coefficient, if there were one, is zero already.
            return Self(end | 1 << 6 | END << 11);
        }
        if !(-64..64).contains(&value) {
            return Self::UNKNOWN;
        }
        let (second, low, end) =
            whole(end).filter(|(_, value, _)| (-32..32).contains(value)).unwrap_or((0, 0, end));
        Self(end | first << 6 | (first + second) << 11 | (low as u32 & 63) << 19 | (value as u32) << 25)
    }

    #[inline(always)]
    pub(super) fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }

    /// Bits of all codes and values, in the lowest six bits; the others mean something else.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// Steps on to the first coefficient.
    #[inline(always)]
    pub(super) fn to_first(self) -> u32 {
        (self.0 >> 6) & 31
    }

    /// Steps on after all.
    #[inline(always)]
    pub(super) fn advance(self) -> u32 {
        (self.0 >> 11) & 255
    }

    #[inline(always)]
    pub(super) fn first(self) -> i16 {
        (self.0 as i32 >> 25) as i16
    }

    #[inline(always)]
    pub(super) fn second(self) -> i16 {
        ((self.0 << 7) as i32 >> 26) as i16
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
    pairs: [Pair; 1 << PAIR_BITS],
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
            pairs: [Pair::UNKNOWN; 1 << PAIR_BITS],
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
            for (pattern, pair) in (0u64..).zip(&mut table.pairs) {
                *pair = Pair::of(&table.direct, pattern << (64 - PAIR_BITS));
            }
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

    /// The one or two symbols at the head of `next`, if they are short.
    #[inline(always)]
    pub(super) fn pair(&self, next: u64) -> Pair {
        self.pairs[(next >> (64 - PAIR_BITS)) as usize]
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
