//! Back-ends that run an operator as the node of a model, such as ONNX Runtime, and what a call looks like to them.

use crate::common::{Limits, Random};
use phasor_ops::angle::{Position, PositionType};
use phasor_ops::contract::relative::Integer;
use phasor_ops::contract::{AttributeValue, OperatorSpec, TensorType};
use phasor_ops::simd::Element;
use std::any::Any;
use std::cell::Cell;

/// Something that runs models.
pub(crate) trait Host: Sync {
    /// What it is called in messages.
    fn name(&self) -> &str;

    /// Whether it runs kernels; else it runs function bodies.
    fn has_kernels(&self) -> bool;

    /// Whether it runs an operator on these types, which are in the order of the description's parameters.
    fn takes(&self, spec: &OperatorSpec, types: &[TensorType]) -> bool;

    /// Whether its arithmetic is right for integers of this size.
    fn reaches(&self, size: u64) -> bool;

    /// Whether its standard operators take a softmax over no element.
    fn normalises_nothing(&self) -> bool;

    /// Whether its standard operators split heads of which there are none.
    fn splits_nothing(&self) -> bool;

    /// The outputs of a node.
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, String>;
}

impl std::fmt::Debug for dyn Host + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A node and its inputs.
pub(crate) struct Call {
    pub(crate) spec: &'static OperatorSpec,
    pub(crate) attributes: Vec<(&'static str, AttributeValue)>,
    pub(crate) inputs: Vec<Tensor>,
}

impl Call {
    /// The outputs of a node, which the host must be able to run.
    pub(crate) fn on(&self, host: &dyn Host) -> Vec<Tensor> {
        let outputs = host.run(self).unwrap_or_else(|why| {
            let shapes: Vec<_> = self.inputs.iter().map(|t| (t.of, &t.shape)).collect();
            let Call {
                spec, attributes, ..
            } = self;
            panic!(
                "{host:?}: {} {attributes:?} of {shapes:?}: {why}",
                spec.name
            )
        });
        assert_eq!(outputs.len(), self.spec.outputs.len());
        outputs
    }
}

/// A tensor; elements are little-endian.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) of: TensorType,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Tensor {
    pub(crate) fn of<T: Element + Limits>((values, shape): (&[T], &[usize])) -> Self {
        let bytes = values.iter().flat_map(|v| {
            let bits = v.bit_pattern().to_le_bytes();
            bits.into_iter().take(size_of::<T>())
        });
        Self {
            of: TensorType::Element(T::TYPE),
            shape: shape.to_vec(),
            bytes: bytes.collect(),
        }
    }

    pub(crate) fn of_integers<I: Integer>((values, shape): (&[I], &[usize])) -> Self {
        let bytes = values.iter().flat_map(|v| {
            let bits = v.to_i64().to_le_bytes();
            bits.into_iter().take(size_of::<I>())
        });
        Self {
            of: I::TYPE,
            shape: shape.to_vec(),
            bytes: bytes.collect(),
        }
    }

    pub(crate) fn of_booleans((values, shape): (&[bool], &[usize])) -> Self {
        Self {
            of: TensorType::Bool,
            shape: shape.to_vec(),
            bytes: values.iter().map(|&value| value.into()).collect(),
        }
    }

    pub(crate) fn of_positions<P: Position>((values, shape): (&[P], &[usize])) -> Self {
        let bytes = |value: &P| -> Vec<u8> {
            let value: &dyn Any = value;
            let integer = value.downcast_ref().map(|v: &i64| v.to_le_bytes().into());
            let short = value.downcast_ref().map(|v: &i32| v.to_le_bytes().into());
            let float = value.downcast_ref().map(|v: &f32| v.to_le_bytes().into());
            let double = value.downcast_ref().map(|v: &f64| v.to_le_bytes().into());
            integer
                .or(short)
                .or(float)
                .or(double)
                .expect("a type of positions")
        };
        Self {
            of: position_type::<P>(),
            shape: shape.to_vec(),
            bytes: values.iter().flat_map(bytes).collect(),
        }
    }

    /// The elements, which are of type `T`.
    pub(crate) fn values<T: Element + Limits>(&self) -> Vec<T> {
        assert_eq!(self.of, TensorType::Element(T::TYPE));
        let element = |bytes: &[u8]| {
            let mut bits = [0; 8];
            bits[..bytes.len()].copy_from_slice(bytes);
            T::from_bit_pattern(u64::from_le_bytes(bits))
        };
        self.bytes.chunks(size_of::<T>()).map(element).collect()
    }
}

/// The type of positions that are embedded.
pub(crate) fn position_type<P: Position>() -> TensorType {
    match P::POSITION {
        PositionType::I64 => TensorType::I64,
        PositionType::I32 => TensorType::I32,
        PositionType::F32 => TensorType::F32,
        PositionType::F64 => TensorType::F64,
    }
}

/// About how many of the first cases of a test are run; of the later ones it is as many each time that their number has tripled.
const DENSE: u64 = 24;

/// Whether a host runs the next case: each is a model to load, so not all of them are.
pub(crate) fn drawn() -> bool {
    thread_local!(static NUMBER: Cell<u64> = const { Cell::new(0) });
    let number = NUMBER.replace(NUMBER.get() + 1);
    Random(number).bits().is_multiple_of(1 + number / DENSE)
}
