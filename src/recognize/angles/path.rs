//! Finds what changes a position on its way to the angles.
//!
//! Over the reals, a position that was cast, rounded, wrapped or clamped may be the same position; in its type, some positions
//! are other numbers afterwards. A `RotaryTable` node computes angles from the positions that it reads, so it must read them
//! after such a change: a cast to `bfloat16` shows from 257 on, one to `uint8` below 0, a product that wraps beyond 2^31. Probes
//! alone might not notice.
//!
//! The node multiplies once. A position that the graph multiplies twice, `(p * 3) / 3 * f`, is rounded twice, and may leave the
//! type in between.
//!
//! The list of operators that change nothing is closed: what is not on it changes positions.

use rustc_hash::FxHashSet;

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::symbolic::Interpreter;
use crate::symbolic::value::Value;

use super::behind;

/// The values whose numbers reach the angles through something that may change them, or through two products. What such a value
/// is computed from is among them too: it reaches the angles through the same change.
pub(super) fn changed(it: &Interpreter<'_>, cone: &[ValueId]) -> FxHashSet<ValueId> {
    let angles = before_angles(it, cone);
    let mut changed = multiplied_twice(it, &angles);
    let mut open: Vec<ValueId> = changed.iter().copied().collect();
    for &value in &angles {
        let Some((node, _)) = it.index().producer(value) else {
            continue;
        };
        let node = &it.file.graph().node[node];
        for input in behind::read(it, value) {
            if !passes(it, node, input, value) && changed.insert(input) {
                open.push(input);
            }
        }
    }
    while let Some(value) = open.pop() {
        let read = behind::read(it, value);
        open.extend(read.into_iter().filter(|&input| changed.insert(input)));
    }
    changed
}

/// The angles, which are what cosines and sines are taken of, and the values that they are computed from.
fn before_angles(it: &Interpreter<'_>, cone: &[ValueId]) -> FxHashSet<ValueId> {
    let (index, graph) = (it.index(), it.file.graph());
    let trigonometric = |value: &&ValueId| {
        let node = index.producer(**value).map(|(node, _)| &graph.node[node]);
        node.is_some_and(|node| matches!(node.op_type(), "Cos" | "Sin"))
    };
    let mut open: Vec<ValueId> = Vec::new();
    for &value in cone.iter().filter(trigonometric) {
        open.extend(behind::read(it, value));
    }
    let mut found = FxHashSet::default();
    while let Some(value) = open.pop() {
        if found.insert(value) {
            open.extend(behind::read(it, value));
        }
    }
    found
}

/// The values that pass through two products or more on some path to the angles.
fn multiplied_twice(it: &Interpreter<'_>, angles: &FxHashSet<ValueId>) -> FxHashSet<ValueId> {
    let mut once = FxHashSet::default();
    let mut twice = FxHashSet::default();
    // Values, and whether a product lies between them and the angles. Each is visited at most once without and once with one.
    let mut open: Vec<(ValueId, bool)> = angles.iter().map(|&value| (value, false)).collect();
    while let Some((value, behind)) = open.pop() {
        let Some((node, _)) = it.index().producer(value) else {
            continue;
        };
        let node = &it.file.graph().node[node];
        for input in behind::read(it, value) {
            let product = multiplies(it, node, input, value);
            match (behind, product) {
                (true, true) => {
                    twice.insert(input);
                }
                (false, false) => {}
                _ => {
                    if once.insert(input) {
                        open.push((input, true));
                    }
                }
            }
        }
    }
    twice
}

/// Numbers up to this one and down to its inverse are normal in `float`: a power of two changes their exponent and no other bit.
const LARGEST: f64 = (1u128 << 100) as f64;

