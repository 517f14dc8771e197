//! Random choices from a seed that is printed, so that a failure can be played again: `ROLLCALL_SEED=<seed> cargo test …`.

/// Numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From the seed in `ROLLCALL_SEED`, or a fresh one; prints it with the test's name.
    ///
    /// # Panics
    /// Where `ROLLCALL_SEED` is no number.
    pub fn announced(test: &str) -> Self {
        let seed = match std::env::var("ROLLCALL_SEED") {
            Ok(text) => text.parse().expect("ROLLCALL_SEED is a number"),
            Err(_) => getrandom::u64().expect("the system has random numbers"),
        };
        println!("{test}: ROLLCALL_SEED={seed}");
        Self(seed)
    }

    /// From a seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// An index into something of `len` elements, at least one.
    pub fn index(&mut self, len: usize) -> usize {
        let end = u64::try_from(len).expect("lengths fit 64 bits");
        usize::try_from(self.below(end)).expect("it is below a length")
    }

    /// Puts elements in random order.
    pub fn shuffle<T>(&mut self, elements: &mut [T]) {
        for last in (1..elements.len()).rev() {
            elements.swap(last, self.index(last + 1));
        }
    }
}

/// How often something is done: the number in an environment variable, or what is usual.
///
/// # Panics
/// Where the variable holds no number.
pub fn how_many(variable: &str, usually: usize) -> usize {
    std::env::var(variable).map_or(usually, |text| {
        let message = format!("{variable} is a number, not {text:?}");
        text.parse().unwrap_or_else(|_| panic!("{message}"))
    })
}
