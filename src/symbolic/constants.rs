//! The values of constants.
//!
//! They are decoded when a transfer function asks for them, so the weights of dense layers stay unread.

use std::rc::Rc;

use smallvec::{SmallVec, smallvec};

use crate::onnx::proto::{NodeProto, TensorProto};
use crate::onnx::{DataType, Tensor, ValueId};

use super::generalise::column_at;
use super::interpreter::{Interpreter, MAX_CHANNELS};
use super::poly::{Arena, PolyId, Stop};
use super::range::EXACT;
use super::value::{Alignment, Caveats, Shape, Value};

/// Largest constant all of whose elements are told apart.
const MAX_CONSTANT: usize = 4096;

/// The number that a `Constant` node has as an attribute.
fn number(node: &NodeProto) -> Option<Tensor> {
    if let Some(number) = node.int("value_int") {
        return Some(Tensor::from_i64(&[], &[number]));
    }
    let number = node.float("value_float")?;
    Some(Tensor::from_f64_as(DataType::F32, &[], &[number.into()]))
}

impl Interpreter<'_> {
    /// The decoded constant behind a value: an initializer or the output of a `Constant` node.
    pub fn tensor(&mut self, id: ValueId) -> Option<Rc<Tensor>> {
        if let Some(known) = self.tensors.get(&id) {
            return known.clone();
        }
        let file = self.file;
        let tensor = match file.constant(id) {
            Some(position) => file.tensor(&file.graph().initializer[position]).ok(),
            None => self.constants.get(&id).and_then(|&node| {
                let node = &file.graph().node[node];
                match node.tensor("value") {
                    Some(proto) => file.tensor(proto).ok(),
                    None => number(node),
                }
            }),
        };
        let tensor = tensor.map(Rc::new);
        self.tensors.insert(id, tensor.clone());
        tensor
    }

    /// Whether a value is a constant of the model: an initializer that callers cannot replace, or the output of a `Constant` node.
    pub fn is_constant(&self, id: ValueId) -> bool {
        let (index, graph) = (self.index(), self.file.graph());
        let is_made = |(node, _): (usize, usize)| graph.node[node].is_onnx("Constant");
        self.file.constant(id).is_some() || index.producer(id).is_some_and(is_made)
    }

    /// The value of a constant tensor.
    pub fn constant_value(&mut self, id: ValueId, proto: &TensorProto) -> Option<Value> {
        let dtype = DataType::from_onnx(proto.data_type())?;
        let shape: Shape = proto.dims.iter().map(|&d| self.arena.integer(d)).collect();
        let dims: SmallVec<[usize; 6]> = proto
            .dims
            .iter()
            .map(|&d| usize::try_from(d).ok())
            .collect::<Option<_>>()?;
        let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
        let numeric = dtype.is_float() || dtype.is_integer() || dtype == DataType::Bool;
        if numeric && count <= MAX_CONSTANT && dims.iter().all(|&d| d <= MAX_CHANNELS) {
            let elements = self.load(id, proto).and_then(|tensor| {
                (0..count)
                    .map(|k| element(&mut self.arena, &tensor, k))
                    .collect()
            });
            return Some(match elements {
                Some(data) => Value::enumerated(dtype, shape, data),
                None => self.fresh(id, dtype, shape),
            });
        }
        let long: SmallVec<[usize; 6]> = (0..dims.len()).filter(|&axis| dims[axis] != 1).collect();
        let table = match long[..] {
            [rows, columns]
                if numeric && columns + 1 == dims.len() && dims[columns] <= MAX_CHANNELS =>
            {
                Some((rows, dims[columns]))
            }
            [rows] if numeric => Some((rows, 1)),
            _ => None,
        };
        if let Some((rows, columns)) = table
            && let Some(tensor) = self.load(id, proto)
            && (dtype.is_float() || (0..count).all(|k| tensor.element(k).abs() < EXACT))
        {
            return self.table_value(dtype, shape, &tensor, rows, columns).ok();
        }
        Some(self.fresh(id, dtype, shape))
    }

    pub(super) fn load(&mut self, id: ValueId, proto: &TensorProto) -> Option<Rc<Tensor>> {
        let file = self.file;
        self.tensors
            .entry(id)
            .or_insert_with(|| file.tensor(proto).ok().map(Rc::new))
            .clone()
    }

    /// A constant as columns over the position along axis `rows`.
    fn table_value(
        &mut self,
        dtype: DataType,
        shape: Shape,
        tensor: &Rc<Tensor>,
        rows: usize,
        columns: usize,
    ) -> Result<Value, Stop> {
        let count = tensor.shape[rows];
        let iota = self.arena.iota();
        let position = self.arena.channel(iota, 0);
        let mut data = Vec::with_capacity(columns);
        for k in 0..columns {
            let column = self.tables.column(tensor, k, columns, count);
            data.push(column_at(&mut self.arena, column, position)?);
        }
        let mut enumerated: SmallVec<[bool; 6]> = smallvec![true; shape.len()];
        enumerated[rows] = false;
        let mut alignment = Alignment::new();
        alignment.push((iota, smallvec![rows as u8]));
        Ok(Value {
            dtype,
            shape,
            enumerated,
            data: data.into(),
            alignment,
            caveats: Caveats::default(),
        })
    }

    /// The elements of an integer tensor whose axes are all enumerated: a shape, axes, bounds.
    pub fn elements(&mut self, id: ValueId) -> Option<Vec<PolyId>> {
        self.value(id).ok()?.elements().map(<[PolyId]>::to_vec)
    }

    /// The elements, if all are integer constants.
    pub fn integers(&mut self, id: ValueId) -> Option<Vec<i64>> {
        let elements = self.elements(id)?;
        elements
            .into_iter()
            .map(|p| self.arena.as_integer(p))
            .collect()
    }
}

/// An element of a constant; `None` for what is no finite number or of a type that is not read.
pub(super) fn element(arena: &mut Arena, tensor: &Tensor, position: usize) -> Option<PolyId> {
    let number = tensor.element(position);
    if number.abs() < EXACT || (tensor.dtype.is_float() && number.is_finite()) {
        return Some(arena.constant(number));
    }
    let integers = tensor.to_i64().filter(|_| tensor.dtype.is_integer())?;
    integers.get(position).map(|&value| arena.integer(value))
}

#[cfg(test)]
mod tests;
