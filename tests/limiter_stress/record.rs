//! What the callers saw, and what it adds up to.

use core::time::Duration;

use fusebox::limiter::{Counts, Quota};

/// An admission: when it was asked for, when it was answered, how many cells.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    pub before: u64,
    pub after: u64,
    pub cells: u32,
}

/// What one caller saw; put together, what all did.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub admissions: Vec<Admission>,
    /// Those that were admitted but not kept, for want of memory.
    pub admitted: u64,
    pub cells: u64,
    pub denied: u64,
    pub never_fits: u64,
    /// From before the first request to after the last.
    pub from: u64,
    pub to: u64,
}

impl Seen {
    pub fn join(mut self, other: Self) -> Self {
        self.admissions.extend(other.admissions);
        self.admitted += other.admitted;
        self.cells += other.cells;
        self.denied += other.denied;
        self.never_fits += other.never_fits;
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self
    }

    pub fn check(&self, counts: &Counts, quota: Quota) {
        let told = (counts.admitted, counts.cells, counts.denied, counts.never_fits);
        assert_eq!(told, (self.admitted, self.cells, self.denied, self.never_fits), "{quota}: {counts:?}");
        self.in_all(quota);
        self.between_any_two(quota);
    }

    fn in_all(&self, quota: Quota) {
        let (most, cells) = (most(quota, self.to - self.from), self.cells);
        assert!(cells <= most, "{quota}: {cells} cells in all, where {most} may be");
        // Where a pause of all callers for a tenth of a second loses nothing, what comes is taken.
        let slow = quota.interval() * quota.burst() >= Duration::from_millis(100);
        let least = if slow { (most + u64::from(quota.burst())) / 2 } else { quota.burst().into() };
        assert!(cells >= least, "{quota}: only {cells} cells of {most}");
    }

    /// Every interval would be too many: from each admission to some of those after it, near ones and far ones. What lies
    /// wholly between two instants was admitted between them.
    fn between_any_two(&self, quota: Quota) {
        let mut by_end = self.admissions.clone();
        by_end.sort_unstable_by_key(|it| it.after);
        let mut by_start: Vec<u64> = by_end.iter().map(|it| it.before).collect();
        by_start.sort_unstable();
        let stride = (by_start.len() / 200).max(1);
        for from in by_start.iter().step_by(stride).copied() {
            let mut cells = 0;
            let first = by_end.partition_point(|it| it.after < from);
            for it in by_end[first..].iter().filter(|it| it.before >= from) {
                cells += u64::from(it.cells);
                let most = most(quota, it.after - from);
                assert!(
                    cells <= most,
                    "{quota}: {cells} cells from {from} to {}, where {most} may be",
                    it.after
                );
            }
        }
    }
}

/// `burst + d / T`.
fn most(quota: Quota, nanos: u64) -> u64 {
    u64::from(quota.burst()) + nanos / quota.interval().as_nanos() as u64
}
