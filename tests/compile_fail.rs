//! What can never work does not compile: each misuse beside its twin, which differs in one value and
//! compiles.
//!
//! A package of one binary for each is written under the build folder and given to `cargo check`, twice. What
//! the compiler says of a misuse must name our rule, or its own error code; how it words the rest is its
//! affair, so that another version of it breaks nothing here.

#![cfg(feature = "std")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop at what it did not expect")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

struct Case {
    name: &'static str,
    /// Stands in `main`.
    misuse: &'static str,
    twin: &'static str,
    /// What the compiler must say of the misuse.
    says: &'static str,
}

macro_rules! constant {
    ($name:literal: $misuse:literal, $twin:literal => $says:literal) => {
        Case {
            name: $name,
            misuse: concat!("const _: FullPolicy = Policy::", $misuse, ".full().constant();"),
            twin: concat!("const _: FullPolicy = Policy::", $twin, ".full().constant();"),
            says: $says,
        }
    };
}

/// Policies in const items.
const CONSTANTS: &[Case] = &[
    constant!("threshold_of_zero": "consecutive_failures(0)", "consecutive_failures(1)"
        => "consecutive_failures must be from 1 to 65535"),
    constant!("threshold_too_great": "consecutive_failures(65_536)", "consecutive_failures(65_535)"
        => "consecutive_failures must be from 1 to 65535"),
    constant!("open_for_no_time":
        "consecutive_failures(1).open_duration(Duration::ZERO)",
        "consecutive_failures(1).open_duration(Duration::from_nanos(1))" => "open_duration must be from 1 ns"),
    constant!("open_for_ever":
        "consecutive_failures(1).open_duration(Duration::MAX)",
        "consecutive_failures(1).open_duration(Duration::from_secs(315_576_000))" => "open_duration must be from 1 ns"),
    constant!("no_probes":
        "consecutive_failures(1).half_open_calls(0)", "consecutive_failures(1).half_open_calls(1)"
        => "half_open_calls must be from 1 to 63"),
    constant!("too_many_probes":
        "consecutive_failures(1).half_open_calls(64)", "consecutive_failures(1).half_open_calls(63)"
        => "half_open_calls must be from 1 to 63"),
    constant!("no_successes":
        "consecutive_failures(1).success_threshold(0)", "consecutive_failures(1).success_threshold(1)"
        => "success_threshold must be from 1 to 63"),
    constant!("half_open_for_no_time":
        "consecutive_failures(1).half_open_timeout(Duration::ZERO)",
        "consecutive_failures(1).without_half_open_timeout()" => "half_open_timeout must be from 1 ns"),
    constant!("percent_of_zero":
        "failure_rate(0, Window::calls(10), 5)", "failure_rate(1, Window::calls(10), 5)"
        => "percent must be from 1 to 100"),
    constant!("percent_of_101":
        "failure_rate(101, Window::calls(10), 5)", "failure_rate(100, Window::calls(10), 5)"
        => "percent must be from 1 to 100"),
    constant!("window_of_no_calls":
        "failure_rate(50, Window::calls(0), 1)", "failure_rate(50, Window::calls(1), 1)"
        => "window must be from 1 to 1048576 calls"),
    constant!("window_of_no_time":
        "failure_rate(50, Window::time(Duration::ZERO), 1)",
        "failure_rate(50, Window::time(Duration::from_nanos(1)), 1)" => "window must be from 1 ns"),
    constant!("no_minimum":
        "failure_rate(50, Window::calls(10), 0)", "failure_rate(50, Window::calls(10), 1)"
        => "minimum_calls must be 1 at least"),
    constant!("minimum_over_the_window":
        "failure_rate(50, Window::calls(10), 11)", "failure_rate(50, Window::calls(10), 10)"
        => "minimum_calls must not be more calls than the window holds"),
    constant!("slow_percent_of_101":
        "failure_rate(50, Window::calls(10), 5).slow_call_percent(Duration::from_secs(1), 101)",
        "failure_rate(50, Window::calls(10), 5).slow_call_percent(Duration::from_secs(1), 100)"
        => "percent must be from 1 to 100"),
    constant!("slow_percent_without_a_window":
        "consecutive_failures(1).slow_call_percent(Duration::from_secs(1), 50)",
        "consecutive_failures(1).slow_call_as_failure(Duration::from_secs(1))"
        => "percent must come with a failure rate"),
    constant!("factor_under_one":
        "consecutive_failures(1).open_growth(0.9, Duration::from_secs(60))",
        "consecutive_failures(1).open_growth(1.0, Duration::from_secs(60))" => "factor must be from 1"),
    constant!("factor_that_is_no_number":
        "consecutive_failures(1).open_growth(f64::NAN, Duration::from_secs(60))",
        "consecutive_failures(1).open_growth(1.5, Duration::from_secs(60))" => "factor must be from 1"),
    constant!("cap_under_the_open_duration":
        "consecutive_failures(1).open_duration(Duration::from_secs(10)).open_growth(2.0, Duration::from_secs(9))",
        "consecutive_failures(1).open_duration(Duration::from_secs(10)).open_growth(2.0, Duration::from_secs(10))"
        => "cap must not be under the open duration"),
    constant!("negative_jitter":
        "consecutive_failures(1).open_jitter(-0.1)", "consecutive_failures(1).open_jitter(0.1)"
        => "jitter must be from 0"),
    constant!("ramp_without_a_step":
        "consecutive_failures(1).ramp(&[], Duration::from_secs(1))",
        "consecutive_failures(1).ramp(&[10], Duration::from_secs(1))" => "percents must name at least one step"),
    constant!("ramp_of_101_percent":
        "consecutive_failures(1).ramp(&[10, 101], Duration::from_secs(1))",
        "consecutive_failures(1).ramp(&[10, 100], Duration::from_secs(1))" => "percents must be from 1 to 100"),
    constant!("ramp_of_too_many_steps":
        "consecutive_failures(1).ramp(&[1; 17], Duration::from_secs(1))",
        "consecutive_failures(1).ramp(&[1; 16], Duration::from_secs(1))" => "percents must be 16 steps at most"),
    constant!("ramp_of_no_time":
        "consecutive_failures(1).ramp(&[10], Duration::ZERO)",
        "consecutive_failures(1).ramp(&[10], Duration::from_nanos(1))" => "step must be from 1 ns"),
];

