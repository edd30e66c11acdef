//! What an input is for, which decides the values it gets.

use crate::engine::random::Random;
use crate::onnx::{DataType, ModelFile, Tensor};
use rustc_hash::{FxHashMap, FxHashSet};

/// Random integers of unknown range lie below this.
const SMALL: i64 = 16;

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Role {
    /// Indices into a table of that many rows.
    Rows(i64),
    /// Which elements count: mostly ones.
    Mask,
    /// Consecutive integers along the last axis.
    Positions,
    /// A switch.
    Flag,
    /// Integers without a known meaning.
    Integers,
    /// Standard normal.
    Floats,
}

/// Finds the roles of a graph's inputs.
pub(super) struct Roles {
    rows: FxHashMap<String, i64>,
}

impl Roles {
    pub(super) fn of(file: &ModelFile) -> Roles {
        let rows = file
            .graph()
            .input
            .iter()
            .filter_map(|info| Some((info.name().to_owned(), table_rows(file, info.name())?)));
        Roles {
            rows: rows.collect(),
        }
    }

    /// A table that is looked up binds; beyond that the name is a hint.
    pub(super) fn role(&self, name: &str, dtype: DataType) -> Role {
        let lower = name.to_ascii_lowercase();
        match self.rows.get(name) {
            Some(rows) if dtype.is_integer() => Role::Rows(*rows),
            _ if lower.contains("mask") => Role::Mask,
            _ if dtype == DataType::Bool => Role::Flag,
            _ if dtype.is_float() => Role::Floats,
            _ if lower.contains("pos") => Role::Positions,
            _ => Role::Integers,
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
                    let axis = node
                        .attribute
                        .iter()
                        .find(|a| a.name() == "axis")
                        .map_or(0, |a| a.i());
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
    /// The elements of a tensor in row-major order.
    pub(super) fn values(
        &self,
        shape: &[usize],
        dtype: DataType,
        timid: bool,
        random: &mut Random,
    ) -> Vec<f64> {
        let count = Tensor::count(shape).unwrap_or(0);
        let last = shape.last().copied().unwrap_or(1).max(1);
        match self {
            Role::Rows(rows) => (0..count).map(|_| random.below(*rows) as f64).collect(),
            Role::Mask => {
                // The last row loses its last quarter: every query still sees something.
                let kept = last - last / 4;
                let rows = count / last;
                let masked = |i: usize| rows > 1 && i / last == rows - 1 && i % last >= kept;
                (0..count).map(|i| f64::from(!masked(i))).collect()
            }
            Role::Positions if timid => (0..count).map(|i| (i % last) as f64).collect(),
            Role::Positions => {
                let starts: Vec<i64> = (0..count.div_ceil(last))
                    .map(|_| random.below(SMALL))
                    .collect();
                (0..count)
                    .map(|i| (starts[i / last] + (i % last) as i64) as f64)
                    .collect()
            }
            Role::Flag => vec![1.0; count],
            Role::Integers => {
                let below = if timid { 2 } else { SMALL };
                (0..count).map(|_| random.below(below) as f64).collect()
            }
            Role::Floats => {
                debug_assert!(dtype.is_float());
                (0..count).map(|_| random.normal()).collect()
            }
        }
    }
}
