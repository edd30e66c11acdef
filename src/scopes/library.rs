//! The functions of a model, for all graphs that call them.
//!
//! A scratch model of a graph holds none: a copy in each would take the square of their number. Where calls are expanded, those that the
//! graph reaches are put in, and only if what they expand to is within the budget.

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
        let reached = self.callees.reached(called);
        let functions = reached.into_iter().map(|at| self.functions[at].clone());
        model.functions.extend(functions);
        true
    }

    /// Whether one of these nodes calls a function, or one in their bodies.
    pub(super) fn any_called(&self, nodes: &[NodeProto]) -> bool {
        !self.functions.is_empty() && !self.callees.inside(nodes).0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Library;
    use crate::onnx::proto::{FunctionProto, GraphProto, ModelProto, NodeProto};
    use crate::symbolic::{Budget, Limits};

    fn call(name: &str) -> NodeProto {
        NodeProto {
            op_type: Some(name.to_owned()),
            ..Default::default()
        }
    }

    fn function(name: &str, calls: &[&str]) -> FunctionProto {
        FunctionProto {
            name: Some(name.to_owned()),
            node: calls.iter().map(|name| call(name)).collect(),
            ..Default::default()
        }
    }

    fn graph(calls: &[&str]) -> ModelProto {
        ModelProto {
            graph: Some(GraphProto {
                node: calls.iter().map(|name| call(name)).collect(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn whole() -> ModelProto {
        ModelProto {
            functions: vec![
                function("A", &["B", "Neg"]),
                function("B", &["Neg", "Neg"]),
                function("C", &["A", "B"]),
            ],
            ..Default::default()
        }
    }

    #[test]
    fn a_graph_gets_the_functions_that_it_reaches() {
        let whole = whole();
        let library = Library::of(&whole);
        for (calls, expected) in [
            (&["A"][..], &["A", "B"][..]),
            (&["B", "Neg"], &["B"]),
            (&["Neg"], &[]),
        ] {
            let mut model = graph(calls);
            assert_eq!(
                library.lend(&mut model, &Budget::default()),
                !expected.is_empty()
            );
            let names: Vec<&str> = model.functions.iter().map(FunctionProto::name).collect();
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn a_graph_gets_none_that_expand_beyond_the_budget() {
        let whole = whole();
        let library = Library::of(&whole);
        // Five nodes of expanded calls: a call of `B` is two nodes and itself.
        let budget = Budget::new(Limits {
            steps: 5 << 16,
            ..Limits::default()
        });
        assert!(!library.lend(&mut graph(&["C", "C"]), &budget));
        let mut model = graph(&["B"]);
        assert!(library.lend(&mut model, &budget) && model.functions.len() == 1);
        let mut model = graph(&["B"]);
        assert!(!library.lend(&mut model, &budget) && model.functions.is_empty());
    }
}
