//! Any quota and any script of requests, on any clock: every form is what exact arithmetic says, never early, and late by no
//! more than it says; and nothing panics or overflows.

use core::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use fusebox::limiter::{
    Adjustable, Decision, Gcra, Keyed, KeyedRateLimiter, Leased, Leases, OneTier, Quota, RateLimiter, Strict,
};
use fusebox::time::{Instant, ManualClock};

/// A quota, and what is asked of it.
#[derive(Debug)]
pub struct Script {
    rate: u32,
    period: u64,
    burst: u32,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    now: u64,
    n: u32,
    act: Act,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Act {
    Check,
    Peek,
    Reserve { longest: u32, refunds: bool },
}

const SECOND: u64 = 1_000_000_000;
const YEAR: u64 = 365 * 24 * 3_600 * SECOND;

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let period =
            *u.choose(&[1, 1_000, SECOND, SECOND, SECOND, 60 * SECOND, 86_400 * SECOND, YEAR, 10 * YEAR])?;
        let period = if u.ratio(1, 4_u8)? { u.int_in_range(1..=period)? } else { period };
        let most = u32::try_from(period).unwrap_or(u32::MAX);
        let most = *u.choose(&[most.min(16), most.min(1_000), most])?;
        let rate = u.int_in_range(1..=most)?;
        let most = *u.choose(&[3, 50, 100_000, u32::MAX])?;
        let burst = u.int_in_range(1..=most)?;
        let (mut now, mut steps) = (0, Vec::new());
        while !u.is_empty() && steps.len() < 64 {
            now = instant(u, now, period / u64::from(rate))?;
            let n = if u.ratio(1, 2_u8)? { 1 } else { u.int_in_range(0..=burst.saturating_add(1))? };
            steps.push(Step { now, n, act: u.arbitrary()? });
        }
        Ok(Self { rate, period, burst, steps })
    }
}

/// Mostly a while later, beside a cell's interval; now and then anywhere.
fn instant(u: &mut Unstructured<'_>, now: u64, interval: u64) -> Result<u64> {
    Ok(match u.int_in_range(0..=9_u8)? {
        0..=3 => now,
        4 | 5 => now.saturating_add(interval).saturating_add(u.int_in_range(0..=2)?),
        6 => now.saturating_add(u.int_in_range(0..=interval)?),
        7 => now.saturating_add(u.arbitrary::<u64>()? >> u.int_in_range(1..=63)?),
        8 => now.saturating_sub(u.arbitrary::<u64>()? >> u.int_in_range(1..=63)?),
        _ => u.arbitrary()?,
    })
}

/// The quota in whole numbers: time in parts of a nanosecond, `rate` of them, of which a cell is `period`.
#[derive(Clone, Copy, Debug)]
struct Exact {
    rate: u128,
    period: u128,
    burst: u128,
    tat: u128,
    /// The last nanosecond that the word is sure to hold.
    last: u128,
}

impl Exact {
    fn owed(&self, now: u64) -> u128 {
        self.tat.saturating_sub(u128::from(now) * self.rate)
    }

    fn admits(&self, n: u32, now: u64) -> bool {
        self.owed(now) + u128::from(n) * self.period <= self.burst * self.period
    }

    /// Whether it would be full again at an instant that a word can hold: what does not fit is a denial, and a word may count
    /// in units of a sixteenth of a nanosecond.
    fn fits(&self, n: u32, now: u64) -> bool {
        let tat = self.tat.max(u128::from(now) * self.rate) + u128::from(n) * self.period;
        tat / self.rate < self.last
    }

    fn take(&mut self, n: u32, now: u64) {
        if n > 0 {
            self.tat = self.tat.max(u128::from(now) * self.rate) + u128::from(n) * self.period;
        }
    }

    /// How many nanoseconds later a decision may come.
    fn lateness(&self) -> u64 {
        let (mut a, mut b) = (self.period, self.rate);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        if self.rate / a <= 16 { 0 } else { 4 }
    }
}

impl Script {
    pub fn check(&self) {
        let told = Quota::with_period(self.rate, Duration::from_nanos(self.period)).burst(self.burst).build();
        let Ok(quota) = told else {
            assert_eq!(told.unwrap_err().field(), "burst", "{self:?}");
            return;
        };
        self.check_word(&quota);
        self.check_adjustable(quota);
        self.check_leased(quota);
        self.check_keyed(quota);
    }

