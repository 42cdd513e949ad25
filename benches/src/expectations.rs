//! The figures this crate set out to reach, and whether a run reached them.

/// Reach a ratio of at least `ratio` over `peer`.
struct Goal {
    operation: &'static str,
    threads: usize,
    peers: &'static [&'static str],
    ratio: f64,
}

const RECLOSER: &[&str] = &["recloser"];
const FAILSAFE: &[&str] = &["failsafe"];
const BOTH: &[&str] = &["recloser", "failsafe"];

const GOVERNOR: &[&str] = &["governor"];
const RATE_NET: &[&str] = &["rate-net"];
const KEYED: &[&str] = &["governor", "rate-net"];

const SLOTS: &[&str] = &["tokio", "throttle-net"];

const EXECUTION_POLICY: &[&str] = &["execution-policy"];

const GOALS: [Goal; 25] = [
    Goal { operation: "breaker/closed/success/consecutive", threads: 1, peers: RECLOSER, ratio: 5.0 },
    Goal { operation: "breaker/closed/success/consecutive", threads: 2, peers: RECLOSER, ratio: 15.0 },
    Goal { operation: "breaker/closed/success/window", threads: 1, peers: RECLOSER, ratio: 2.5 },
    Goal { operation: "breaker/closed/success/window", threads: 2, peers: RECLOSER, ratio: 8.0 },
    Goal { operation: "breaker/closed/success/time_window", threads: 1, peers: FAILSAFE, ratio: 5.0 },
    Goal { operation: "breaker/open/reject", threads: 1, peers: BOTH, ratio: 3.0 },
    Goal { operation: "breaker/open/reject/coarse", threads: 1, peers: BOTH, ratio: 15.0 },
    Goal { operation: "breaker/open/reject/coarse/counting", threads: 1, peers: BOTH, ratio: 8.0 },
    Goal { operation: "limiter/strict/admit", threads: 1, peers: GOVERNOR, ratio: 1.0 },
    Goal { operation: "limiter/strict/admit", threads: 2, peers: GOVERNOR, ratio: 1.0 },
    Goal { operation: "limiter/strict/deny", threads: 1, peers: GOVERNOR, ratio: 1.0 },
    Goal { operation: "limiter/strict/deny", threads: 2, peers: GOVERNOR, ratio: 1.0 },
    Goal { operation: "limiter/coarse/admit", threads: 1, peers: GOVERNOR, ratio: 1.2 },
    Goal { operation: "limiter/coarse/deny", threads: 1, peers: GOVERNOR, ratio: 1.2 },
    Goal { operation: "limiter/leased/admit", threads: 1, peers: GOVERNOR, ratio: 3.0 },
    Goal { operation: "limiter/leased/admit", threads: 2, peers: GOVERNOR, ratio: 5.0 },
    Goal { operation: "keyed/1k", threads: 1, peers: GOVERNOR, ratio: 1.8 },
    Goal { operation: "keyed/100k", threads: 1, peers: KEYED, ratio: 2.4 },
    Goal { operation: "keyed/1m", threads: 1, peers: KEYED, ratio: 2.5 },
    Goal { operation: "keyed/flood", threads: 1, peers: GOVERNOR, ratio: 8.0 },
    Goal { operation: "keyed/flood", threads: 1, peers: RATE_NET, ratio: 15.0 },
    Goal { operation: "keyed/bytes", threads: 1, peers: GOVERNOR, ratio: 2.0 },
    Goal { operation: "keyed/bytes", threads: 1, peers: RATE_NET, ratio: 8.0 },
    Goal { operation: "pressure/admit_release", threads: 1, peers: SLOTS, ratio: 1.8 },
    Goal { operation: "guard/success", threads: 1, peers: EXECUTION_POLICY, ratio: 8.0 },
];

/// A closed breaker under the consecutive policy costs at most so many bare loads, on one thread.
pub const MOST_LOADS: f64 = 2.5;

/// What the table says beside a ratio: nothing where no figure was set.
#[must_use]
pub fn verdict(operation: &str, threads: usize, peer: &str, ratio: f64) -> String {
    let goal = GOALS
        .iter()
        .find(|goal| goal.operation == operation && goal.threads == threads && goal.peers.contains(&peer));
    goal.map_or_else(String::new, |goal| told(&format!("reach {}x", goal.ratio), ratio >= goal.ratio))
}

/// What the table says of a cost in loads.
#[must_use]
pub fn loads_verdict(loads: f64) -> String {
    let reach = format!("{loads:.2} bare loads, reach at most {MOST_LOADS}");
    told(&reach, loads <= MOST_LOADS)
}

fn told(reach: &str, reached: bool) -> String {
    format!("{reach}: {}", if reached { "ok" } else { "SHORT" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations;

    #[test]
    fn every_goal_is_of_an_operation_that_is_measured() {
        for goal in &GOALS {
            assert!(operations::ALL.iter().any(|known| known.name == goal.operation), "{}", goal.operation);
        }
    }

    #[test]
    fn a_ratio_at_the_goal_reaches_it() {
        assert_eq!(verdict("breaker/open/reject", 1, "failsafe", 3.0), "reach 3x: ok");
        assert_eq!(verdict("breaker/open/reject", 1, "failsafe", 2.9), "reach 3x: SHORT");
        assert_eq!(verdict("breaker/open/reject", 1, "circuitbreaker-rs", 2.9), "");
        assert_eq!(verdict("keyed/bytes", 1, "rate-net", 8.0), "reach 8x: ok");
    }
}
