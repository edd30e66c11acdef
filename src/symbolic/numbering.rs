//! Values that are equal because they are computed alike: the same operator with the same attributes on equal values.
//!
//! This needs to know nothing of what an operator computes, so it holds in the type, bit by bit. Exporters repeat the
//! computation of sizes and masks in every layer.

use prost::Message;
use rustc_hash::FxHashMap;

use crate::onnx::proto::NodeProto;
use crate::onnx::{ModelFile, ValueId};

/// Longest data of a constant that is compared with others, in bytes.
const MAX_CONSTANT: usize = 256;

/// Longest attributes that are compared with others, in bytes.
const MAX_ATTRIBUTES: usize = 1024;

/// The first of the values that are equal to each value.
pub(super) struct Numbering {
    first: Vec<u32>,
    known: FxHashMap<Vec<u8>, u32>,
}

impl Numbering {
    /// Inputs and constants of a graph; the outputs of nodes come as they are visited.
    pub(super) fn of(file: &ModelFile) -> Numbering {
        let mut this = Numbering {
            first: (0..file.index().len() as u32).collect(),
            known: FxHashMap::default(),
        };
        for id in file.index().values() {
            let Some(position) = file.constant(id) else {
                continue;
            };
            let tensor = &file.graph().initializer[position];
            let data = tensor.raw_data.as_ref().filter(|_| !tensor.is_external());
            if let Some(data) = data.filter(|data| data.len() <= MAX_CONSTANT) {
                let mut key = format!("{} {:?} ", tensor.data_type(), tensor.dims).into_bytes();
                key.extend_from_slice(data);
                this.note(id, key);
            }
        }
        this
    }

    /// The first value that is equal to this one.
    pub(super) fn first(&self, id: ValueId) -> u32 {
        self.first[id.index()]
    }

    /// Numbers the outputs of a node whose inputs have been numbered.
    pub(super) fn visit(
        &mut self,
        node: &NodeProto,
        outputs: &[Option<ValueId>],
        file: &ModelFile,
    ) {
        if !is_function(node) {
            return;
        }
        let mut key = node.op_type().as_bytes().to_vec();
        for attribute in &node.attribute {
            key.push(0);
            key.extend(attribute.encode_to_vec());
        }
        if key.len() > MAX_ATTRIBUTES {
            return;
        }
        key.push(1);
        // How much goes to an output may depend on how many there are.
        key.extend((node.output.len() as u32).to_le_bytes());
        key.extend(node.output.iter().map(|name| u8::from(name.is_empty())));
        for name in &node.input {
            let number = match name.is_empty() {
                true => u32::MAX,
                false => match file.index().id(name) {
                    Some(id) => self.first(id),
                    None => return,
                },
            };
            key.extend(number.to_le_bytes());
        }
        for (slot, &output) in outputs.iter().enumerate() {
            if let Some(id) = output {
                let mut key = key.clone();
                key.extend((slot as u32).to_le_bytes());
                self.note(id, key);
            }
        }
    }

    fn note(&mut self, id: ValueId, key: Vec<u8>) {
        let own = id.index() as u32;
        self.first[id.index()] = *self.known.entry(key).or_insert(own);
    }
}

/// Whether what a node computes depends on its inputs and attributes alone. Bodies read values by name, and what operators of
/// other domains do is not known.
fn is_function(node: &NodeProto) -> bool {
    let random = [
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Multinomial",
        "Bernoulli",
        "Dropout",
    ];
    let has_body = |a: &crate::onnx::proto::AttributeProto| a.g.is_some() || !a.graphs.is_empty();
    node.is_standard() && !random.contains(&node.op_type()) && !node.attribute.iter().any(has_body)
}
