//! What limits were told: one for all, others for those that are named. Checked once, `Copy`, `const`.

use core::time::Duration;

use crate::invalid::{InvalidPolicy, Value, refuse_to_compile, refuse_unless};

/// How long operations may take.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::timeout::{Limits, Operation};
///
/// const ALL: Limits = Limits::of(Duration::from_secs(2)).constant();
/// let named = Limits::of(Duration::from_secs(2))
///     .operations([Operation::new("report", Duration::from_secs(60))])
///     .build()?;
/// let none = Limits::of(Duration::from_secs(2)).operations([Operation::new("report", Duration::ZERO)]);
/// assert_eq!(none.build().unwrap_err().to_string(), "report = 0ns: must have a limit above zero");
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits<const N: usize = 0> {
    all: Operation,
    named: [Operation; N],
}

/// An operation with a limit of its own.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::timeout::Operation;
///
/// let report = Operation::new("report", Duration::from_secs(60)).slow_over(Duration::from_secs(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    name: &'static str,
    pub(super) limit: Duration,
    pub(super) slow_over: Option<Duration>,
}

/// Builds [`Limits`].
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct LimitsBuilder<const N: usize = 0>(Limits<N>);

impl Operation {
    /// The operation of this name may take so long. Unless told otherwise, it is slow over the threshold of all.
    #[must_use]
    pub const fn new(name: &'static str, limit: Duration) -> Self {
        Self { name, limit, slow_over: None }
    }

    /// A call that ended, and took longer than this, is told as slow.
    #[must_use]
    pub const fn slow_over(mut self, threshold: Duration) -> Self {
        self.slow_over = Some(threshold);
        self
    }
}

impl Limits {
    /// Every operation may take so long.
    pub const fn of(limit: Duration) -> LimitsBuilder {
        LimitsBuilder(Self { all: Operation::new("", limit), named: [] })
    }
}

impl<const N: usize> Limits<N> {
    /// What is told of an operation: its own, and that of all where there is none.
    pub(super) fn operation(&self, name: &str) -> Operation {
        let own = self.named.iter().copied().find(|operation| operation.name == name);
        own.map_or(self.all, |own| Operation { slow_over: own.slow_over.or(self.all.slow_over), ..own })
    }
}

impl<const N: usize> LimitsBuilder<N> {
    /// A call that ended, and took longer than this, is told as slow.
    pub const fn slow_over(mut self, threshold: Duration) -> Self {
        self.0.all = self.0.all.slow_over(threshold);
        self
    }

    /// These operations have limits of their own.
    pub const fn operations<const M: usize>(self, named: [Operation; M]) -> LimitsBuilder<M> {
        LimitsBuilder(Limits { all: self.0.all, named })
    }

    /// The limits, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule: a limit or a threshold of zero, a threshold that is not
    /// under its limit, an operation that is named twice. Of a named operation the field is its name.
    pub const fn build(self) -> Result<Limits<N>, InvalidPolicy> {
        let all = self.0.all;
        refuse_unless!(!all.limit.is_zero(), "limit", Value::Duration(all.limit), "must be above zero");
        if let Some(threshold) = all.slow_over {
            refuse_unless!(
                is_between(threshold, all.limit),
                "slow_over",
                Value::Duration(threshold),
                "must be above zero and under the limit"
            );
        }
        let mut rest: &[Operation] = &self.0.named;
        while let [first, others @ ..] = rest {
            if let Err(invalid) = first.check(others) {
                return Err(invalid);
            }
            rest = others;
        }
        Ok(self.0)
    }

    /// The limits, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Limits<N> {
        match self.build() {
            Ok(limits) => limits,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }
}

impl Operation {
    /// Refuses what can never work, by the operation's name.
    const fn check(&self, mut others: &[Self]) -> Result<(), InvalidPolicy> {
        if self.limit.is_zero() {
            let told = "an operation must have a limit above zero";
            return Err(self.refused(self.limit, "must have a limit above zero", told));
        }
        if let Some(threshold) = self.slow_over {
            if !is_between(threshold, self.limit) {
                let told = "an operation must be slow over a time above zero and under its limit";
                let rule = "must be slow over a time above zero and under its limit";
                return Err(self.refused(threshold, rule, told));
            }
        }
        while let [other, rest @ ..] = others {
            if is_same(self.name.as_bytes(), other.name.as_bytes()) {
                let told = "an operation must not be named twice";
                return Err(self.refused(other.limit, "must not be named twice", told));
            }
            others = rest;
        }
        Ok(())
    }

    const fn refused(&self, value: Duration, rule: &'static str, told: &'static str) -> InvalidPolicy {
        InvalidPolicy::new(self.name, Value::Duration(value), rule, told)
    }
}

/// Whether a threshold can be passed by a call that ends in time.
const fn is_between(threshold: Duration, limit: Duration) -> bool {
    !threshold.is_zero() && threshold.as_nanos() < limit.as_nanos()
}

/// Comparing is not const.
const fn is_same(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([first, rest @ ..], [second, others @ ..]) = (one, other) {
        if *first != *second {
            return false;
        }
        (one, other) = (rest, others);
    }
    one.is_empty() && other.is_empty()
}
