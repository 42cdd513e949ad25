//! The one file that names an atomic type, so that a model checker sees each of them.
//!
//! | build | atomics come from |
//! |---|---|
//! | a target with 64-bit atomics | `core` |
//! | any other target | portable-atomic (its fallback, or the application's `critical-section`) |
//! | `loom-tests` (private cfg `fusebox_loom`) | loom, where each access is a schedule point |

#[cfg(fusebox_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};

#[cfg(not(fusebox_loom))]
pub(crate) use core::sync::atomic::Ordering;
#[cfg(all(feature = "alloc", not(fusebox_loom)))]
pub(crate) use core::sync::atomic::fence;

#[cfg(all(not(fusebox_loom), target_has_atomic = "64"))]
pub(crate) use core::sync::atomic::AtomicU64;

#[cfg(all(not(fusebox_loom), not(target_has_atomic = "64")))]
pub(crate) use portable_atomic::AtomicU64;

/// Declares a `const fn`; under loom, whose atomics are made at run time, the same body as a plain `fn`.
macro_rules! const_fn {
    ($(#[$attribute:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(fusebox_loom))]
        $(#[$attribute])* $vis const fn $($rest)*
        #[cfg(fusebox_loom)]
        $(#[$attribute])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// A number that one side shows and others look at.
///
/// Relaxed throughout: the number is the whole message, and nothing is published through it.
#[derive(Debug)]
pub(crate) struct Shown(AtomicU64);

impl Shown {
    const_fn! {
        pub(crate) const fn zero() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// Sets it, unless it is higher already.
    pub(crate) fn raise(&self, number: u64) {
        self.0.fetch_max(number, Ordering::Relaxed);
    }
}

/// Memory made at its first use, without a lock.
///
/// Two threads may both make it; one of them is kept, the other dropped.
#[cfg(feature = "alloc")]
pub(crate) struct Once<T> {
    #[cfg(not(fusebox_loom))]
    inner: once_cell::race::OnceBox<T>,
    // Making the memory is the library's protocol, not ours: models make it before they start their threads.
    #[cfg(fusebox_loom)]
    inner: std::sync::OnceLock<alloc::boxed::Box<T>>,
}

#[cfg(feature = "alloc")]
impl<T> Once<T> {
    pub(crate) const fn new() -> Self {
        #[cfg(not(fusebox_loom))]
        return Self { inner: once_cell::race::OnceBox::new() };
        #[cfg(fusebox_loom)]
        return Self { inner: std::sync::OnceLock::new() };
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        #[cfg(not(fusebox_loom))]
        return self.inner.get();
        #[cfg(fusebox_loom)]
        return self.inner.get().map(|boxed| &**boxed);
    }

    #[inline]
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        self.inner.get_or_init(|| alloc::boxed::Box::new(make()))
    }
}

/// How many threads the machine runs at once; one where nobody can tell.
#[cfg(feature = "alloc")]
pub(crate) fn parallelism() -> usize {
    #[cfg(fusebox_loom)]
    return 1;
    #[cfg(all(feature = "std", not(fusebox_loom)))]
    return std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
    #[cfg(not(any(feature = "std", fusebox_loom)))]
    return 1;
}