macro_rules! quota {
    ($name:literal: $misuse:literal, $twin:literal => $says:literal) => {
        Case {
            name: $name,
            misuse: concat!("const _: Quota = Quota::", $misuse, ".constant();"),
            twin: concat!("const _: Quota = Quota::", $twin, ".constant();"),
            says: $says,
        }
    };
}

/// Quotas in const items.
const QUOTAS: &[Case] = &[
    quota!("rate_of_zero": "per_second(0).burst(1)", "per_second(1).burst(1)" => "rate must be 1 at least"),
    quota!("rate_over_one_a_nanosecond": "per_second(1_000_000_001)", "per_second(1_000_000_000)"
        => "rate must be one cell a nanosecond at most"),
    quota!("period_of_no_time": "with_period(1, Duration::ZERO)", "with_period(1, Duration::from_nanos(1))"
        => "period must be from 1 ns"),
    quota!("period_that_no_clock_shows": "with_period(1, Duration::MAX)",
        "with_period(1, Duration::from_nanos(u64::MAX - 1))" => "period must be from 1 ns"),
    quota!("burst_of_zero": "per_second(1).burst(0)", "per_second(1).burst(1)" => "burst must be 1 at least"),
    quota!("burst_that_does_not_fit": "with_period(1, Duration::from_secs(315_360_000)).burst(59)",
        "with_period(1, Duration::from_secs(315_360_000)).burst(58)" => "burst must be refilled within"),
];

macro_rules! slots {
    ($name:literal: $misuse:literal, $twin:literal => $says:literal) => {
        Case {
            name: $name,
            misuse: concat!("const _: () = { let _ = ", $misuse, ".constant(); };"),
            twin: concat!("const _: () = { let _ = ", $twin, ".constant(); };"),
            says: $says,
        }
    };
}

