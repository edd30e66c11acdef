//! What one search of a model may cost.
//!
//! Everything that looks for sites in a model draws on one budget: steps, which are elements visited, expressions made and nodes
//! analysed, each weighed by about what it takes; bytes, which are those of the expressions of one graph; and seconds, where
//! asked for. Steps and bytes depend on the model alone, so the same model gives the same result on any machine.
//!
//! Running out is no error. What is not looked at is unknown, less knowledge only means fewer proofs, and what was proven before
//! is confirmed all the same: [`Work`] has shares.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::Interpreter;

/// Steps that one node takes before its elements are looked at: facts are derived for it, and it is indexed.
const NODE: u64 = 1 << 10;
/// Steps that one node takes in one run on numbers.
const RUN: u64 = 1 << 8;
/// Elements that one step computes in such a run.
const COMPUTED: u64 = 1 << 3;
/// One in so many steps is for what the calls of functions expand to: functions that call functions can describe any number of nodes.
const EXPANDED: u64 = 1 << 6;

/// The limits of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most steps.
    pub steps: u64,
    /// Most bytes of expressions.
    pub bytes: u64,
    /// Most seconds; none by default, as results would depend on the machine.
    pub seconds: Option<u64>,
}

impl Default for Limits {
    /// Sixty times what a decoder of 19,000 nodes takes, and some minutes.
    fn default() -> Limits {
        Limits {
            steps: 1 << 32,
            bytes: 1 << 32,
            seconds: None,
        }
    }
}

/// What steps are spent on. Each has a share of its own: what was interpreted is still searched, and what was found is still
/// confirmed, after the shares before are spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Visiting nodes.
    Interpreting,
    /// Looking for sites among the values.
    Recognising,
    /// Running sites on numbers.
    Confirming,
}

impl Work {
    /// Its share in quarters, and what it and those before it have together.
    fn quarters(self) -> (u64, u64) {
        match self {
            Work::Interpreting => (2, 2),
            Work::Recognising => (1, 3),
            Work::Confirming => (1, 4),
        }
    }
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    Steps,
    Bytes,
    Seconds,
}

/// What is left of the limits.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    begun: Instant,
    /// Steps spent on each work, and the limit that ended it.
    spent: [Cell<u64>; 3],
    ended: [Cell<Option<Reached>>; 3],
    expanded: Cell<u64>,
    told: Cell<bool>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new(Limits::default())
    }
}

impl Budget {
    /// A budget of which nothing is spent; its seconds begin now.
    pub fn new(limits: Limits) -> Budget {
        Budget {
            limits,
            begun: Instant::now(),
            spent: Default::default(),
            ended: Default::default(),
            expanded: Cell::new(0),
            told: Cell::new(false),
        }
    }

    /// Spends steps. Returns whether there were as many; if not, none are left for this work.
    pub fn spend(&self, work: Work, steps: u64) -> bool {
        let spent = &self.spent[work as usize];
        spent.set(spent.get().saturating_add(steps));
        let (share, _) = work.quarters();
        if spent.get() > part(self.limits.steps, share) {
            self.end(work, Reached::Steps);
        }
        let late = |seconds: u64| self.begun.elapsed() >= Self::until(seconds, work);
        if self.limits.seconds.is_some_and(late) {
            self.end(work, Reached::Seconds);
        }
        !self.is_spent(work)
    }

    /// Notes how many bytes the expressions of a graph have now.
    pub fn hold(&self, bytes: u64) -> bool {
        if bytes > self.limits.bytes {
            self.end(Work::Interpreting, Reached::Bytes);
        }
        !self.is_spent(Work::Interpreting)
    }

    /// Spends what it takes to run so many nodes on numbers so many times, where their results have so many elements. Returns
    /// whether there was as much.
    pub fn run(&self, nodes: usize, elements: usize, times: u64) -> bool {
        let steps = (nodes as u64 + 1).saturating_mul(RUN);
        let steps = steps.saturating_add(elements as u64 / COMPUTED);
        self.spend(Work::Confirming, steps.saturating_mul(times))
    }

    /// Spends what it takes to expand calls to so many nodes. Returns whether there was as much; if not, nothing is spent.
    pub fn expand(&self, nodes: usize) -> bool {
        let all = self.expanded.get().saturating_add(nodes as u64);
        let fits = all <= self.limits.steps / EXPANDED / NODE;
        if fits {
            self.expanded.set(all);
        }
        fits
    }

    /// The time that is left for this work, if seconds are limited.
    #[cfg_attr(not(feature = "tract"), allow(dead_code))]
    pub fn time_left(&self, work: Work) -> Option<Duration> {
        let until = Self::until(self.limits.seconds?, work);
        Some(until.saturating_sub(self.begun.elapsed()))
    }

