//! What one search of a model may cost.
//!
//! Everything that looks for sites in a model draws on one budget: steps, which are elements visited, expressions made and nodes
//! analysed, each weighed by about what it takes; bytes, which are those of the expressions of one graph; and seconds, where
//! asked for. Steps and bytes depend on the model alone, so the same model gives the same result on any machine.
//!
//! Running out is no error. What is not looked at is unknown, less knowledge only means fewer proofs, and what was proven before
//! is confirmed all the same: a share of the steps is kept for that.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::Interpreter;

/// Steps that one node takes before its elements are looked at: facts are derived for it, and it is indexed.
const NODE: u64 = 1 << 10;
/// Steps that one node takes in one run on numbers.
const RUN: u64 = 1 << 8;
/// One in so many steps is for what the calls of functions expand to: functions that call functions can describe any number of nodes.
const EXPANDED: u64 = 1 << 6;
/// One in so many steps is kept for confirming.
const CONFIRMING: u64 = 4;

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
    /// Thirty times what a decoder of 19,000 nodes takes, and some minutes.
    fn default() -> Limits {
        Limits {
            steps: 1 << 32,
            bytes: 1 << 32,
            seconds: None,
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
    analysed: Cell<u64>,
    confirmed: Cell<u64>,
    expanded: Cell<u64>,
    reached: Cell<Option<Reached>>,
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
            analysed: Cell::new(0),
            confirmed: Cell::new(0),
            expanded: Cell::new(0),
            reached: Cell::new(None),
            told: Cell::new(false),
        }
    }

    /// Spends steps of the analysis. Returns whether there were as many; if not, none are left.
    pub fn spend(&self, steps: u64) -> bool {
        self.analysed.set(self.analysed.get().saturating_add(steps));
        if self.analysed.get() > self.limits.steps - self.limits.steps / CONFIRMING {
            self.reach(Reached::Steps);
        }
        if self.is_late() {
            self.reach(Reached::Seconds);
        }
        !self.is_spent()
    }

    /// Spends what the analysis of so many nodes takes, their elements apart.
    pub fn nodes(&self, count: usize) -> bool {
        self.spend((count as u64).saturating_mul(NODE))
    }

    /// Notes how many bytes the expressions of a graph have now.
    pub fn hold(&self, bytes: u64) -> bool {
        if bytes > self.limits.bytes {
            self.reach(Reached::Bytes);
        }
        !self.is_spent()
    }

    /// Spends what it takes to run so many nodes on numbers so many times. Returns whether there was as much.
    pub fn run(&self, nodes: usize, times: u64) -> bool {
        let steps = (nodes as u64 + 1).saturating_mul(times).saturating_mul(RUN);
        self.confirmed
            .set(self.confirmed.get().saturating_add(steps));
        let late = self.limits.seconds.is_some() && self.is_late();
        self.confirmed.get() <= self.limits.steps / CONFIRMING && !late
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

    /// Whether the analysis has reached a limit.
    pub fn is_spent(&self) -> bool {
        self.reached.get().is_some()
    }

    /// Whether a limit is reached and nobody has said so yet; from now on somebody has.
    pub fn is_news(&self) -> bool {
        self.is_spent() && !self.told.replace(true)
    }

    /// The limit that was reached, in words.
    pub fn reached(&self) -> String {
        match self.reached.get() {
            Some(Reached::Bytes) => format!("{} bytes", self.limits.bytes),
            Some(Reached::Seconds) => format!("{} s", self.limits.seconds.unwrap_or_default()),
            _ => format!("{} steps", self.limits.steps),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let (name, more) = match self.reached.get() {
            Some(Reached::Bytes) => ("bytes", self.limits.bytes),
            Some(Reached::Seconds) => ("seconds", self.limits.seconds.unwrap_or_default()),
            _ => ("steps", self.limits.steps),
        };
        format!(
            "`--budget {name}={}` allows more",
            more.saturating_mul(4).max(1)
        )
    }

    fn reach(&self, limit: Reached) {
        self.reached.set(self.reached.get().or(Some(limit)));
    }

    fn is_late(&self) -> bool {
        let limit = self.limits.seconds.map(Duration::from_secs);
        limit.is_some_and(|limit| self.begun.elapsed() >= limit)
    }
}

impl Interpreter<'_> {
    /// Whether the node at `position` may be visited; the first that may not is where the interpretation gave up.
    pub(super) fn affords(&mut self, position: usize) -> bool {
        let spent = self.budget.is_spent();
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
        self.budget.spend(1 + elements as u64 + new);
        self.budget.hold(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Limits};

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
        assert!(budget.spend(300));
        assert!(!budget.is_news());
        assert!(!budget.spend(1));
        assert!(!budget.spend(0) && budget.is_spent());
        assert!(budget.is_news());
        assert!(!budget.is_news());
        assert_eq!(budget.reached(), "400 steps");
    }

    #[test]
    fn a_share_is_kept_for_confirming() {
        let budget = of(4 << 10, 1000);
        assert!(!budget.spend(u64::MAX));
        assert!(budget.run(3, 1));
        assert!(!budget.run(3, 1));
    }

    #[test]
    fn the_first_limit_is_the_one_reported() {
        let budget = of(400, 1000);
        assert!(budget.hold(1000) && !budget.hold(1001));
        budget.spend(1000);
        assert_eq!(budget.reached(), "1000 bytes");
        assert_eq!(budget.hint(), "`--budget bytes=4000` allows more");
    }

    #[test]
    fn calls_that_expand_too_far_cost_nothing() {
        let budget = of(10 << 16, 1000);
        assert!(budget.expand(6) && !budget.expand(5) && budget.expand(4));
    }
}