/// Capacities, adaptations and throttlings in const items.
const SLOTS: &[Case] = &[
    slots!("capacity_of_zero": "Capacity::of(0)", "Capacity::of(1)" => "capacity must be from 1 to 16777215"),
    slots!("thresholds_that_fall": "Capacity::of(9).thresholds([0.5, 0.4, 0.6, 0.8, 1.0])",
        "Capacity::of(9).thresholds([0.5, 0.5, 0.6, 0.8, 1.0])" => "thresholds must be above 0"),
    slots!("critical_cut_short": "Capacity::of(9).thresholds([0.5, 0.5, 0.6, 0.8, 0.9])",
        "Capacity::of(9).thresholds([0.5, 0.5, 0.6, 0.8, 1.0])" => "thresholds must be 1 for Critical"),
    slots!("floor_above_the_ceiling": "Adaptation::of(Capacity::of(9).constant()).between(10, 9)",
        "Adaptation::of(Capacity::of(9).constant()).between(9, 9)" => "floor must not be above the ceiling"),
    slots!("throttle_that_asks_too_little": "Throttling::new().ratio(0.9)", "Throttling::new().ratio(1.0)"
        => "ratio must be from 1"),
];

/// Retries and their budgets in const items.
const RETRIES: &[Case] = &[
    slots!("no_attempts": "fusebox::retry::Policy::attempts(0)", "fusebox::retry::Policy::attempts(1)"
        => "max_attempts must be 1 at least"),
    slots!("max_delay_under_the_initial_one":
        "fusebox::retry::Policy::attempts(3).initial_delay(Duration::from_secs(2)).max_delay(Duration::from_secs(1))",
        "fusebox::retry::Policy::attempts(3).initial_delay(Duration::from_secs(2)).max_delay(Duration::from_secs(2))"
        => "max_delay must not be under the initial delay"),
    slots!("multiplier_under_one": "fusebox::retry::Policy::attempts(3).multiplier(0.9)",
        "fusebox::retry::Policy::attempts(3).multiplier(1.0)" => "multiplier must be from 1 to a billion"),
    slots!("jitter_that_takes_away":
        "fusebox::retry::Policy::attempts(3).jitter(fusebox::retry::Jitter::Proportional(-0.1))",
        "fusebox::retry::Policy::attempts(3).jitter(fusebox::retry::Jitter::Proportional(0.1))"
        => "jitter_fraction must be from 0"),
    slots!("budget_of_no_capacity": "fusebox::retry::Allowed::ratio(0.1).capacity(0)",
        "fusebox::retry::Allowed::ratio(0.1).capacity(1)" => "capacity must be 1 at least"),
    slots!("budget_that_begins_with_too_much": "fusebox::retry::Allowed::ratio(0.1).capacity(1).initial(1.5)",
        "fusebox::retry::Allowed::ratio(0.1).capacity(1).initial(1.0)" => "initial must be from 0 to the capacity"),
    slots!("budget_without_a_token_ever": "fusebox::retry::Allowed::ratio(0.0)",
        "fusebox::retry::Allowed::ratio(0.0).initial(1.0)" => "ratio must not be 0 where no token ever comes"),
];

/// A call that is retried without a sleeper, and one with something that is none.
const SLEEPERS: &[Case] = &[
    Case {
        name: "a_retry_awaited_without_a_sleeper",
        misuse: "use fusebox::retry::Retryable; let fetch = || async { Ok::<(), ()>(()) };
            let _ = async { fetch.retry(fusebox::retry::Policy::attempts(3).constant()).await };",
        twin: "use fusebox::retry::Retryable; let fetch = || async { Ok::<(), ()>(()) };
            let _ = async { fetch.retry(fusebox::retry::Policy::attempts(3).constant()).sleep(|_| async {}).await };",
        says: "say what to sleep with, `.sleep(tokio::time::sleep)`",
    },
    Case {
        name: "a_retry_with_something_that_is_no_sleeper",
        misuse: "use fusebox::retry::Retryable; let fetch = || async { Ok::<(), ()>(()) };
            let _ = async { fetch.retry(fusebox::retry::Policy::attempts(3).constant()).sleep(7).await };",
        twin: "use fusebox::retry::Retryable; let fetch = || async { Ok::<(), ()>(()) };
            let _ = async { fetch.retry(fusebox::retry::Policy::attempts(3).constant()).sleep(|_| async {}).await };",
        says: "say what to sleep with: `.sleep(tokio::time::sleep)`",
    },
];