    fn exact(&self) -> Exact {
        Exact {
            rate: self.rate.into(),
            period: self.period.into(),
            burst: self.burst.into(),
            tat: 0,
            last: u128::from(u64::MAX / 16),
        }
    }

    /// The strict form and the plain state decide alike, and as exact arithmetic does.
    fn check_word(&self, quota: &Quota) {
        let limiter: RateLimiter<Strict, ManualClock> =
            RateLimiter::with_parts(*quota, ManualClock::new(), (), ());
        let (mut state, mut exact) = (Gcra::default(), self.exact());
        for step in &self.steps {
            let (n, now) = (step.n, Instant::from_nanos(step.now));
            assert_eq!(state.level_at(quota, now), limiter.peek_at(now));
            match step.act {
                Act::Peek => self.check_level(&limiter, &exact, step),
                Act::Check => {
                    let before = state;
                    let decision = state.check_at(quota, n, now);
                    assert_eq!(decision, limiter.check_n_at(n, now), "{step:?} of {self:?}");
                    self.judge(decision, &mut exact, step);
                    if let Decision::Denied(denied) = decision {
                        assert_eq!(state, before, "a denial changes nothing");
                        waits_as_told(quota, state, n, step.now, denied.retry_after());
                    }
                }
                Act::Reserve { longest, refunds } => {
                    let longest = Duration::from_nanos(longest.into());
                    let (one, two) =
                        (state.reserve_at(quota, n, longest, now), limiter.reserve_at(n, longest, now));
                    assert_eq!(one, two, "{step:?} of {self:?}");
                    if let (Ok(one), Ok(two)) = (one, two) {
                        assert!(one.wait() <= longest, "{one:?} of {self:?}");
                        if refunds {
                            // Nothing was refunded before, so the limiter knows exactly; the state is on the safe side.
                            let back = limiter.refund_at(two, now);
                            assert!(state.refund_at(one, now) <= back && back <= n, "{back} of {self:?}");
                        }
                    }
                    // What is reserved ahead is beyond what the exact model knows.
                    return;
                }
            }
        }
    }

    fn check_level(&self, limiter: &RateLimiter<Strict, ManualClock>, exact: &Exact, step: &Step) {
        let level = limiter.peek_at(Instant::from_nanos(step.now));
        let free = (exact.burst * exact.period).saturating_sub(exact.owed(step.now)) / exact.period;
        let remaining = u128::from(level.remaining());
        assert!(remaining <= free, "{remaining} of {free} at {step:?} of {self:?}");
        let fits = step.now < u64::MAX / 16 && exact.lateness() == 0;
        assert!(!fits || remaining == free, "{remaining} of {free} at {step:?} of {self:?}");
    }

    fn judge(&self, decision: Decision, exact: &mut Exact, step: &Step) {
        let Step { n, now, .. } = *step;
        match decision {
            Decision::NeverFits(_) => assert!(n > self.burst, "{step:?} of {self:?}"),
            Decision::Allowed(_) => {
                assert!(n == 0 || exact.admits(n, now), "early: {step:?} of {self:?}");
                exact.take(n, now);
            }
            Decision::Denied(denied) => {
                let late = Duration::from_nanos(exact.lateness());
                // What does not fit is a denial: instants in units of 1/16 ns.
                let owed = exact.admits(n, now) && exact.fits(n, now);
                assert!(!owed || denied.retry_after() <= late, "{denied:?}: {step:?} of {self:?}");
            }
        }
    }

