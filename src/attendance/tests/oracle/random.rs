//! Numbers from a seed (SplitMix64), and how cases choose by them.

/// Numbers one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `from` on, below `end`.
    pub(crate) fn between(&mut self, from: i64, end: i64) -> i64 {
        let width = u64::try_from(end - from).expect("the end comes after the start");
        from + i64::try_from(self.number() % width).expect("it is below a width")
    }

    /// One of several.
    pub(crate) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        let end = i64::try_from(of.len()).expect("lengths fit");
        of[usize::try_from(self.between(0, end)).expect("it is below a length")].clone()
    }

    /// Yes, in so many of a hundred cases.
    pub(crate) fn chance(&mut self, in_hundred: i64) -> bool {
        self.between(0, 100) < in_hundred
    }
}
