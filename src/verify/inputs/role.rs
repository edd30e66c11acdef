//! The purpose of an input, which decides the values it gets.

use super::flow;
use super::sizes::{Assignment, Switches, Values};
use crate::engine::random::Random;
use crate::onnx::{DataType, ModelFile, Tensor};
use rustc_hash::{FxHashMap, FxHashSet};

/// Random integers of unknown range lie below this.
const SMALL: i64 = 16;

/// What large positions leave of the range of their type for those that follow.
const ROOM: i64 = 1 << 16;

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Role {
    /// Indices into a table of that many rows.
    Rows(i64),
    /// Which elements count: mostly ones.
    Mask,
    /// Consecutive integers along the last axis; `far` where any integer may be tried.
    Positions { far: bool },
    /// Truths: a switch, or one for each element.
    Flag,
    /// Integers without a known meaning; `far` as for positions.
    Integers { far: bool },
    /// Standard normal.
    Floats,
}

/// Finds the roles of a graph's inputs.
pub(super) struct Roles {
    rows: FxHashMap<String, i64>,
    far: FxHashSet<String>,
}

impl Roles {
    pub(super) fn of(file: &ModelFile) -> Roles {
        let names = || file.graph().input.iter().map(|info| info.name());
        let rows = names().filter_map(|name| Some((name.to_owned(), table_rows(file, name)?)));
        let far = names().filter(|name| flow::may_be_far(file, name));
        Roles {
            rows: rows.collect(),
            far: far.map(str::to_owned).collect(),
        }
    }

    /// A table that the input is looked up in decides; otherwise the name is a hint.
    pub(super) fn role(&self, name: &str, dtype: DataType) -> Role {
        let lower = name.to_ascii_lowercase();
        let far = self.far.contains(name);
        match self.rows.get(name) {
            Some(rows) if dtype.is_integer() => Role::Rows(*rows),
            _ if lower.contains("mask") => Role::Mask,
            _ if dtype == DataType::Bool => Role::Flag,
            _ if dtype.is_float() => Role::Floats,
            _ if lower.contains("pos") => Role::Positions { far },
            _ => Role::Integers { far },
        }
    }
}

/// The fewest rows of the constant tables that an input indexes, possibly after operators that keep its values.
fn table_rows(file: &ModelFile, input: &str) -> Option<i64> {
    let graph = file.graph();
    let index = file.index();
    let mut seen = FxHashSet::default();
    let mut open = vec![index.id(input)?];
    let mut fewest: Option<i64> = None;
    while let Some(value) = open.pop() {
        if !seen.insert(value) {
            continue;
        }
        for (position, slot) in index.consumers(value) {
            let node = &graph.node[*position];
            match (node.op_type(), slot) {
                ("Gather", 1) => {
                    let axis = node.int("axis").unwrap_or(0);
                    let table = node
                        .input
                        .first()
                        .and_then(|name| index.initializer(index.id(name)?));
                    let dims = table.map(|t| &graph.initializer[t].dims);
                    let rows = dims.and_then(|dims| {
                        let axis = if axis < 0 {
                            axis + dims.len() as i64
                        } else {
                            axis
                        };
                        dims.get(usize::try_from(axis).ok()?).copied()
                    });
                    fewest = match (fewest, rows) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                }
                (
                    "Cast" | "Reshape" | "Unsqueeze" | "Squeeze" | "Flatten" | "Transpose"
                    | "Identity" | "Expand" | "Slice",
                    0,
                )
                | ("Concat", _) => open.extend(node.output.iter().filter_map(|o| index.id(o))),
                _ => {}
            }
        }
    }
    fewest
}

impl Role {
    /// Whether these values differ from the usual ones.
    pub(super) fn heeds(&self, values: Values, dtype: DataType) -> bool {
        let signed = dtype.is_signed_integer();
        match (self, values) {
            (Role::Rows(_), Values::Negative) => signed,
            (Role::Positions { far: true } | Role::Integers { far: true }, Values::Negative) => {
                signed
            }
            (Role::Positions { far: true } | Role::Integers { far: true }, Values::From(first)) => {
                match dtype {
                    DataType::I32 => first < i64::from(i32::MAX) - ROOM,
                    DataType::I64 => true,
                    _ => false,
                }
            }
            (Role::Integers { .. }, Values::Fallback) => true,
            _ => false,
        }
    }

    /// The elements of a tensor in row-major order, for the input at this place.
    pub(super) fn values(
        &self,
        place: usize,
        shape: &[usize],
        dtype: DataType,
        assignment: &Assignment,
        random: &mut Random,
    ) -> Vec<f64> {
        let values = assignment.values;
        let count = Tensor::count(shape).unwrap_or(0);
        let last = shape.last().copied().unwrap_or(1).max(1);
        let first = match values {
            _ if !self.heeds(values, dtype) => 0,
            // Rows of a few positions reach from below zero to above.
            Values::Negative => -SMALL - 2,
            Values::From(first) => first,
            Values::Usual | Values::Fallback => 0,
        };
        match self {
            Role::Rows(rows) => {
                let below = if first < 0 { *rows } else { 0 };
                (0..count)
                    .map(|_| (random.below(*rows) - below) as f64)
                    .collect()
            }
            Role::Mask => {
                // The last row loses its last quarter: every query still sees something.
                let kept = last - last / 4;
                let rows = count / last;
                let masked = |i: usize| rows > 1 && i / last == rows - 1 && i % last >= kept;
                (0..count).map(|i| f64::from(!masked(i))).collect()
            }
            Role::Positions { .. } if values == Values::Fallback => {
                (0..count).map(|i| (i % last) as f64).collect()
            }
            Role::Positions { .. } => {
                let starts: Vec<i64> = (0..count.div_ceil(last))
                    .map(|_| first + random.below(SMALL))
                    .collect();
                (0..count)
                    .map(|i| (starts[i / last] + (i % last) as i64) as f64)
                    .collect()
            }
            Role::Flag => match assignment.switches {
                Switches::On => vec![1.0; count],
                Switches::Off => vec![0.0; count],
                Switches::Mixed => (0..count).map(|_| random.below(2) as f64).collect(),
                Switches::Only(on) => vec![f64::from(place == on); count],
                Switches::But(off) => vec![f64::from(place != off); count],
            },
            Role::Integers { .. } => {
                let below = if values == Values::Fallback { 2 } else { SMALL };
                (0..count)
                    .map(|_| (first + random.below(below)) as f64)
                    .collect()
            }
            Role::Floats => {
                debug_assert!(dtype.is_float());
                (0..count).map(|_| random.normal()).collect()
            }
        }
    }
}