    /// As the strict form while nobody changes the quota; and a change keeps the cells in use.
    fn check_adjustable(&self, quota: Quota) {
        let Ok(adjustable) = RateLimiter::adjustable(quota) else { return };
        let limiter: RateLimiter<Adjustable, _> = adjustable.with_clock(ManualClock::new());
        let mut exact = self.exact();
        // Its word has a bit less: half the years.
        exact.last /= 2;
        for step in self.steps.iter().filter(|step| step.now < u64::MAX / 64) {
            let now = Instant::from_nanos(step.now);
            self.judge(limiter.check_n_at(step.n, now), &mut exact, step);
            let remaining = limiter.peek_at(now).remaining();
            assert_eq!(limiter.set_quota_at(quota, now), Ok(quota));
            let after = limiter.peek_at(now).remaining();
            assert!(
                after <= remaining && remaining - after <= 1,
                "{remaining}, {after}: {step:?} of {self:?}"
            );
            // A clock that steps back to before a change stands still. Between two units, the change rounds up.
            let here = u128::from(step.now) * exact.rate;
            exact.tat = if exact.tat > here { exact.tat } else { here };
            if remaining != after || exact.lateness() > 0 {
                return;
            }
        }
    }

    /// Never beyond the bound, in whatever lease the cells lie.
    fn check_leased(&self, quota: Quota) {
        let lease = self.burst.div_ceil(8);
        let Ok(leased) = RateLimiter::leased(quota, Leases::of(lease).shards(3)) else { return };
        let limiter: RateLimiter<Leased, _> = leased.with_clock(ManualClock::new());
        let mut admitted = Vec::new();
        for step in self.steps.iter().scan(0, |latest, step| {
            *latest = step.now.max(*latest);
            Some((step.n, *latest))
        }) {
            let (n, now) = step;
            if limiter.check_n_at(n, Instant::from_nanos(now)).is_allowed() {
                admitted.push((now, n));
            }
            let remaining = limiter.peek_at(Instant::from_nanos(now)).remaining();
            assert!(remaining <= self.burst, "{remaining} of {self:?}");
        }
        self.bounded(&admitted);
    }

    /// A key in a table of its own, while the clock goes forward: after a step back, a key that had recovered may be new.
    fn check_keyed(&self, quota: Quota) {
        let Ok(keyed) = Keyed::of(quota, 1).seed(1).build::<u64>() else { return };
        let limiter: KeyedRateLimiter<u64, OneTier, _> = keyed.with_clock(ManualClock::new());
        let (mut exact, mut latest) = (self.exact(), 0);
        let late = (self.period / u64::from(self.rate) / 1_024).max(1);
        for step in &self.steps {
            if step.now < latest {
                break;
            }
            latest = step.now;
            match limiter.check_n_at(&7, step.n, Instant::from_nanos(step.now)) {
                Decision::NeverFits(_) => assert!(step.n > self.burst),
                Decision::Allowed(_) => {
                    assert!(step.n == 0 || exact.admits(step.n, step.now), "early: {step:?} of {self:?}");
                    exact.take(step.n, step.now);
                }
                Decision::Denied(denied) => {
                    let owed = exact.admits(step.n, step.now) && exact.fits(step.n, step.now);
                    let told = denied.retry_after();
                    assert!(
                        !owed || told <= Duration::from_nanos(late + 1),
                        "{told:?}: {step:?} of {self:?}"
                    );
                }
            }
        }
        assert_eq!(limiter.keyed_counts().evictions, 0);
    }

    /// In any interval of length d no more than `burst + d / T`.
    fn bounded(&self, admitted: &[(u64, u32)]) {
        for (index, (from, _)) in admitted.iter().enumerate() {
            let mut cells = 0;
            for (to, n) in admitted.get(index..).unwrap_or(&[]) {
                cells += u128::from(*n);
                let refilled = u128::from(to - from) * u128::from(self.rate) / u128::from(self.period);
                assert!(
                    cells <= u128::from(self.burst) + refilled,
                    "{cells} from {from} to {to} of {self:?}"
                );
            }
        }
    }
}

/// Then, and not a nanosecond before.
fn waits_as_told(quota: &Quota, state: Gcra, n: u32, now: u64, wait: Duration) {
    let wait = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    assert!(wait > 0);
    let Some(then) = now.checked_add(wait).filter(|then| *then < u64::MAX / 16) else { return };
    let admits = |at: u64| state.clone().check_at(quota, n, Instant::from_nanos(at)).is_allowed();
    assert!(admits(then), "after {wait} ns at {now}: {state:?} of {quota:?}");
    assert!(!admits(then - 1), "before {wait} ns were over at {now}: {state:?} of {quota:?}");
}
