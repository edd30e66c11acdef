//! Random inputs for a model, from what its graph tells about them.
//!
//! A [`Signature`] is read once. It yields [`Assignment`]s: sizes for the symbolic dimensions, one size a name throughout the
//! model, the likeliest first. Exporters do not say which sizes a model accepts (multiples of a patch, a total that is the sum
//! of two others), so the caller tries one after the other until the model runs. Integer inputs that are looked up in a table
//! stay inside it, masks are ones with a few zeros, positions count upwards, floats are standard normal, switches are on in one
//! set and off in another.
//!
//! [`Signature::corners`] are further sets, on which a rewrite that is right elsewhere may fail: sizes that are 0, 1, 2 or
//! coincide, positions that are negative or very large, and one switch set differently from all others. A model need not
//! run with them.
#![forbid(unsafe_code)]

mod empties;
mod flow;
mod role;
mod sizes;

pub use sizes::{Assignment, Switches, Values};

use crate::engine::random::Random;
use crate::facts::Dim;
use crate::onnx::proto::{tensor_shape_proto::dimension, type_proto};
use crate::onnx::{DataType, ModelFile, Tensor};
use role::Role;
use std::collections::{BTreeMap, BTreeSet};

/// Most elements of all generated inputs together.
const MAX_ELEMENTS: usize = 1 << 26;
/// Most corner sets with one switch set differently from all others.
const MAX_ALONE: usize = 4;
/// Where positions of corner sets begin: f32 no longer holds every integer, and i32 none at all.
const FAR: [(&str, i64); 2] = [
    ("positions from 2^24", (1 << 24) - 3),
    ("positions from 2^31", (1 << 31) - 3),
];

/// Why no inputs can be generated.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum InputsError {
    /// An input of a kind that is not generated.
    #[error("input `{name}`: {cause}")]
    Input {
        /// The graph input.
        name: String,
        /// Why.
        cause: String,
    },
    /// Inputs of these sizes are too large to be generated.
    #[error(
        "with input `{name}` of shape [{shape}] there are more than {MAX_ELEMENTS} elements to generate, where a size of 0 counts as 1"
    )]
    TooLarge {
        /// The graph input.
        name: String,
        /// Its sizes.
        shape: String,
    },
    /// A size is given for a dimension that does not exist.
    #[error("the model has no dimension `{name}`; its symbolic dimensions are: {known}")]
    UnknownDim {
        /// The name that was given.
        name: String,
        /// The dimensions of the model.
        known: String,
    },
}

/// The inputs of a model.
#[derive(Clone, Debug)]
pub struct Signature {
    inputs: Vec<Input>,
    fixed: BTreeMap<String, i64>,
    symbols: BTreeSet<String>,
    /// The node for which no input may be empty.
    avoids_empty: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct Input {
    name: String,
    dtype: DataType,
    dims: Vec<Dim>,
    role: Role,
}

impl Signature {
    /// Reads the inputs of a model. `fixed` gives sizes of symbolic dimensions.
    ///
    /// # Errors
    /// An input that is not a tensor of numbers; a fixed dimension that the model does not have.
    pub fn of(file: &ModelFile, fixed: &BTreeMap<String, i64>) -> Result<Signature, InputsError> {
        let graph = file.graph();
        let mut inputs = Vec::new();
        let roles = role::Roles::of(file);
        for info in &graph.input {
            let name = info.name();
            if graph.initializer.iter().any(|t| t.name() == name) {
                continue;
            }
            let fault = |cause: &str| InputsError::Input {
                name: name.to_owned(),
                cause: cause.to_owned(),
            };
            let kind = info.r#type.as_ref().and_then(|t| t.value.as_ref());
            let Some(type_proto::Value::TensorType(tensor)) = kind else {
                return Err(fault("it is not a tensor, and random inputs are tensors"));
            };
            let dtype = DataType::from_onnx(tensor.elem_type())
                .filter(|dtype| dtype.holds_numbers())
                .ok_or_else(|| fault("random values of its element type cannot be made"))?;
            let shape = tensor
                .shape
                .as_ref()
                .ok_or_else(|| fault("its rank is not stated"))?;
            let dims = shape
                .dim
                .iter()
                .enumerate()
                .map(|(axis, dim)| match &dim.value {
                    Some(dimension::Value::DimValue(n)) if *n >= 0 => Dim::Known(*n),
                    Some(dimension::Value::DimParam(text)) if !Dim::parse(text).is_unknown() => {
                        Dim::parse(text)
                    }
                    _ => Dim::symbol(format!("{name}.{axis}")),
                });
            let dims: Vec<Dim> = dims.collect();
            let role = roles.role(name, dtype);
            inputs.push(Input {
                name: name.to_owned(),
                dtype,
                dims,
                role,
            });
        }
        let mut fixed_all = sizes::given_by_weights(
            file,
            inputs.iter().map(|i| (i.name.as_str(), i.dims.as_slice())),
        );
        let mut symbols = BTreeSet::new();
        inputs
            .iter()
            .flat_map(|input| &input.dims)
            .for_each(|dim| dim.collect_symbols(&mut symbols));
        if let Some(name) = fixed.keys().find(|name| !symbols.contains(*name)) {
            let known = symbols
                .iter()
                .map(|s| format!("`{s}`"))
                .collect::<Vec<_>>()
                .join(", ");
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known
            };
            return Err(InputsError::UnknownDim {
                name: name.clone(),
                known,
            });
        }
        fixed_all.extend(fixed.clone());
        Ok(Signature {
            inputs,
            fixed: fixed_all,
            symbols,
            avoids_empty: empties::fatal(file),
        })
    }

