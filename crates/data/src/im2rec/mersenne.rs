//! The random numbers of CPython, so that a shuffled list is the same as the original's.
//!
//! Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded and used as `random.seed(n)` and `random.shuffle` do.

const WORDS: usize = 624;
const MIDDLE: usize = 397;

/// `random.Random(seed)` for a seed below 2^32.
pub(super) struct Mersenne {
    state: [u32; WORDS],
    next: usize,
}

impl Mersenne {
    /// CPython seeds by array; an integer below 2^32 is an array of one.
    pub(super) fn new(seed: u32) -> Self {
        let mut state = [19_650_218; WORDS];
        for at in 1..WORDS {
            state[at] = mixed(&state, at, 1_812_433_253).wrapping_add(at as u32);
        }
        // Two passes over all words but the first, which takes the last one's value as a pass goes by.
        for step in 0..2 * WORDS - 1 {
            let at = 1 + step % (WORDS - 1);
            state[at] = if step < WORDS {
                (state[at] ^ mixed(&state, at, 1_664_525)).wrapping_add(seed)
            } else {
                (state[at] ^ mixed(&state, at, 1_566_083_941)).wrapping_sub(at as u32)
            };
            if at == WORDS - 1 {
                state[0] = state[at];
            }
        }
        state[0] = 0x8000_0000;
        Self { state, next: WORDS }
    }

    /// `random.shuffle`: from the last item down, each is exchanged with one at or before it.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A number below `limit`: as many bits as `limit` has, drawn again until they are below it.
    fn below(&mut self, limit: usize) -> usize {
        let bits = usize::BITS - limit.leading_zeros();
        loop {
            let found = self.bits(bits);
            if found < limit {
                return found;
            }
        }
    }

    /// `random.getrandbits`: the upper bits of a word, low words first where one is not enough.
    fn bits(&mut self, bits: u32) -> usize {
        let low = bits.min(32);
        let word = (self.word() >> (32 - low)) as usize;
        if bits <= 32 { word } else { word | ((self.word() >> (64 - bits)) as usize) << 32 }
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
            self.next = 0;
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }

    fn twist(&mut self) {
        for at in 0..WORDS {
            let joined = self.state[at] & 0x8000_0000 | self.state[(at + 1) % WORDS] & 0x7fff_ffff;
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[at] = self.state[(at + MIDDLE) % WORDS] ^ joined >> 1 ^ odd;
        }
    }
}

/// The step all three passes of the seeding share: the word before, folded and multiplied.
fn mixed(state: &[u32; WORDS], at: usize, factor: u32) -> u32 {
    (state[at - 1] ^ state[at - 1] >> 30).wrapping_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r = random.Random(100); [r.getrandbits(32) for _ in range(4)]`, and the thousandth.
    #[test]
    fn words_are_those_of_python() {
        let mut random = Mersenne::new(100);
        let words: Vec<u32> = (0..1000).map(|_| random.word()).collect();
        assert_eq!(words[..4], WORDS_OF_100);
        assert_eq!(words[999], THOUSANDTH_OF_100);
    }

    /// `random.seed(100); x = list(range(n)); random.shuffle(x)`.
    #[test]
    fn permutations_are_those_of_python() {
        for expected in [&EIGHT[..], &TEN, &THIRTY_SEVEN] {
            let mut items: Vec<u32> = (0..expected.len() as u32).collect();
            Mersenne::new(100).shuffle(&mut items);
            assert_eq!(items, expected);
        }
    }

    /// `sum(i * v for i, v in enumerate(x))` for a list that needs the state twisted more than once.
    #[test]
    fn a_long_permutation_is_that_of_python() {
        let mut items: Vec<u64> = (0..100_000).collect();
        Mersenne::new(100).shuffle(&mut items);
        let sum: u64 = (0..).zip(&items).map(|(at, item)| at * item).sum();
        assert_eq!((sum, items[0], items[99_999]), LONG);
    }

    const WORDS_OF_100: [u32; 4] = [625644691, 1973661107, 1953896601, 4087596401];
    const THOUSANDTH_OF_100: u32 = 3101734102;
    const EIGHT: [u32; 8] = [0, 4, 7, 5, 1, 6, 3, 2];
    const TEN: [u32; 10] = [4, 0, 5, 9, 3, 1, 6, 8, 7, 2];
    const THIRTY_SEVEN: [u32; 37] = [
        20, 18, 0, 26, 30, 4, 21, 34, 12, 15, 33, 5, 28, 31, 24, 19, 36, 7, 10, 6, 1, 8, 14, 23, 2, 27, 17,
        3, 32, 16, 13, 22, 25, 11, 35, 29, 9,
    ];
    const LONG: (u64, u64, u64) = (250297196495789, 97179, 19093);
}
