//! The fields of a packed word: each is placed above its neighbour, so that no position is written down twice.

/// Some neighbouring bits of a `u64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    shift: u32,
    width: u32,
}

impl Field {
    /// The lowest `width` bits of the word.
    pub(crate) const fn lowest(width: u32) -> Self {
        Self { shift: 0, width }
    }

    /// The `width` bits just above this field.
    pub(crate) const fn above(self, width: u32) -> Self {
        Self { shift: self.end(), width }
    }

    /// The first bit that is not in this field any more, counted from the lowest.
    pub(crate) const fn end(self) -> u32 {
        self.shift + self.width
    }

    /// The largest value that fits.
    pub(crate) const fn max(self) -> u64 {
        u64::MAX >> (u64::BITS - self.width)
    }

    /// The largest word that holds zero in this field and above it.
    #[cfg(feature = "alloc")]
    pub(crate) const fn below(self) -> u64 {
        (1 << self.shift) - 1
    }

    /// Reads this field out of a word.
    #[inline]
    pub(crate) const fn get(self, word: u64) -> u64 {
        (word >> self.shift) & self.max()
    }

    /// A word that holds `value` in this field and zero elsewhere. What is too large stops at the field's
    /// maximum and never spills into a neighbour.
    #[inline]
    pub(crate) const fn put(self, value: u64) -> u64 {
        let clamped = if value > self.max() { self.max() } else { value };
        clamped << self.shift
    }

    /// A word that holds the lowest bits of `value` in this field: for a counter that wraps.
    #[inline]
    pub(crate) const fn put_wrapping(self, value: u64) -> u64 {
        (value & self.max()) << self.shift
    }
}

#[cfg(test)]
mod tests {
    use super::Field;

    const LOW: Field = Field::lowest(3);
    const HIGH: Field = LOW.above(5);

    #[test]
    fn a_field_reads_back_what_was_put() {
        let word = LOW.put(5) | HIGH.put(17);
        assert_eq!((LOW.get(word), HIGH.get(word)), (5, 17));
    }

    #[test]
    fn a_value_too_large_stops_at_the_maximum_and_spares_the_neighbour() {
        assert_eq!(LOW.get(LOW.put(900)), 7);
        assert_eq!(HIGH.get(LOW.put(900)), 0);
    }

    #[test]
    fn a_wrapping_value_keeps_its_lowest_bits() {
        assert_eq!(LOW.get(LOW.put_wrapping(9)), 1);
        assert_eq!(Field::lowest(64).max(), u64::MAX);
    }
}
