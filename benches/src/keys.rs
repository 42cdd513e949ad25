//! Which key is asked about when: the same for every contestant, and cheap enough to be lost in what it asks.
//!
//! A sequence is a function of a position, and the threads of a contestant take turns at its positions: so a sample goes
//! on where the last one stopped, instead of finding the keys in the caches that it just left there.

use std::sync::OnceLock;

/// The keys that are asked about, one after the other.
pub trait Sequence: Copy + Send + Sync + 'static {
    /// The key at a position.
    fn key(self, position: u64) -> u64;
}

/// The key of a number: no two numbers share one, and it looks like chance.
#[inline]
#[must_use]
pub const fn numbered(number: u64) -> u64 {
    mixed(number)
}

/// The finaliser of Steele, Lea and Flood's `SplitMix` ("Fast splittable pseudorandom number generators", 2014), on a
/// counter.
#[inline]
const fn mixed(counter: u64) -> u64 {
    let word = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Any of so many keys, each as likely as another.
#[derive(Clone, Copy, Debug)]
pub struct Uniform(pub u32);

impl Sequence for Uniform {
    #[inline]
    fn key(self, position: u64) -> u64 {
        // The upper half of a random word, as a part of the number of keys.
        numbered(((mixed(!position) >> 32) * u64::from(self.0)) >> 32)
    }
}

/// So many draws are made ahead; then they are made again.
const DRAWS: usize = 1 << 20;

/// The exponent of the rows that have favourites.
const EXPONENT: f64 = 1.1;

/// A few favourites among a million keys: the key of number `n` is asked about as often as `(n + 1)^-1.1` says.
#[derive(Clone, Copy, Debug)]
pub struct Zipf(&'static [u32; DRAWS]);

impl Zipf {
    /// How many keys there are.
    pub const KEYS: u32 = 1_000_000;

    /// The draws: made once in a process.
    #[must_use]
    pub fn drawn() -> Self {
        static DRAWN: OnceLock<Box<[u32; DRAWS]>> = OnceLock::new();
        Self(DRAWN.get_or_init(draw))
    }
}

impl Sequence for Zipf {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "what counts is the position in the table")]
    fn key(self, position: u64) -> u64 {
        numbered(self.0[position as usize % DRAWS].into())
    }
}

fn draw() -> Box<[u32; DRAWS]> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=Zipf::KEYS)
        .map(|rank| {
            sum += f64::from(rank).powf(-EXPONENT);
            sum
        })
        .collect();
    let one = |position: u64| {
        let chance = (mixed(!position) >> 11) as f64 / (1_u64 << 53) as f64;
        let rank = sums.partition_point(|&below| below <= chance * sum);
        u32::try_from(rank).map_or(Zipf::KEYS - 1, |rank| rank.min(Zipf::KEYS - 1))
    };
    let drawn: Box<[u32]> = (0..DRAWS as u64).map(one).collect();
    drawn.try_into().expect("as many as are drawn")
}

/// A key that never was, each time.
#[derive(Clone, Copy, Debug)]
pub struct New;

impl Sequence for New {
    #[inline]
    fn key(self, position: u64) -> u64 {
        numbered(position)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn uniform_keys_are_those_that_were_numbered_and_all_of_them_come() {
        let numbered: HashSet<u64> = (0..1_000).map(numbered).collect();
        let asked: HashSet<u64> = (0..20_000).map(|position| Uniform(1_000).key(position)).collect();
        assert_eq!(asked, numbered);
    }

    #[test]
    fn the_favourite_comes_as_often_as_the_exponent_says() {
        let zipf = Zipf::drawn();
        let of = |number| zipf.0.iter().filter(|&&drawn| drawn == number).count() as f64;
        assert!((of(0) / of(9) - 10_f64.powf(EXPONENT)).abs() < 0.5, "{} and {}", of(0), of(9));
        assert!(zipf.0.iter().all(|&drawn| drawn < Zipf::KEYS));
    }

    #[test]
    fn new_keys_are_new() {
        let keys: HashSet<u64> = (0..10_000).map(|position| New.key(position)).collect();
        assert_eq!(keys.len(), 10_000);
    }
}