macro_rules! guards {
    ($name:literal: $misuse:literal, $twin:literal => $says:literal) => {
        Case {
            name: $name,
            misuse: concat!("const BREAKING: Policy = Policy::consecutive_failures(1).constant(); let guard = Guard::builder(\"x\");
                let _ = ", $misuse, ";"),
            twin: concat!("const BREAKING: Policy = Policy::consecutive_failures(1).constant(); let guard = Guard::builder(\"x\");
                let _ = ", $twin, ";"),
            says: $says,
        }
    };
}

/// Guards that are put together wrongly.
const GUARDS: &[Case] = &[
    guards!("a_second_breaker": "guard.breaker(CircuitBreaker::new(BREAKING)).breaker(CircuitBreaker::new(BREAKING))",
        "guard.breaker(CircuitBreaker::new(BREAKING))" => "E0599"),
    guards!("a_second_limit": "guard.limit(Duration::from_secs(1)).limit(Duration::from_secs(2))",
        "guard.limit(Duration::from_secs(1)).deadline(Duration::from_secs(2))" => "E0599"),
    guards!("a_budget_before_its_retry": "guard.budget(()).retry(fusebox::retry::Policy::attempts(2).constant())",
        "guard.retry(fusebox::retry::Policy::attempts(2).constant()).budget(())" => "E0599"),
    guards!("a_breaker_that_is_none": "guard.breaker(7)", "guard.breaker(CircuitBreaker::new(BREAKING))" => "E0277"),
    guards!("counts_of_a_guard_that_counts_nothing": "guard.build().unwrap().counts()",
        "guard.counted().build().unwrap().counts()" => "E0599"),
    guards!("a_guarded_call_without_a_sleeper":
        "guard.build().unwrap().call(|| async { Ok::<(), ()>(()) })",
        "guard.sleep(|_| async {}).build().unwrap().call(|| async { Ok::<(), ()>(()) })" => ".sleep(tokio::time::sleep)"),
];

/// What the types forbid.
const TYPES: &[Case] = &[
    Case {
        name: "a_static_of_a_bad_policy",
        misuse: "static _B: CircuitBreaker = CircuitBreaker::new(Policy::consecutive_failures(0).constant());",
        twin: "static _B: CircuitBreaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant());",
        says: "consecutive_failures must be from 1 to 65535",
    },
    Case {
        name: "a_static_limiter_of_a_bad_quota",
        misuse: "static _L: RateLimiter = RateLimiter::new(Quota::per_second(0).constant());",
        twin: "static _L: RateLimiter = RateLimiter::new(Quota::per_second(1).constant());",
        says: "rate must be 1 at least",
    },
    Case {
        name: "a_quota_changed_that_is_strict",
        misuse: "let quota = Quota::per_second(1).constant(); let _ = RateLimiter::new(quota).set_quota(quota);",
        twin: "let quota = Quota::per_second(1).constant(); let _ = RateLimiter::adjustable(quota).unwrap().set_quota(quota);",
        says: "E0599",
    },
    Case {
        name: "a_reservation_refunded_twice",
        misuse: "let limiter = RateLimiter::new(Quota::per_second(1).constant());
            let reserved = limiter.reserve(1, Duration::ZERO).unwrap(); limiter.refund(reserved); limiter.refund(reserved);",
        twin: "let limiter = RateLimiter::new(Quota::per_second(1).constant());
            let reserved = limiter.reserve(1, Duration::ZERO).unwrap(); limiter.refund(reserved);",
        says: "E0382",
    },
    Case {
        name: "a_clock_read_where_there_is_none",
        misuse: "let _ = RateLimiter::with_parts(Quota::per_second(1).constant(), NoClock, (), ()).check();",
        twin: "let _ = RateLimiter::with_parts(Quota::per_second(1).constant(), NoClock, (), ()).check_at(Instant::ORIGIN);",
        says: "E0599",
    },
    Case {
        name: "a_plain_breaker_of_a_full_policy",
        misuse: "static _B: CircuitBreaker = CircuitBreaker::new(Policy::consecutive_failures(1).full().constant());",
        twin: "static _B: CircuitBreaker<FullPolicy> =
            CircuitBreaker::new(Policy::consecutive_failures(1).full().constant());",
        says: "E0308",
    },
    Case {
        name: "counts_that_nobody_counted",
        misuse: "CircuitBreaker::new(Policy::consecutive_failures(1).constant()).counts();",
        twin: "CircuitBreaker::new(Policy::consecutive_failures(1).constant()).counted().counts();",
        says: "E0599",
    },
    Case {
        name: "a_permit_that_ends_twice",
        misuse: "let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant());
            let permit = breaker.acquire().unwrap(); permit.success(); permit.failure();",
        twin: "let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant());
            let permit = breaker.acquire().unwrap(); permit.success();",
        says: "E0382",
    },
    Case {
        name: "a_slot_given_back_twice",
        misuse: "let slots = LoadShedder::new(Capacity::of(1).constant());
            let permit = slots.admit(Priority::Low).unwrap(); permit.success(); drop(permit);",
        twin: "let slots = LoadShedder::new(Capacity::of(1).constant());
            let permit = slots.admit(Priority::Low).unwrap(); permit.success();",
        says: "E0382",
    },
    Case {
        name: "a_capacity_set_by_hand_that_finds_itself",
        misuse: "let _ = LoadShedder::adaptive(Adaptation::of(Capacity::of(9).constant()).constant()).set_capacity(2);",
        twin: "let _ = LoadShedder::new(Capacity::of(9).constant()).set_capacity(2);",
        says: "E0599",
    },
    Case {
        name: "a_permit_that_outlives_its_breaker",
        misuse: "let permit = { let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant());
            breaker.acquire().unwrap() }; permit.success();",
        twin: "let permit = { let breaker = Arc::new(CircuitBreaker::new(Policy::consecutive_failures(1).constant()));
            breaker.acquire_owned().unwrap() }; permit.success();",
        says: "E0597",
    },
];

