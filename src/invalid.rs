//! The one error of every constructor: which field, what value, which rule.

use core::fmt;
use core::time::Duration;

/// A configuration that can never work.
///
/// Given by the `build` of every policy; a `constant()` in a const item does not compile in its place.
///
/// # Examples
/// ```
/// use fusebox::breaker::Policy;
///
/// let refused = Policy::consecutive_failures(0).build().unwrap_err();
/// assert_eq!(refused.field(), "consecutive_failures");
/// assert_eq!(refused.to_string(), "consecutive_failures = 0: must be from 1 to 65535");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InvalidPolicy {
    field: &'static str,
    value: Value,
    rule: &'static str,
    told: &'static str,
}

/// The value that was refused, as it was given.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A count, or a percentage.
    Count(u64),
    /// A length of time.
    Duration(Duration),
    /// A factor or a fraction.
    Number(f64),
    /// A list that holds nothing.
    Empty,
    /// Nothing was given where something is needed.
    Missing,
}

impl InvalidPolicy {
    pub(crate) const fn new(
        field: &'static str,
        value: Value,
        rule: &'static str,
        told: &'static str,
    ) -> Self {
        Self { field, value, rule, told }
    }

    /// The field and its rule in one literal, for the compiler's message (formatting is not const).
    const fn told(&self) -> &'static str {
        self.told
    }

    /// The name of the field, as the builder spells it.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// What it was set to.
    #[must_use]
    pub const fn value(&self) -> Value {
        self.value
    }

    /// The rule that this value breaks, as a predicate: "must be from 1 to 63".
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.field, self.value, self.rule)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Duration(duration) => write!(f, "{duration:?}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Empty => f.write_str("[]"),
            Self::Missing => f.write_str("(nothing)"),
        }
    }
}

impl core::error::Error for InvalidPolicy {}

macro_rules! invalid {
    ($field:literal, $value:expr, $rule:literal) => {
        $crate::invalid::InvalidPolicy::new($field, $value, $rule, concat!($field, " ", $rule))
    };
}

/// The error of a const check whose other outcome goes on.
macro_rules! refuse_unless {
    ($holds:expr, $field:literal, $value:expr, $rule:literal) => {
        if !$holds {
            return Err($crate::invalid::invalid!($field, $value, $rule));
        }
    };
}

pub(crate) use {invalid, refuse_unless};

/// Ends the evaluation of a const item whose setting can never work.
#[expect(clippy::panic, reason = "in a const item this is a compile error, which is its purpose")]
pub(crate) const fn refuse_to_compile(invalid: &InvalidPolicy) -> ! {
    panic!("{}", invalid.told())
}
