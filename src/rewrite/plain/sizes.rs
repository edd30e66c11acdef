//! Sizes that are known when a body is written: nodes that would compute them become constants.

use rustc_hash::FxHashMap;

use phasor_ops::contract::{BodyAttribute, BodyNode, Call, FunctionBody};

/// Lists of sizes by the values that hold them.
#[derive(Default)]
struct Sizes {
    /// Shapes, with the sizes that are known.
    shapes: FxHashMap<String, Vec<Option<i64>>>,
    /// Lists that are known.
    lists: FxHashMap<String, Vec<i64>>,
    /// Values that are another one, multiplied by a size.
    products: FxHashMap<String, (i64, String)>,
}

/// Replaces nodes of a body by constants, as far as the shapes of a call's inputs are known.
pub(super) fn settle(body: &mut FunctionBody, call: &Call) {
    let mut known: FxHashMap<&str, Vec<Option<i64>>> = FxHashMap::default();
    for (name, operand) in body.inputs.iter().zip(&call.inputs) {
        if let Some(shape) = &operand.shape {
            let size = |size: &Option<usize>| size.and_then(|size| i64::try_from(size).ok());
            known.insert(name, shape.iter().map(size).collect());
        }
    }
    let mut sizes = Sizes::default();
    let nodes = std::mem::take(&mut body.nodes);
    for node in nodes {
        if node.op_type == "Shape"
            && let Some(shape) = known.get(&node.inputs[0][..])
        {
            sizes.shapes.insert(node.outputs[0].clone(), shape.clone());
        }
        body.nodes.extend(sizes.settled(node));
    }
}

impl Sizes {
    /// The nodes that stand for a node.
    fn settled(&mut self, node: BodyNode) -> Vec<BodyNode> {
        let output = node.outputs[0].clone();
        if let [("value_ints", BodyAttribute::Ints(list))] = &node.attributes[..] {
            self.lists.insert(output, list.clone());
            return vec![node];
        }
        if let Some(list) = self.list(&node) {
            self.lists.insert(output.clone(), list.clone());
            return vec![constant(output, list)];
        }
        let [left, right] = &node.inputs[..] else {
            return vec![node];
        };
        let size = |name: &String| match self.lists.get(name).map(Vec::as_slice) {
            Some(&[size]) => Some(size),
            _ => None,
        };
        match node.op_type {
            "Mul" => {
                if let Some(by) = size(left) {
                    self.products.insert(output, (by, right.clone()));
                }
                vec![node]
            }
            "Div" => {
                let Some(through) = size(right).filter(|&through| through > 0) else {
                    return vec![node];
                };
                let divides = |(by, _): &&(i64, String)| *by >= 0 && by % through == 0;
                let Some((by, other)) = self.products.get(left).filter(divides) else {
                    return vec![node];
                };
                let by_name = format!("{output}_by");
                let product = BodyNode {
                    op_type: "Mul",
                    inputs: vec![by_name.clone(), other.clone()],
                    ..node
                };
                vec![constant(by_name, vec![by / through]), product]
            }
            _ => vec![node],
        }
    }

    /// The list that a node gives, if it is known.
    fn list(&self, node: &BodyNode) -> Option<Vec<i64>> {
        let [left, right] = &node.inputs[..] else {
            return None;
        };
        let both = || Some(self.lists.get(left)?.iter().zip(self.lists.get(right)?));
        match node.op_type {
            "Gather" => {
                let shape = self.shapes.get(left)?;
                let rank = i64::try_from(shape.len()).ok()?;
                let size = |&axis: &i64| {
                    let axis = if axis < 0 { axis + rank } else { axis };
                    *shape.get(usize::try_from(axis).ok()?)?
                };
                self.lists.get(right)?.iter().map(size).collect()
            }
            "Max" => Some(both()?.map(|(left, right)| *left.max(right)).collect()),
            "Mul" => both()?
                .map(|(left, right)| left.checked_mul(*right))
                .collect(),
            _ => None,
        }
    }
}

/// A constant of integers.
fn constant(output: String, list: Vec<i64>) -> BodyNode {
    BodyNode {
        op_type: "Constant",
        domain: "",
        inputs: Vec::new(),
        outputs: vec![output],
        attributes: vec![("value_ints", BodyAttribute::Ints(list))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasor_ops::contract::{self, ElementType, Operand};

    /// The operators of attention with these sizes of queries and keys.
    fn operators(q: [Option<usize>; 4], k: [Option<usize>; 4]) -> Vec<&'static str> {
        let of = |shape: [Option<usize>; 4]| Operand {
            dtype: Some(ElementType::F32),
            shape: Some(shape.to_vec()),
            ..Operand::default()
        };
        let call = Call {
            attributes: Vec::new(),
            inputs: vec![of(q), of(k), of(k), Operand::default(), Operand::default()],
        };
        let contract = contract::find("Attention").unwrap();
        let body = contract.body(17, std::slice::from_ref(&call)).unwrap();
        let body = super::super::settled(body, contract.spec(), &call);
        let nodes = body.nodes.iter().map(|node| node.op_type);
        nodes.filter(|op| *op != "Constant").collect()
    }

    #[test]
    fn known_sizes_are_constants() {
        let all = operators(
            [Some(2), Some(4), Some(5), Some(8)],
            [Some(2), Some(2), Some(7), Some(8)],
        );
        assert!(
            !all.contains(&"Shape") && !all.contains(&"Gather"),
            "{all:?}"
        );
        let some = operators(
            [None, Some(4), None, Some(8)],
            [None, Some(2), None, Some(8)],
        );
        let count = |op| some.iter().filter(|o| **o == op).count();
        // The batch, queries, and the keys of `K` and of `V`; the rows of a group are those of a head, twice.
        assert_eq!(
            (count("Gather"), count("Div"), count("Max")),
            (4, 0, 0),
            "{some:?}"
        );
        let none = operators([None; 4], [None; 4]);
        assert!(none.contains(&"Div"), "{none:?}");
    }
}
