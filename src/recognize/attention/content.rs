//! Whether what is added to scores depends on the content of the tokens.
//!
//! A mask, or a bias by position, is the same for all layers, and an operator reads it. A second product of queries with something
//! else is computed for every layer: reading it from a tensor of its own saves nothing.

use rustc_hash::FxHashSet;

use crate::onnx::ValueId;
use crate::recognize::kit::behind::read;
use crate::symbolic::poly::PolyId;

use super::walk::Reader;

/// Most values behind a bias.
const MAX_BEHIND: usize = 4096;

impl Reader<'_, '_> {
    /// Whether a tensor that is added to the scores is computed from the tensor that queries are projected from, or from what lies
    /// between the two.
    pub(super) fn is_content(&self, bias: ValueId, q: ValueId) -> bool {
        let content = self.projected(q);
        let mut seen = FxHashSet::default();
        let mut open = vec![bias];
        while let Some(value) = open.pop() {
            if content.contains(&value) {
                return true;
            }
            open.extend(read(self.it, value).into_iter().filter(|&v| seen.insert(v)));
            if seen.len() > MAX_BEHIND {
                return true;
            }
        }
        false
    }

    /// The floats from which queries are computed, up to what the dense layers on the way read.
    fn projected(&self, q: ValueId) -> FxHashSet<ValueId> {
        let mut found = FxHashSet::default();
        let mut open = vec![q];
        while let Some(value) = open.pop() {
            if self.it.file.constant(value).is_some()
                || !self.is_long(value)
                || !found.insert(value)
            {
                continue;
            }
            let inputs = read(self.it, value);
            match self.is_dense(value) {
                true => found.extend(inputs.into_iter().filter(|&v| self.is_long(v))),
                false => open.extend(inputs),
            }
        }
        found
    }

    /// Whether a value is a float tensor with more than one channel.
    fn is_long(&self, value: ValueId) -> bool {
        self.it.known(value).is_some_and(|known| {
            known.dtype.is_float() && known.shape.iter().any(|&size| size != PolyId::ONE)
        })
    }

    /// Whether a value is the output of a layer that mixes channels.
    fn is_dense(&self, value: ValueId) -> bool {
        self.node(value).is_some_and(|node| {
            matches!(
                node.op_type(),
                "MatMul"
                    | "Gemm"
                    | "Conv"
                    | "Einsum"
                    | "MatMulInteger"
                    | "QLinearMatMul"
                    | "Gather"
            )
        })
    }
}
