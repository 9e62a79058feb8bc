//! Random values for the tests of the codec.

/// A source of random values for one version. The same seed gives the same values (xorshift64*, Vigna 2016).
pub(crate) struct Sampler {
    state: u64,
    version: i16,
}

impl Sampler {
    pub(crate) fn new(seed: u64, version: i16) -> Self {
        Self { state: seed | 1, version }
    }

    pub(crate) fn version(&self) -> i16 {
        self.version
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.bits() >> 33) % bound
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.bits().to_be_bytes()[0]
    }

    /// A text of up to 19 characters; now and then of 200, whose length takes two bytes.
    pub(crate) fn text(&mut self) -> String {
        const LETTERS: [char; 6] = ['a', 'Z', '-', '0', 'é', '中'];
        let length = if self.below(20) == 0 { 200 } else { self.below(20) };
        (0..length).map(|_| LETTERS[usize::try_from(self.below(6)).unwrap()]).collect()
    }
}
