//! Priorities: what is shed first.

use core::fmt;

/// How much work matters: of two, the lower one is shed first.
///
/// | priority | for | share of the capacity, unless told otherwise |
/// |---|---|---|
/// | `Background` | what nobody waits for: prefetching, indexing | 50 % |
/// | `Low` | what may come later: batch jobs, retries | 70 % |
/// | `Normal` | what people asked for | 85 % |
/// | `High` | what people pay for | 95 % |
/// | `Critical` | what everything else needs: health checks, authentication | all of it |
///
/// # Examples
/// ```
/// use fusebox::pressure::Priority;
///
/// assert!(Priority::Critical > Priority::Background);
/// assert_eq!("high".parse(), Ok(Priority::High));
/// assert_eq!(Priority::default().to_string(), "normal");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Shed first.
    Background,
    /// Shed before what somebody waits for.
    Low,
    /// The ordinary request.
    #[default]
    Normal,
    /// Shed late.
    High,
    /// Shed last: only where no slot is free at all.
    Critical,
}

impl Priority {
    /// All of them, the lowest first.
    pub const ALL: [Self; 5] = [Self::Background, Self::Low, Self::Normal, Self::High, Self::Critical];

    /// Its name, in small letters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPriority;

impl fmt::Display for UnknownPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such priority: there are background, low, normal, high and critical")
    }
}

impl core::error::Error for UnknownPriority {}

impl core::str::FromStr for Priority {
    type Err = UnknownPriority;

    /// Its name, in letters of any size.
    fn from_str(name: &str) -> Result<Self, UnknownPriority> {
        Self::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name)).ok_or(UnknownPriority)
    }
}
