//! The retries' hot paths, as the breaker's are in [`paths`](crate::paths).

use std::{
    future::{Future, IntoFuture, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Waker},
};

use fusebox::retry::{Allowed, Budget, Policy, Retryable};

use crate::paths::{Failed, repeated};

/// Three attempts.
#[must_use]
pub fn thrice() -> Box<Policy> {
    Box::new(Policy::attempts(3).constant())
}

/// A call that succeeds at first.
#[inline]
pub fn succeed(policy: &Policy) {
    repeated(policy, |policy| {
        let call = || ready(Ok::<u64, Failed>(black_box(7)));
        let retry = call.retry(policy).sleep(|_| -> Ready<()> { ready(()) });
        pin!(retry.into_future()).poll(&mut Context::from_waker(Waker::noop()))
    });
}

/// Empty; its clock is not read.
#[must_use]
pub fn budget() -> Box<Budget> {
    Box::new(Budget::new(Allowed::ratio(1.0).constant()))
}

/// A first call, and a retry that is granted.
#[inline]
pub fn deposit_withdraw(budget: &Budget) {
    repeated(budget, |budget| {
        budget.deposit();
        budget.withdraw()
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_retry_is_granted_and_takes_its_token() {
        let budget = super::budget();
        super::deposit_withdraw(&budget);
        assert_eq!(budget.look().refused, 0);
        assert!(budget.withdraw().is_err());
    }
}
