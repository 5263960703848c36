//! What failed, told where the server runs: so much of it that a client cannot fill a disk with it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures that are told in a stretch of time.
const MOST: u32 = 20;
/// The length of that stretch.
const STRETCH: Duration = Duration::from_secs(10);

/// Tells of failures.
pub(crate) struct Reports<'a> {
    report: &'a (dyn Fn(&str) + Sync),
    state: Mutex<State>,
}

struct State {
    /// When the stretch began.
    began: Instant,
    /// Failures in it.
    count: u32,
}

impl<'a> Reports<'a> {
    pub(crate) fn new(report: &'a (dyn Fn(&str) + Sync)) -> Self {
        Reports { report, state: Mutex::new(State { began: Instant::now(), count: 0 }) }
    }

    /// Tells of a failure, or that there are too many to tell.
    pub(crate) fn report(&self, problem: &str) {
        let count = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.began.elapsed() > STRETCH {
                *state = State { began: Instant::now(), count: 0 };
            }
            state.count = state.count.saturating_add(1);
            state.count
        };
        if count <= MOST {
            (self.report)(problem);
        } else if count == MOST + 1 {
            (self.report)("there are more failures, of which nothing is told for some seconds");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_flood_of_failures_is_told_as_one() {
        let told = AtomicU32::new(0);
        let report = |_: &str| {
            told.fetch_add(1, Ordering::Relaxed);
        };
        let reports = Reports::new(&report);
        (0..1000).for_each(|number| reports.report(&number.to_string()));
        assert!((MOST..1000).contains(&told.into_inner()));
    }
}
