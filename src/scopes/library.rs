//! The functions of a model, for all graphs that call them.
//!
//! A scratch model of a graph holds none: a copy in each would take the square of their number. Where calls are expanded, those that the
//! graph reaches are put in, and only if what they expand to is within the budget.

use rustc_hash::FxHashSet;

use super::is_operator;
use crate::onnx::callees::Callees;
use crate::onnx::proto::{FunctionProto, ModelProto, NodeProto};
use crate::symbolic::Budget;

/// The functions of a model that are no operators of ours.
pub(super) struct Library<'a> {
    functions: Vec<&'a FunctionProto>,
    callees: Callees,
    /// Nodes that a call of each becomes.
    sizes: Vec<usize>,
}

impl<'a> Library<'a> {
    pub(super) fn of(model: &'a ModelProto) -> Library<'a> {
        let functions = model.functions.iter();
        let functions: Vec<&FunctionProto> =
            functions.filter(|f| !is_operator(f.domain())).collect();
        let callees = Callees::of(&functions);
        let sizes = callees.sizes(&functions);
        Library {
            functions,
            callees,
            sizes,
        }
    }

    /// Puts the functions that a model's graph reaches into the model, and takes out all others that are no operators. Returns
    /// whether there are any and all their calls may be expanded; otherwise none is put in, and a call is an operator that nothing
    /// is known of.
    pub(super) fn lend(&self, model: &mut ModelProto, budget: &Budget) -> bool {
        model.functions.retain(|f| is_operator(f.domain()));
        let nodes = model.graph.as_ref().map_or(&[][..], |graph| &graph.node);
        let (called, others) = self.callees.inside(nodes);
        if called.is_empty() {
            return false;
        }
        // A call of a function without nodes costs something too.
        let sizes = called.iter().map(|&at| self.sizes[at].saturating_add(1));
        if !budget.expand(sizes.fold(others, usize::saturating_add)) {
            return false;
        }
        let mut reached: FxHashSet<usize> = FxHashSet::default();
        let mut open = called;
        while let Some(at) = open.pop() {
            if reached.insert(at) {
                open.extend(self.callees.called(at));
            }
        }
        let mut reached: Vec<usize> = reached.into_iter().collect();
        reached.sort_unstable();
        let functions = reached.into_iter().map(|at| self.functions[at].clone());
        model.functions.extend(functions);
        true
    }

    /// Whether one of these nodes calls a function, or one in their bodies.
    pub(super) fn any_called(&self, nodes: &[NodeProto]) -> bool {
        !self.functions.is_empty() && !self.callees.inside(nodes).0.is_empty()
    }
}
