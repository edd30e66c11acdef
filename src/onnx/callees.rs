//! Which functions of a model call which: whether one calls itself, and how large the model is with all calls expanded.
//!
//! Functions may call functions to any depth, so nothing here recurses.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::functions::{Key, called_by, key};
use super::proto::{FunctionProto, ModelProto, NodeProto};

/// A function that calls itself, directly or not.
pub(crate) fn recursive(model: &ModelProto) -> Option<&str> {
    if model.functions.is_empty() {
        return None;
    }
    let functions: Vec<&FunctionProto> = model.functions.iter().collect();
    let at = Callees::of(&functions).callees_first().err()?;
    Some(model.functions[at].name())
}

/// Which functions of a list call which.
pub(crate) struct Callees {
    positions: FxHashMap<Key, usize>,
    called: Vec<Vec<usize>>,
}

impl Callees {
    pub(crate) fn of(functions: &[&FunctionProto]) -> Callees {
        let positions = functions.iter().enumerate();
        let mut callees = Callees {
            positions: positions.map(|(at, f)| (key(f), at)).collect(),
            called: Vec::new(),
        };
        let called = functions.iter().map(|f| callees.inside(&f.node).0);
        callees.called = called.collect();
        callees
    }

    /// The calls among nodes, those in their bodies included, and the number of all other nodes.
    pub(crate) fn inside(&self, nodes: &[NodeProto]) -> (Vec<usize>, usize) {
        let mut found = Vec::new();
        let mut others = 0;
        let mut open: Vec<&NodeProto> = nodes.iter().collect();
        while let Some(node) = open.pop() {
            match self.positions.get(&called_by(node)) {
                Some(&at) => found.push(at),
                None => others += 1,
            }
            open.extend(node.bodies().flat_map(|body| &body.node));
        }
        (found, others)
    }

    /// The functions that one of the list calls; one entry a call.
    pub(crate) fn called(&self, at: usize) -> &[usize] {
        &self.called[at]
    }

    /// These functions and those that they call, directly or not, in the order of the list.
    pub(crate) fn reached(&self, mut from: Vec<usize>) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        while let Some(at) = from.pop() {
            if reached.insert(at) {
                from.extend(self.called(at));
            }
        }
        reached
    }

    /// Nodes that a call of each function becomes once all calls in it are expanded; [`usize::MAX`] where that is more, or where a
    /// function calls itself.
    pub(crate) fn sizes(&self, functions: &[&FunctionProto]) -> Vec<usize> {
        let Ok(order) = self.callees_first() else {
            return vec![usize::MAX; functions.len()];
        };
        let mut sizes = vec![0; functions.len()];
        for at in order {
            sizes[at] = self.expanded(&functions[at].node, &sizes);
        }
        sizes
    }

    /// The number of nodes that these become, where the functions they call become so many.
    fn expanded(&self, nodes: &[NodeProto], sizes: &[usize]) -> usize {
        let (called, others) = self.inside(nodes);
        let sizes = called.into_iter().map(|at| sizes[at]);
        sizes.fold(others, usize::saturating_add)
    }

    /// All functions, each after those that it calls; the position of one that calls itself, if there is one.
    fn callees_first(&self) -> Result<Vec<usize>, usize> {
        let mut callers = vec![Vec::new(); self.called.len()];
        let mut waits = vec![0; self.called.len()];
        for (at, list) in self.called.iter().enumerate() {
            waits[at] = list.len();
            list.iter().for_each(|&callee| callers[callee].push(at));
        }
        let mut order: Vec<usize> = (0..waits.len()).filter(|&at| waits[at] == 0).collect();
        let mut next = 0;
        while let Some(&at) = order.get(next) {
            next += 1;
            for &caller in &callers[at] {
                waits[caller] -= 1;
                if waits[caller] == 0 {
                    order.push(caller);
                }
            }
        }
        let Some(mut at) = (0..waits.len()).find(|&at| waits[at] > 0) else {
            return Ok(order);
        };
        // Every function left waits for another one left, so following them must lead into a cycle.
        let mut seen = FxHashSet::default();
        while seen.insert(at) {
            let waiting = self.called[at].iter().find(|&&callee| waits[callee] > 0);
            at = waiting.copied().unwrap_or(at);
        }
        Err(at)
    }
}
