//! What running models may take: time for all runs together, and work for each.
//!
//! A file of some kilobytes can describe hours of computing, of which the shapes of a graph tell only a part before it runs. So runs
//! are bounded while they run. Where several runs share a time, only the time of runs counts, not that of loading a model.
//!
//! Work is counted in elements made or read ([`Allowance::with_work`]), which depends on the model alone; time depends on the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much running may take. By default there is no bound.
#[derive(Clone, Debug, Default)]
pub struct Allowance {
    time: Option<Time>,
    work: Option<u64>,
    done: Arc<AtomicU64>,
}

/// A time, and what all runs that share it have taken.
#[derive(Clone, Debug)]
struct Time {
    limit: Duration,
    /// The limit of which this one is a part.
    whole: Duration,
    /// In nanoseconds.
    spent: Arc<AtomicU64>,
    /// Whether a run was ended for it.
    ended: Arc<AtomicBool>,
}

impl Time {
    fn left(&self) -> Duration {
        let spent = Duration::from_nanos(self.spent.load(Ordering::Relaxed));
        self.limit.saturating_sub(spent)
    }
}

impl Allowance {
    /// So much time for all runs under this allowance, its clones and its parts.
    pub fn of_time(limit: Duration) -> Allowance {
        Allowance {
            time: Some(Time {
                limit,
                whole: limit,
                spent: Arc::default(),
                ended: Arc::default(),
            }),
            ..Allowance::default()
        }
    }

    /// The same, with so much work for each run. Engines that cannot count it ignore it.
    #[must_use]
    pub fn with_work(mut self, most: u64) -> Allowance {
        self.work = Some(most);
        self
    }

    /// The same, of which only one part in `parts` may be used: what is left is for others.
    #[must_use]
    pub fn part(&self, parts: u32) -> Allowance {
        let mut part = self.clone();
        if let Some(time) = &mut part.time {
            time.limit /= parts.max(1);
        }
        part
    }

    /// The work of all runs so far, as far as their engines count it.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Whether a run was stopped because the time was over, or would not have been enough.
    pub fn ended_a_run(&self) -> bool {
        let time = self.time.as_ref();
        time.is_some_and(|time| time.ended.load(Ordering::Relaxed))
    }

    /// Begins a run; its time counts until the result is dropped.
    pub(crate) fn begin(&self) -> Run {
        Run {
            begun: Instant::now(),
            left: self.time.as_ref().map(Time::left),
            allowance: self.clone(),
        }
    }
}

/// A run that is under way.
pub(crate) struct Run {
    begun: Instant,
    left: Option<Duration>,
    allowance: Allowance,
}

impl Run {
    /// The time that is left, if it has a bound.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.left
            .map(|left| left.saturating_sub(self.begun.elapsed()))
    }

    /// Whether the time is over.
    pub(crate) fn is_late(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// The most work, if it has a bound.
    pub(crate) fn work(&self) -> Option<u64> {
        self.allowance.work
    }

    /// Counts work that was done.
    pub(crate) fn count(&self, work: u64) {
        self.allowance.done.fetch_add(work, Ordering::Relaxed);
    }

    /// Notes that it ends for the time, and says so.
    pub(crate) fn lateness(&self) -> String {
        let Some(time) = &self.allowance.time else {
            return String::new();
        };
        time.ended.store(true, Ordering::Relaxed);
        let share = match time.limit < time.whole {
            true => "its share of ",
            false => "",
        };
        format!(
            "running takes longer than {share}the {} s allowed",
            time.whole.as_secs_f64()
        )
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(time) = &self.allowance.time {
            let taken = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            time.spent.fetch_add(taken, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Allowance;
    use std::thread::sleep;
    use std::time::Duration;

    #[test]
    fn runs_share_their_time_and_a_part_ends_first() {
        let all = Allowance::of_time(Duration::from_millis(300));
        let third = all.part(3);
        let run = third.begin();
        assert!(!run.is_late());
        sleep(Duration::from_millis(101));
        assert!(run.is_late());
        drop(run);
        let late = third.begin();
        assert!(late.is_late() && !all.ended_a_run());
        let why = late.lateness();
        assert_eq!(
            why,
            "running takes longer than its share of the 0.3 s allowed"
        );
        assert!(all.ended_a_run());
        drop(late);
        let run = all.begin();
        let left = run.left().expect("a bound");
        assert!(left <= Duration::from_millis(199), "{left:?}");
        assert_eq!(
            run.lateness(),
            "running takes longer than the 0.3 s allowed"
        );
    }

    #[test]
    fn without_a_bound_nothing_is_late() {
        let open = Allowance::default().with_work(3);
        let run = open.begin();
        assert!(run.left().is_none() && !run.is_late() && !open.ended_a_run());
        assert_eq!(run.work(), Some(3));
    }
}