/// Whether a node multiplies an input in a way that may round it or leave the type. Factors of 0, 1 and -1 cannot, nor can powers
/// of two if all numbers are bounded by [`LARGEST`]. Integers are exact: one that may wrap is a root of its own.
fn multiplies(it: &Interpreter<'_>, node: &NodeProto, input: ValueId, output: ValueId) -> bool {
    if !node.is_standard() || !matches!(node.op_type(), "Mul" | "Div" | "MatMul" | "Einsum") {
        return false;
    }
    if it
        .known(output)
        .is_some_and(|value| !value.dtype.is_float())
    {
        return false;
    }
    let Some(from) = it.known(input) else {
        return true;
    };
    let bounded = |value: &Value| {
        value.data.iter().all(|&p| {
            let range = it.arena.range(p);
            let terms = it.arena.terms(p);
            let mut factors = terms.iter().map(|term| term.coefficient.abs());
            range.is_finite()
                && range.largest() <= LARGEST
                && factors.all(|factor| factor >= 1.0 / LARGEST)
        })
    };
    let bounded = bounded(from) && it.known(output).is_some_and(|to| bounded(to));
    let exact = |number: Option<f64>| {
        number.is_some_and(|number| {
            let exponent = number.abs().log2();
            matches!(number, -1.0 | 0.0 | 1.0) || bounded && exponent.fract() == 0.0
        })
    };
    let unit = |name: &String| {
        let id = it.index().id(name).filter(|&id| id != input);
        let value = id.and_then(|id| it.known(id));
        value.is_some_and(|value| {
            let mut all = value.data.iter().map(|&p| it.arena.as_constant(p));
            all.all(exact)
        })
    };
    !node.input.iter().any(unit)
}

/// Whether a node hands on the numbers of an input unchanged, or multiplies them. One with a [`crate::symbolic::value::Loss`]
/// does not.
fn passes(it: &Interpreter<'_>, node: &NodeProto, input: ValueId, output: ValueId) -> bool {
    let index = it.index();
    let at = |k: usize| node.input.get(k).and_then(|name| index.id(name)) == Some(input);
    let (Some(from), Some(to)) = (it.known(input), it.known(output)) else {
        return false;
    };
    if !node.is_standard() || it.loss(output).is_some() {
        return false;
    }
    match node.op_type() {
        "Identity" | "Reshape" | "Transpose" | "Unsqueeze" | "Squeeze" | "Flatten" | "Expand"
        | "Tile" | "Slice" | "Split" | "Gather" | "GatherElements" | "GatherND" => at(0),
        "Concat" | "Neg" | "Mul" | "Div" | "MatMul" | "Einsum" | "ReduceSum" => true,
        "Add" | "Sub" | "Sum" => adds_up(it, node, to),
        "Cast" | "CastLike" => casts(it, from, to),
        _ => false,
    }
}

/// Whether the sum has as many terms as its summands together: `(p + 1) - 1` has fewer, and has rounded `p` on the way.
fn adds_up(it: &Interpreter<'_>, node: &NodeProto, sum: &Value) -> bool {
    // With the same number of terms in every element, broadcasting does not matter.
    let terms = |value: &Value| {
        let counts = value.data.iter().map(|&p| it.arena.terms(p).len());
        let (least, most) = (counts.clone().min()?, counts.max()?);
        (least == most).then_some(most)
    };
    let values = node.input.iter().map(|name| {
        let value = it.index().id(name).and_then(|id| it.known(id));
        value.and_then(|value| terms(value))
    });
    values
        .sum::<Option<usize>>()
        .is_some_and(|all| terms(sum) == Some(all))
}

/// Whether a cast keeps every number. Integers may be cast to a float of 32 bits or more, though that rounds large ones: the
/// operator casts its positions in the same way.
fn casts(it: &Interpreter<'_>, from: &Value, to: &Value) -> bool {
    let (a, b) = (from.dtype, to.dtype);
    let exact = from.data.iter().all(|&p| it.arena.is_exact(p, b)) && !from.caveats.rounded;
    match (a.is_float(), b.is_float()) {
        (false, false) => b.holds_integers_of(a) || from.data.iter().all(|&p| it.arena.fits(p, b)),
        (false, true) => b.bits() >= Some(32) || exact,
        (true, true) => a == b || b.bits() > a.bits() || exact,
        (true, false) => from.data == to.data && !from.caveats.rounded,
    }
}

#[cfg(test)]
mod tests;
