//! The order in which the graph's values exist: first those without a producer, then the outputs of nodes. Hidden values are left
//! out, so that they are before and after nothing.

use rustc_hash::FxHashSet;

use crate::onnx::ValueId;
use crate::symbolic::Interpreter;

/// The values of a graph in topological order.
pub(in crate::recognize) struct Order {
    values: Vec<ValueId>,
    /// How many of them have no producer.
    given: usize,
    /// Position by value; the largest number for hidden values.
    position: Vec<usize>,
}

impl Order {
    /// The order of the interpreted graph.
    pub(in crate::recognize) fn of(it: &Interpreter<'_>, hidden: &FxHashSet<String>) -> Order {
        let (index, graph) = (it.index(), it.file.graph());
        let mut values: Vec<ValueId> = index
            .values()
            .filter(|&value| index.producer(value).is_none())
            .collect();
        let outputs = index.order().iter().flat_map(|&n| &graph.node[n].output);
        let outputs = outputs.filter(|name| !hidden.contains(*name));
        let given = values.len();
        values.extend(outputs.filter_map(|name| index.id(name)));
        let mut position = vec![usize::MAX; index.len()];
        for (at, value) in values.iter().enumerate() {
            position[value.index()] = at;
        }
        Order {
            values,
            given,
            position,
        }
    }

    /// All values.
    pub(in crate::recognize) fn values(&self) -> &[ValueId] {
        &self.values
    }

    /// The values that nodes compute.
    pub(in crate::recognize) fn computed(&self) -> &[ValueId] {
        &self.values[self.given..]
    }

    /// Whether `a` exists before `b` does.
    pub(in crate::recognize) fn is_before(&self, a: ValueId, b: ValueId) -> bool {
        self.position[a.index()] < self.position[b.index()]
    }

    /// Sorts values by when they exist.
    pub(in crate::recognize) fn sort(&self, values: &mut [ValueId]) {
        values.sort_unstable_by_key(|value| self.position[value.index()]);
    }
}
