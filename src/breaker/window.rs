//! What a failure rate remembers: calls, failures and slow calls of one generation, on lanes.
//!
//! The two kinds of window each have a file; this one holds their memory, made at the first outcome (or by
//! `warm_up`), and judges their sums.

use crate::breaker::event::Why;
use crate::breaker::policy::Rate;
#[cfg(feature = "alloc")]
use crate::breaker::snapshot::WindowSnapshot;
#[cfg(feature = "alloc")]
use crate::breaker::word;
use crate::breaker::word::Generation;
use crate::cell::Cell;

/// Whose outcome is counted: a generation's, for as long as it is the breaker's.
#[cfg_attr(not(feature = "alloc"), expect(dead_code, reason = "without memory there are no windows"))]
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    pub(super) generation: Generation,
    pub(super) word: &'a Cell,
}

impl<'a> Of<'a> {
    #[inline]
    pub(super) fn new(generation: Generation, word: &'a Cell) -> Self {
        Self { generation, word }
    }

    /// Whether it is still the breaker's. Asked where a stamp differs: only then may the stamp be of a later one.
    #[cfg(feature = "alloc")]
    pub(super) fn lives(self) -> bool {
        word::generation(self.word.load()) == self.generation
    }
}

/// One call, as a window sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) slow: u64,
}

impl Sums {
    /// Whether these are too many failures or slow calls.
    pub(super) fn judge(self, rate: &Rate, slow_percent: Option<u8>) -> Option<Why> {
        let reaches =
            |count: u64, percent: u8| count.saturating_mul(100) >= self.calls.saturating_mul(percent.into());
        if self.calls < rate.minimum_calls.into() {
            None
        } else if reaches(self.failures, rate.percent) {
            Some(Why::FailureRate)
        } else {
            slow_percent.filter(|percent| reaches(self.slow, *percent)).map(|_| Why::SlowRate)
        }
    }

    /// How many failures open at this number of calls.
    pub(super) fn threshold(self, rate: &Rate) -> u32 {
        let calls = self.calls.max(rate.minimum_calls.into());
        clamp(calls.saturating_mul(rate.percent.into()).div_ceil(100))
    }

    pub(super) fn failures(self) -> u32 {
        clamp(self.failures)
    }
}

