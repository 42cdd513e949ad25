//! The budget's word: a balance that grows with time, as the one number that stands still while it grows.
//!
//! ```text
//!  63                                                      0
//! ┌─────────────────────────────────────────────────────────┐
//! │ now * min_per_second - balance     (wraps; in billionths)│
//! └─────────────────────────────────────────────────────────┘
//! ```
//!
//! A billionth of a token is what one token a second adds in a nanosecond, so growth and deposits are exact. The zero word is
//! an empty balance at the clock's origin.
//!
//! *The difference is never negative.* Whoever writes the word has raised `latest` to its instant before, and whoever reads the
//! word looks at `latest` afterwards: the instant that it takes is that of the word, or a later one. So the difference to the
//! word, modulo 2^64, is the balance; after centuries without a call (two weeks at 15 000 tokens a second, 4.3 s at the most that may
//! be told) it may look smaller than it is, and grows again from there.

use crate::cell::Meaning;
use crate::retry::budget::policy::Allowed;

/// A whole token.
pub(super) const TOKEN: u64 = 1_000_000_000;

/// What the word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent(u64);

impl Meaning for Spent {
    fn encode(self) -> u64 {
        self.0
    }

    fn decode(word: u64) -> Self {
        Self(word)
    }
}

impl Spent {
    /// With this balance at the clock's origin.
    pub(super) const fn beginning_with(balance: u64) -> Self {
        Self(balance.wrapping_neg())
    }

    pub(super) const fn word(self) -> u64 {
        self.0
    }

    /// The balance at `now`, in billionths.
    pub(super) const fn balance(self, now: u64, told: &Allowed) -> u64 {
        let grown = now.wrapping_mul(told.rate).wrapping_sub(self.0);
        if grown < told.capacity { grown } else { told.capacity }
    }

    const fn holding(balance: u64, now: u64, told: &Allowed) -> Self {
        Self(now.wrapping_mul(told.rate).wrapping_sub(balance))
    }

    /// With the deposit of a first call; as it is where there is no room for any of it.
    pub(super) const fn with_deposit(self, now: u64, told: &Allowed) -> Self {
        let balance = self.balance(now, told);
        let room = told.capacity - balance;
        if room == 0 {
            return self;
        }
        let more = if told.deposit < room { told.deposit } else { room };
        Self::holding(balance + more, now, told)
    }

    /// Without the token of a retry, if there is a whole one.
    pub(super) const fn without_token(self, now: u64, told: &Allowed) -> Option<Self> {
        match self.balance(now, told).checked_sub(TOKEN) {
            Some(rest) => Some(Self::holding(rest, now, told)),
            None => None,
        }
    }
}
