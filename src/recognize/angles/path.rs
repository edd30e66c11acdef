//! What changes a position on its way to the angles.
//!
//! Over the reals a position that was cast, rounded, wrapped or clamped may be the same position; in the type it is another number
//! for some. An operator computes angles from the position it reads, so it may read none before such a change. It multiplies once:
//! a position that is multiplied and divided again is rounded twice, and may leave the type in between.

use rustc_hash::FxHashSet;

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::symbolic::Interpreter;
use crate::symbolic::value::Value;

use super::behind;

/// The values of a cone whose numbers reach the angles through something that may change them, or through two products.
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

/// The values that angles are computed from, and the angles: what cosines and sines are taken of.
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

/// The values that are multiplied by a product of theirs: what lies before two products on the way to the angles.
fn multiplied_twice(it: &Interpreter<'_>, angles: &FxHashSet<ValueId>) -> FxHashSet<ValueId> {
    let mut once = FxHashSet::default();
    let mut twice = FxHashSet::default();
    // Values by the number of products behind them, each visited once with each number.
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

/// Up to here and down to its inverse, numbers are in the range of `float`, with every bit that they have.
const LARGEST: f64 = (1u128 << 100) as f64;

/// Whether a node rounds an input by multiplying, or may leave the type: zeros and ones do neither, nor do powers of two of what
/// was an integer.
fn multiplies(it: &Interpreter<'_>, node: &NodeProto, input: ValueId, output: ValueId) -> bool {
    if !matches!(node.domain(), "" | "ai.onnx")
        || !matches!(node.op_type(), "Mul" | "Div" | "MatMul" | "Einsum")
    {
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

/// Whether a node hands on the numbers of an input as they are, or multiplies them.
fn passes(it: &Interpreter<'_>, node: &NodeProto, input: ValueId, output: ValueId) -> bool {
    let index = it.index();
    let at = |k: usize| node.input.get(k).and_then(|name| index.id(name)) == Some(input);
    let (Some(from), Some(to)) = (it.known(input), it.known(output)) else {
        return false;
    };
    if !matches!(node.domain(), "" | "ai.onnx") || it.loss(output).is_some() {
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

/// Whether no term of a sum cancels or absorbs another: what is added and taken away again is rounded on the way.
fn adds_up(it: &Interpreter<'_>, node: &NodeProto, sum: &Value) -> bool {
    // Elements that stand for as many of the result each have their terms in all of those.
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

/// Whether a cast holds every number: integers become floats as the operator makes floats of them.
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