fn clamp(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Where a policy's windows are kept.
pub trait Remember {
    /// Makes the memory, if it is not there yet.
    fn warm_up(&self, rate: Option<&Rate>);

    /// Counts a call that neither failed nor was slow.
    fn success(&self, rate: &Rate, of: Of<'_>, now: u64);

    /// Counts a call that failed or was slow, and sums up.
    fn marked(&self, rate: &Rate, of: Of<'_>, now: u64, mark: Mark) -> Sums;

    /// What the window of this generation holds, as plain data.
    #[cfg(feature = "alloc")]
    fn told(&self, rate: &Rate, generation: Generation, now: u64) -> Option<WindowSnapshot>;

    /// Fills the window of a generation that has just begun with what was told `passed` nanoseconds ago.
    #[cfg(feature = "alloc")]
    fn fill(&self, rate: &Rate, of: Of<'_>, now: u64, passed: u64, window: &WindowSnapshot);
}

impl Remember for () {
    #[inline]
    fn warm_up(&self, _: Option<&Rate>) {}

    #[inline]
    fn success(&self, _: &Rate, _: Of<'_>, _: u64) {}

    #[inline]
    fn marked(&self, _: &Rate, _: Of<'_>, _: u64, _: Mark) -> Sums {
        Sums::default()
    }

    #[cfg(feature = "alloc")]
    fn told(&self, _: &Rate, _: Generation, _: u64) -> Option<WindowSnapshot> {
        None
    }

    #[cfg(feature = "alloc")]
    fn fill(&self, _: &Rate, _: Of<'_>, _: u64, _: u64, _: &WindowSnapshot) {}
}

#[cfg(not(feature = "alloc"))]
pub(super) use without::Memory;

/// Without memory there is no window: a `FullPolicy` then has no rate.
#[cfg(not(feature = "alloc"))]
mod without {
    /// No memory.
    #[derive(Debug)]
    pub struct Memory(());

    impl Memory {
        pub(in crate::breaker) const fn none_yet() -> Self {
            Self(())
        }
    }

    impl super::Remember for Memory {
        fn warm_up(&self, rate: Option<&super::Rate>) {
            ().warm_up(rate);
        }
        fn success(&self, rate: &super::Rate, of: super::Of<'_>, now: u64) {
            ().success(rate, of, now);
        }
        fn marked(&self, rate: &super::Rate, of: super::Of<'_>, now: u64, mark: super::Mark) -> super::Sums {
            ().marked(rate, of, now, mark)
        }
    }
}

#[cfg(feature = "alloc")]
pub(super) use with::Memory;

#[cfg(feature = "alloc")]
mod with {
    use super::{Mark, Of, Remember, Sums};
    use crate::breaker::count_window::CountWindow;
    use crate::breaker::policy::{Rate, Span};
    use crate::breaker::snapshot::WindowSnapshot;
    use crate::breaker::time_window::TimeWindow;
    use crate::breaker::word::Generation;
    use crate::sync::Once;
    use crate::time::saturating_nanos;
    use core::time::Duration;

    /// Holds a window, once there is one.
    pub struct Memory(Once<Window>);

    #[derive(Debug)]
    #[expect(clippy::large_enum_variant, reason = "made once a breaker, in memory of its own")]
    pub(in crate::breaker) enum Window {
        Calls(CountWindow),
        Time(TimeWindow),
    }

    impl Memory {
        pub(in crate::breaker) const fn none_yet() -> Self {
            Self(Once::new())
        }

        #[inline]
        pub(in crate::breaker) fn window(&self, rate: &Rate) -> &Window {
            match self.0.get() {
                Some(window) => window,
                None => self.make(rate),
            }
        }

        #[cold]
        fn make(&self, rate: &Rate) -> &Window {
            self.0.get_or_make(|| match rate.span {
                Span::Calls(calls) => Window::Calls(CountWindow::of(calls)),
                Span::Time { nanos } => Window::Time(TimeWindow::of(nanos)),
            })
        }
    }

    impl Remember for Memory {
        fn warm_up(&self, rate: Option<&Rate>) {
            if let Some(rate) = rate {
                self.window(rate);
            }
        }

        #[inline]
        fn success(&self, rate: &Rate, of: Of<'_>, now: u64) {
            match self.window(rate) {
                Window::Calls(window) => window.success(of),
                Window::Time(window) => window.success(of, now),
            }
        }

        #[cold]
        fn marked(&self, rate: &Rate, of: Of<'_>, now: u64, mark: Mark) -> Sums {
            match self.window(rate) {
                Window::Calls(window) => window.marked(of, mark),
                Window::Time(window) => window.marked(of, now, mark),
            }
        }

        fn told(&self, rate: &Rate, generation: Generation, now: u64) -> Option<WindowSnapshot> {
            Some(match self.window(rate) {
                Window::Calls(window) => {
                    let (calls, marks) = window.marks(generation);
                    let marks =
                        marks.into_iter().map(|(later, mark)| (later, mark.failed, mark.slow)).collect();
                    WindowSnapshot::Calls { calls, marks }
                }
                Window::Time(window) => {
                    let slices = window.slices(generation, now).into_iter();
                    let told = |(age, sums): (u64, Sums)| {
                        (Duration::from_nanos(age), sums.calls, sums.failures, sums.slow)
                    };
                    WindowSnapshot::Time { slices: slices.map(told).collect() }
                }
            })
        }

        fn fill(&self, rate: &Rate, of: Of<'_>, now: u64, passed: u64, window: &WindowSnapshot) {
            match (self.window(rate), window) {
                (Window::Calls(ours), WindowSnapshot::Calls { calls, marks }) => {
                    ours.fill(of, *calls, marks);
                }
                (Window::Time(ours), WindowSnapshot::Time { slices }) => {
                    let aged = |&(age, calls, failures, slow): &(Duration, u64, u64, u64)| {
                        (saturating_nanos(age).saturating_add(passed), Sums { calls, failures, slow })
                    };
                    ours.fill(of, now, slices.iter().map(aged));
                }
                _ => {}
            }
        }
    }

    impl core::fmt::Debug for Memory {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.debug_tuple("Memory").field(&self.0.get()).finish()
        }
    }
}
