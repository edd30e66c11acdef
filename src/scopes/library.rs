//! Lends the functions of a model to the scratch models of its graphs.
//!
//! A scratch model holds no functions of its own: with a copy in each, time and memory would grow with the square of their
//! number. Before calls are expanded, the functions that the graph reaches are added, if the budget covers the nodes that they
//! expand to.

use super::is_operator;
use crate::onnx::callees::Callees;
use crate::onnx::proto::{FunctionProto, ModelProto, NodeProto};
use crate::symbolic::Budget;

/// The functions of a model that are not our operators.
pub(super) struct Library<'a> {
    functions: Vec<&'a FunctionProto>,
    callees: Callees,
    /// For each function, the number of nodes that a call of it expands to.
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

    /// Adds the functions that a model's graph reaches to the model, and removes all others that are not our operators. Returns
    /// whether there are calls and all of them may be expanded. If not, no function is added, and a call is an operator that
    /// nothing is known of.
    pub(super) fn lend(&self, model: &mut ModelProto, budget: &Budget) -> bool {
        model.functions.retain(|f| is_operator(f.domain()));
        let nodes = model.graph.as_ref().map_or(&[][..], |graph| &graph.node);
        let (called, others) = self.callees.inside(nodes);
        if called.is_empty() {
            return false;
        }
        // Each call costs one more: calls of a function without nodes would be free.
        let sizes = called.iter().map(|&at| self.sizes[at].saturating_add(1));
        if !budget.expand(sizes.fold(others, usize::saturating_add)) {
            return false;
        }
        let reached = self.callees.reached(called);
        let functions = reached.into_iter().map(|at| self.functions[at].clone());
        model.functions.extend(functions);
        true
    }

    /// Whether one of these nodes, or one in their bodies, calls a function.
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