    /// Takes heed of the model that runs on the same inputs.
    pub(super) fn heed(&mut self, other: &ModelFile) {
        self.avoids_empty = self.avoids_empty.or(empties::fatal(other));
    }

    /// The node for which sets with a size of 0 are left out, because an engine would crash on it with them.
    pub(super) fn avoids_empty(&self) -> Option<&'static str> {
        self.avoids_empty
    }

    /// Whether a set may be tried.
    fn allows(&self, assignment: &Assignment) -> bool {
        let is_empty = |shapes: Vec<Vec<usize>>| shapes.iter().any(|shape| shape.contains(&0));
        !(self.avoids_empty.is_some() && self.shapes(assignment).is_ok_and(is_empty))
    }

    /// The names of the inputs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|input| input.name.as_str())
    }

    /// The symbolic dimensions.
    pub fn symbols(&self) -> &BTreeSet<String> {
        &self.symbols
    }

    /// Sizes to try for a seed, the likeliest first.
    pub fn assignments(&self, seed: u64) -> Vec<Assignment> {
        let mut tries = sizes::assignments(&self.extents(), &self.fixed, seed);
        tries.retain(|assignment| self.allows(assignment));
        tries
    }

    /// Names and dimensions of the inputs.
    fn extents(&self) -> Vec<(&str, &[Dim])> {
        let inputs = self.inputs.iter();
        inputs
            .map(|i| (i.name.as_str(), i.dims.as_slice()))
            .collect()
    }

    /// How many elements inputs of these sizes have; `None` if they cannot be made.
    pub(super) fn elements(&self, assignment: &Assignment) -> Option<usize> {
        let shapes = self.shapes(assignment).ok()?;
        shapes.iter().map(|shape| Tensor::count(shape)).sum()
    }

    /// Sets beyond the likely ones, each with a name, made of sizes that are known to run. Very large positions are among them if
    /// `far`.
    pub fn corners(&self, working: &Assignment, far: bool) -> Vec<(String, Assignment)> {
        let sizes = sizes::corners(&self.extents(), &self.fixed, working.switches);
        let new = |(_, corner): &(String, Assignment)| {
            corner.sizes != working.sizes && self.allows(corner)
        };
        let far = FAR.iter().filter(|_| far);
        let far = far.map(|(name, first)| (*name, Values::From(*first)));
        let values = [("negative positions", Values::Negative)]
            .into_iter()
            .chain(far);
        let heeded = values.filter(|(_, values)| {
            let mut inputs = self.inputs.iter();
            inputs.any(|input| input.role.heeds(*values, input.dtype))
        });
        let heeded = heeded.map(|(name, values)| {
            let set = Assignment {
                values,
                ..working.clone()
            };
            (name.to_owned(), set)
        });
        let switched = self.switched().into_iter().map(|(name, switches)| {
            let set = Assignment {
                switches,
                ..working.clone()
            };
            (name, set)
        });
        let switched = switched.filter(|(_, set)| set != working);
        let sizes = sizes.into_iter().filter(new);
        switched.chain(heeded).chain(sizes).collect()
    }

    /// The switches in corner sets: all off, or one set differently from all others.
    fn switched(&self) -> Vec<(String, Switches)> {
        let inputs = self.inputs.iter().enumerate();
        let switches = inputs.filter(|(_, input)| input.role == Role::Flag);
        let switches: Vec<(usize, &str)> = switches
            .map(|(place, input)| (place, input.name.as_str()))
            .collect();
        let mut sets = Vec::new();
        if !switches.is_empty() {
            sets.push(("switches off".to_owned(), Switches::Off));
        }
        for &(place, name) in switches
            .iter()
            .take(MAX_ALONE)
            .filter(|_| switches.len() > 1)
        {
            sets.push((format!("only `{name}` on"), Switches::Only(place)));
            // Of two switches the other one is alone then.
            if switches.len() > 2 {
                sets.push((format!("only `{name}` off"), Switches::But(place)));
            }
        }
        sets
    }

    /// The inputs with every float that is a measure moved by a rounding or two; `None` if there are none.
    pub(super) fn moved(
        &self,
        inputs: &[(String, Tensor)],
        seed: u64,
    ) -> Option<Vec<(String, Tensor)>> {
        let mut any = false;
        let measures = |name: &str| {
            let mut inputs = self.inputs.iter();
            inputs.any(|input| input.name == name && input.role == Role::Floats)
        };
        let moved = inputs.iter().map(|(name, tensor)| {
            let values = tensor.to_f64().filter(|_| measures(name));
            let tensor = match tensor.dtype.epsilon().zip(values) {
                Some((epsilon, mut values)) => {
                    any = true;
                    let mut random = Random::new(seed, name);
                    values.iter_mut().for_each(|v| *v *= random.nudge(epsilon));
                    Tensor::from_f64_as(tensor.dtype, &tensor.shape, &values)
                }
                None => tensor.clone(),
            };
            (name.clone(), tensor)
        });
        let moved = moved.collect();
        any.then_some(moved)
    }

    /// Makes inputs of these sizes.
    ///
    /// # Errors
    /// A dimension that comes out negative, or too many elements.
    pub fn make(
        &self,
        assignment: &Assignment,
        seed: u64,
    ) -> Result<Vec<(String, Tensor)>, InputsError> {
        let shapes = self.shapes(assignment)?;
        let inputs = self.inputs.iter().zip(shapes).enumerate();
        let made = inputs.map(|(place, (input, shape))| {
            let tensor = input.make(place, &shape, assignment, seed);
            (input.name.clone(), tensor)
        });
        Ok(made.collect())
    }

    /// Whether inputs of any of the sizes that are tried can be made.
    ///
    /// # Errors
    /// As [`Signature::make`], where none can.
    pub fn fits(&self) -> Result<(), InputsError> {
        let mut result = Ok(());
        for assignment in self.assignments(0) {
            match self.shapes(&assignment) {
                Ok(_) => return Ok(()),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// The shapes of all inputs.
    fn shapes(&self, assignment: &Assignment) -> Result<Vec<Vec<usize>>, InputsError> {
        let mut total = 0usize;
        let shape = |input: &Input| {
            let shape = input.shape(assignment)?;
            // Engines walk the rows of a tensor that has no columns.
            let rows: Vec<usize> = shape.iter().map(|&size| size.max(1)).collect();
            let count = Tensor::count(&rows).and_then(|count| total.checked_add(count));
            total = count
                .filter(|&count| count <= MAX_ELEMENTS)
                .ok_or_else(|| {
                    let shown: Vec<String> = shape.iter().map(usize::to_string).collect();
                    InputsError::TooLarge {
                        name: input.name.clone(),
                        shape: shown.join(", "),
                    }
                })?;
            Ok(shape)
        };
        self.inputs.iter().map(shape).collect()
    }

    /// Checks given inputs: every one is there, of the right type and shape, with one size a symbol. Returns the sizes.
    /// Arrays of other names are dropped; two-byte `void` arrays serve as bfloat16, and integers of another width are converted.
    ///
    /// # Errors
    /// Names the input and what differs.
    pub fn check(
        &self,
        given: Vec<(String, Tensor)>,
    ) -> Result<(Assignment, Vec<(String, Tensor)>), InputsError> {
        let mut given: BTreeMap<String, Tensor> = given.into_iter().collect();
        let mut checked = Vec::new();
        let mut sizes: BTreeMap<String, i64> = self.fixed.clone();
        for input in &self.inputs {
            let fault = |cause: String| InputsError::Input {
                name: input.name.clone(),
                cause,
            };
            let Some(tensor) = given.remove(&input.name) else {
                let names = given
                    .keys()
                    .map(|n| format!("`{n}`"))
                    .collect::<Vec<_>>()
                    .join(", ");
                return Err(fault(format!(
                    "no array of that name; unused arrays: {names}"
                )));
            };
            let tensor = input.converted(tensor).map_err(fault)?;
            if let Some(node) = self.avoids_empty.filter(|_| tensor.is_empty()) {
                return Err(fault(format!(
                    "it has no elements, on which ONNX Runtime crashes in {node}"
                )));
            }
            let shown = input
                .dims
                .iter()
                .map(Dim::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            let wrong = || fault(format!("shape {:?} does not fit [{shown}]", tensor.shape));
            if tensor.shape.len() != input.dims.len() {
                return Err(wrong());
            }
            for (dim, size) in input.dims.iter().zip(&tensor.shape) {
                let size = *size as i64;
                match dim {
                    Dim::Known(n) if *n != size => return Err(wrong()),
                    Dim::Symbol(name) => {
                        let bound = *sizes.entry(name.clone()).or_insert(size);
                        if bound != size {
                            return Err(fault(format!(
                                "shape {:?} does not fit [{shown}]: `{name}` is {bound} elsewhere",
                                tensor.shape
                            )));
                        }
                    }
                    _ => {}
                }
            }
            checked.push((input.name.clone(), tensor));
        }
        Ok((
            Assignment {
                sizes,
                values: Values::Usual,
                switches: Switches::On,
            },
            checked,
        ))
    }
}

impl Input {
    fn shape(&self, assignment: &Assignment) -> Result<Vec<usize>, InputsError> {
        let size = |dim: &Dim| {
            let size = dim.eval(&|name| assignment.sizes.get(name).copied());
            size.and_then(|n| usize::try_from(n).ok())
                .ok_or_else(|| InputsError::Input {
                    name: self.name.clone(),
                    cause: format!("dimension `{dim}` has no size"),
                })
        };
        self.dims.iter().map(size).collect()
    }

    /// Values for a shape whose elements can be counted.
    fn make(&self, place: usize, shape: &[usize], assignment: &Assignment, seed: u64) -> Tensor {
        let mut random = Random::new(seed, &self.name);
        let role = &self.role;
        let values = role.values(place, shape, self.dtype, assignment, &mut random);
        Tensor::from_f64_as(self.dtype, shape, &values)
    }

    /// A given tensor in this input's element type.
    fn converted(&self, tensor: Tensor) -> Result<Tensor, String> {
        if tensor.dtype == self.dtype {
            return Ok(tensor);
        }
        let integers = |dtype: DataType| dtype.is_integer() || dtype == DataType::Bool;
        let floats =
            tensor.dtype.is_float() && self.dtype.is_float() && tensor.dtype != DataType::BF16;
        if !(floats || integers(tensor.dtype) && integers(self.dtype)) {
            return Err(format!("type {} instead of {}", tensor.dtype, self.dtype));
        }
        let values = tensor.to_f64().ok_or("its elements cannot be read")?;
        let converted = Tensor::from_f64_as(self.dtype, &tensor.shape, &values);
        // Integers are compared as such, since several of 64 bits are one `f64`.
        let kept = match self.dtype.is_float() {
            true => converted.to_f64() == Some(values),
            false => tensor.to_i64().is_some() && converted.to_i64() == tensor.to_i64(),
        };
        if !kept {
            return Err(format!("its values do not fit type {}", self.dtype));
        }
        Ok(converted)
    }
}
