//! Reproducible random choices.

/// Marsaglia's xorshift64 behind a mixing of the seed, so that neighbouring seeds have nothing in common.
pub(crate) struct Random(u64);

impl Random {
    /// The choices of a seed.
    pub(crate) fn new(seed: u64) -> Random {
        let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Random((mixed ^ (mixed >> 29)).max(1))
    }

    /// A number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `n`; 0 where there is none.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        match n {
            0 => 0,
            n => (self.next() >> 11) as usize % n,
        }
    }

    /// One of a list that is not empty.
    pub(crate) fn choose<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// One of a list, or `None` where it is empty.
    pub(crate) fn within<'a, T>(&mut self, list: &'a mut [T]) -> Option<&'a mut T> {
        let at = self.below(list.len());
        list.get_mut(at)
    }

    /// An integer that programs go wrong with, or a small one.
    pub(crate) fn integer(&mut self) -> i64 {
        const EXTREMES: [i64; 14] = [
            i64::MIN,
            i64::MAX,
            i64::MIN + 1,
            1 << 62,
            1 << 40,
            -(1 << 40),
            1 << 31,
            i32::MAX as i64,
            i32::MIN as i64,
            1 << 24,
            65_536,
            1_000,
            -1_000,
            0,
        ];
        match self.below(3) {
            0 => *self.choose(&EXTREMES),
            _ => self.below(9) as i64 - 3,
        }
    }
}
