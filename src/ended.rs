//! Whether a call that is dropped just now is ended by fusebox itself: at its limit, or at its deadline.
//!
//! A permit that is dropped then was not cancelled: the dependency did not answer in time, and its breaker is to know. Said by the
//! thread that drops the call, as a panic is said by the thread that unwinds. Without `std` nobody can say it: a call that is
//! dropped is cancelled.

#[cfg(feature = "std")]
std::thread_local! {
    static AT_ITS_LIMIT: core::cell::Cell<bool> = const { core::cell::Cell::new(false) };
}

/// Ends a call at its limit.
pub(crate) fn at_its_limit(end: impl FnOnce()) {
    #[cfg(feature = "std")]
    {
        /// Also where the drop of a call panics.
        struct Before(bool);
        impl Drop for Before {
            fn drop(&mut self) {
                // A thread that is ending ends no calls.
                let _ = AT_ITS_LIMIT.try_with(|ended| ended.set(self.0));
            }
        }
        let _before = Before(AT_ITS_LIMIT.try_with(|ended| ended.replace(true)).unwrap_or_default());
        end();
    }
    #[cfg(not(feature = "std"))]
    end();
}

/// Whether what is dropped now is ended at its limit.
pub(crate) fn is_at_its_limit() -> bool {
    #[cfg(feature = "std")]
    return AT_ITS_LIMIT.try_with(core::cell::Cell::get).unwrap_or_default();
    #[cfg(not(feature = "std"))]
    return false;
}