    /// When a work ends of which all may take so many seconds, from the beginning on.
    fn until(seconds: u64, work: Work) -> Duration {
        let (_, until) = work.quarters();
        Duration::from_millis(part(seconds.saturating_mul(1000), until))
    }

    /// Whether a limit has ended this work.
    pub fn is_spent(&self, work: Work) -> bool {
        self.ended[work as usize].get().is_some()
    }

    /// Whether a limit has ended the search for sites: graphs that are not begun are left.
    pub fn is_over(&self) -> bool {
        self.is_spent(Work::Interpreting) || self.is_spent(Work::Recognising)
    }

    /// Whether the search is over and nobody has said so yet; from now on somebody has.
    pub fn is_news(&self) -> bool {
        self.is_over() && !self.told.replace(true)
    }

    /// The limit that was reached first, in words.
    pub fn reached(&self) -> String {
        match self.first() {
            Reached::Bytes => format!("{} bytes", self.limits.bytes),
            Reached::Seconds => format!("{} s", self.limits.seconds.unwrap_or_default()),
            Reached::Steps => format!("{} steps", self.limits.steps),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let (name, limit) = match self.first() {
            Reached::Bytes => ("bytes", self.limits.bytes),
            Reached::Seconds => ("seconds", self.limits.seconds.unwrap_or_default()),
            Reached::Steps => ("steps", self.limits.steps),
        };
        format!("`--budget {name}={}` allows more", limit.saturating_mul(4))
    }

    fn first(&self) -> Reached {
        let mut ended = self.ended.iter().filter_map(Cell::get);
        ended.next().unwrap_or(Reached::Steps)
    }

    fn end(&self, work: Work, limit: Reached) {
        let ended = &self.ended[work as usize];
        ended.set(ended.get().or(Some(limit)));
    }
}

/// So many quarters.
fn part(whole: u64, quarters: u64) -> u64 {
    whole / 4 * quarters + whole % 4 * quarters / 4
}

impl Interpreter<'_> {
    /// Whether the node at `position` may be visited; the first that may not is where the interpretation gave up.
    pub(super) fn affords(&mut self, position: usize) -> bool {
        let spent = self.budget.is_spent(Work::Interpreting);
        if spent {
            self.gave_up.get_or_insert(position);
        }
        !spent
    }

    /// Pays for the visit of a node whose results have so many elements.
    pub(super) fn pay(&mut self, elements: usize) {
        let (made, bytes) = self.arena.size();
        let new = made.saturating_sub(self.paid);
        self.paid = made;
        self.budget
            .spend(Work::Interpreting, NODE + elements as u64 + new);
        self.budget.hold(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Limits, Work};

    fn of(steps: u64, bytes: u64) -> Budget {
        Budget::new(Limits {
            steps,
            bytes,
            seconds: None,
        })
    }

    #[test]
    fn a_limit_once_reached_stays_reached_and_is_told_once() {
        let budget = of(400, 1000);
        assert!(budget.spend(Work::Interpreting, 200));
        assert!(!budget.is_news());
        assert!(!budget.spend(Work::Interpreting, 1));
        assert!(!budget.spend(Work::Interpreting, 0) && budget.is_over());
        assert!(budget.is_news());
        assert!(!budget.is_news());
        assert_eq!(budget.reached(), "400 steps");
    }

    #[test]
    fn every_work_has_a_share_of_its_own() {
        let budget = of(4 << 10, 1000);
        assert!(!budget.spend(Work::Interpreting, u64::MAX));
        assert!(budget.spend(Work::Recognising, 1 << 10));
        assert!(!budget.spend(Work::Recognising, 1));
        assert!(budget.run(3, 0, 1));
        assert!(!budget.run(3, 0, 1));
    }

    #[test]
    fn the_first_limit_is_the_one_reported() {
        let budget = of(400, 1000);
        assert!(budget.hold(1000) && !budget.hold(1001));
        budget.spend(Work::Interpreting, 1000);
        assert_eq!(budget.reached(), "1000 bytes");
        assert_eq!(budget.hint(), "`--budget bytes=4000` allows more");
    }

    #[test]
    fn seconds_end_everything() {
        let limits = Limits {
            seconds: Some(0),
            ..Limits::default()
        };
        let budget = Budget::new(limits);
        for work in [Work::Interpreting, Work::Recognising, Work::Confirming] {
            assert!(!budget.spend(work, 0));
        }
    }

    #[test]
    fn calls_that_expand_too_far_cost_nothing() {
        let budget = of(10 << 16, 1000);
        assert!(budget.expand(6) && !budget.expand(5) && budget.expand(4));
    }
}