#[test]
fn what_can_never_work_does_not_compile() {
    let cases: Vec<&Case> = CONSTANTS
        .iter()
        .chain(QUOTAS)
        .chain(SLOTS)
        .chain(RETRIES)
        .chain(SLEEPERS)
        .chain(GUARDS)
        .chain(TYPES)
        .collect();
    let package = write_package(&cases);

    let twins = check(&package, &cases, "twin");
    assert!(twins.status.success(), "a twin does not compile:\n{}", said(&twins));

    let misuses = check(&package, &cases, "misuse");
    let said = said(&misuses);
    let errors: Vec<&str> = said.split("\nerror").collect();
    for case in cases {
        let file = format!("misuse_{}.rs", case.name);
        let found = errors.iter().any(|error| error.contains(&file) && error.contains(case.says));
        assert!(found, "the compiler does not say {:?} of {}:\n{said}", case.says, case.misuse);
    }
}

/// Checks every binary of one kind.
fn check(package: &Path, cases: &[&Case], kind: &str) -> Output {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["check", "--offline", "--keep-going"]).current_dir(package);
    cargo.env("CARGO_TERM_COLOR", "never").env("CARGO_TARGET_DIR", package.join("target"));
    for case in cases {
        cargo.args(["--bin", &format!("{kind}_{}", case.name)]);
    }
    cargo.output().expect("cargo runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).replace("\r\n", "\n")
}

/// Writes the package anew.
fn write_package(cases: &[&Case]) -> PathBuf {
    let root = env!("CARGO_MANIFEST_DIR");
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
    let binaries = package.join("src/bin");
    let _ = fs::remove_dir_all(&binaries);
    fs::create_dir_all(&binaries).expect("the build folder can be written to");
    let mut manifest =
        String::from("[package]\nname = \"compile-fail\"\nedition = \"2024\"\n\n[workspace]\n\n");
    writeln!(manifest, "[dependencies]\nfusebox = {{ path = {root:?} }}").expect("a string takes it");
    write(&package.join("Cargo.toml"), &manifest);
    // The same versions as everywhere else, which are here already.
    let _ = fs::copy(Path::new(root).join("Cargo.lock"), package.join("Cargo.lock"));
    for case in cases {
        write(&binaries.join(format!("misuse_{}.rs", case.name)), &program(case.misuse));
        write(&binaries.join(format!("twin_{}.rs", case.name)), &program(case.twin));
    }
    package
}

fn program(body: &str) -> String {
    format!(
        "#![allow(unused)]\nuse core::time::Duration;\nuse std::sync::Arc;\n\
         use fusebox::breaker::{{CircuitBreaker, FullPolicy, Policy, Window}};\n\
         use fusebox::guard::Guard;\nuse fusebox::limiter::{{Quota, RateLimiter}};\n\
         use fusebox::pressure::{{Adaptation, Capacity, LoadShedder, Priority, Throttling}};\nuse fusebox::time::{{Instant, NoClock}};\nfn main() {{\n    {body}\n}}\n"
    )
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the build folder can be written to");
}
