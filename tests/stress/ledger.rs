//! What the callers did, in numbers of their own, and a random number for each decision.

/// One caller's tally; summed up over all of them it is compared with the breaker's counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ledger {
    /// Seen from outside: the answers.
    pub admitted: u64,
    pub rejected: u64,
    /// Seen from inside: closures that ran, futures and streams that were polled, permits that were held.
    pub executed: u64,
    pub successes: u64,
    pub errors: u64,
    pub timeouts: u64,
    pub panics: u64,
    pub ignored: u64,
    pub cancelled: u64,
    pub forgotten: u64,
    /// Errors in the middle of a stream, after its first item.
    pub late_stream_failures: u64,
    pub force_opens: u64,
    pub disables: u64,
    pub resets: u64,
    pub restores: u64,
}

impl Ledger {
    /// One call that was made, and succeeded.
    pub fn succeeded(&mut self) {
        self.admitted += 1;
        self.executed += 1;
        self.successes += 1;
    }

    /// One call that was made, and failed.
    pub fn failed(&mut self) {
        self.admitted += 1;
        self.executed += 1;
        self.errors += 1;
    }

    /// One permit that was forgotten.
    pub fn forgot(&mut self) {
        self.admitted += 1;
        self.executed += 1;
        self.forgotten += 1;
    }

    /// Calls that were asked for.
    pub fn asked(&self) -> u64 {
        self.admitted + self.rejected
    }

    /// Calls of which anything was said, or whose permit was dropped.
    pub fn ended(&self) -> u64 {
        self.successes + self.errors + self.timeouts + self.panics + self.ignored + self.cancelled
    }
}

impl core::ops::AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        let Self {
            admitted,
            rejected,
            executed,
            successes,
            errors,
            timeouts,
            panics,
            ignored,
            cancelled,
            forgotten,
            late_stream_failures,
            force_opens,
            disables,
            resets,
            restores,
        } = other;
        for (sum, number) in [
            (&mut self.admitted, admitted),
            (&mut self.rejected, rejected),
            (&mut self.executed, executed),
            (&mut self.successes, successes),
            (&mut self.errors, errors),
            (&mut self.timeouts, timeouts),
            (&mut self.panics, panics),
            (&mut self.ignored, ignored),
            (&mut self.cancelled, cancelled),
            (&mut self.forgotten, forgotten),
            (&mut self.late_stream_failures, late_stream_failures),
            (&mut self.force_opens, force_opens),
            (&mut self.disables, disables),
            (&mut self.resets, resets),
            (&mut self.restores, restores),
        ] {
            *sum += number;
        }
    }
}

/// `SplitMix64`: each caller has its own sequence, and the same one in every run.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x5851_f42d_4c95_7f2d))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in `many` times.
    pub fn once_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}
