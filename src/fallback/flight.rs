//! Single flight: of all who want one thing at once, one fetches it, and the others wait for it.
//!
//! | word | what | who ends it |
//! |---|---|---|
//! | open | nobody fetches | whoever wins the swap: it leads |
//! | flying | the leader fetches | the leader: it lands, or it is dropped and the flight is open again |
//! | landed | it is known what came of it, for ever | nobody |
//!
//! A follower first listens to the bell, then looks at the word, then waits. The leader first writes what came of it, then the
//! word, then rings.
//!
//! *Nobody is forgotten.* Take a follower that waits: it listened, and then found the flight flying. Whoever ended that
//! state wrote the word after this look, so it rang after the follower listened.
//!
//! *A leader that is dropped wedges nobody.* It opens the flight and rings for all; of those who come to look, one leads.

use crate::cell::Cell;
use crate::sync::{Bell, Once};

const OPEN: u64 = 0;
const FLYING: u64 = 1;
const LANDED: u64 = 2;

/// One flight, which lands once.
pub struct Flight<T> {
    state: Cell,
    outcome: Once<T>,
    bell: Bell,
}

impl<T: Clone> Flight<T> {
    /// Waits until it is known what came of the flight; nothing for whoever is to lead it from now on.
    ///
    /// Who is dropped while it waits leaves nothing behind.
    pub async fn board(&self) -> Option<T> {
        // Most fly alone: no bell is needed to lead.
        if self.lead() {
            return None;
        }
        loop {
            // First listening, then looking: a landing rings after it is written.
            let rung = self.bell.listen();
            if self.is_landed() {
                return self.outcome.get().cloned();
            }
            if self.lead() {
                return None;
            }
            rung.await;
        }
    }

    /// As [`board`](Self::board), for a thread that may block, for so long at most: then the error.
    #[cfg(all(not(target_family = "wasm"), not(fusebox_loom)))]
    pub fn board_blocking(&self, longest: core::time::Duration) -> Result<Option<T>, TooLong> {
        if self.lead() {
            return Ok(None);
        }
        let began = std::time::Instant::now();
        loop {
            let rung = self.bell.listen();
            if self.is_landed() {
                return Ok(self.outcome.get().cloned());
            }
            if self.lead() {
                return Ok(None);
            }
            let left = longest.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(TooLong);
            }
            crate::sync::wait_for(rung, left);
        }
    }
}

impl<T> Flight<T> {
    /// Nobody flies yet.
    pub fn open() -> Self {
        Self { state: Cell::fresh(), outcome: Once::new(), bell: Bell::new() }
    }

    /// Takes the lead, if nobody has it.
    pub fn lead(&self) -> bool {
        self.state.replace(OPEN, FLYING)
    }

    /// Whether it is known what came of it.
    pub fn is_landed(&self) -> bool {
        self.state.load() == LANDED
    }

    /// The leader tells what came of it.
    pub fn land(&self, outcome: T) {
        self.outcome.get_or_make(|| outcome);
        self.leave(LANDED);
    }

    /// The leader begins anew, where nobody else knows of the flight: nobody waits, and nothing is told.
    pub fn renew(&self) {
        self.state.replace(FLYING, OPEN);
    }

    /// The leader gives up.
    pub fn reopen(&self) {
        self.leave(OPEN);
    }

    fn leave(&self, next: u64) {
        // Nobody but the leader ends a flight: this swap cannot fail.
        self.state.replace(FLYING, next);
        self.bell.ring();
    }
}

/// The time was over, and still it flew.
#[cfg(all(not(target_family = "wasm"), not(fusebox_loom)))]
#[derive(Clone, Copy, Debug)]
pub struct TooLong;

impl<T> core::fmt::Debug for Flight<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = match self.state.load() {
            OPEN => "open",
            FLYING => "flying",
            _ => "landed",
        };
        f.debug_tuple("Flight").field(&state).finish()
    }
}
