//! Checks one node against the table of operators: numbers of inputs and outputs, types of attributes, and the numbers that attributes and
//! constant inputs hold, relative to the ranks of inputs where these are known.
//!
//! A model is checked before anything is done with it ([`super::validate`]), and nodes again on the way to the embedded engine, when more
//! ranks are known and an operator set may ask less than the engine takes for granted ([`Reader::Engine`]).

use super::DataType;
use super::operators::{Bound, Range, Version, newest_opset, version, versions};
use super::proto::attribute_proto::AttributeType;
use super::proto::{AttributeProto, NodeProto};

/// More axes than any tensor has.
pub(crate) const MAX_RANK: i64 = 1024;

/// What is known of an input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operand {
    /// The sizes of its axes, as far as they are known.
    pub(crate) dims: Option<Vec<Option<i64>>>,
    /// Its elements.
    pub(crate) numbers: Option<Vec<i64>>,
}

impl Operand {
    fn rank(&self) -> Option<i64> {
        i64::try_from(self.dims.as_ref()?.len()).ok()
    }
}

/// Who will read the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Nobody yet: the node is checked against its operator set, and what the set does not know is ignored.
    Anyone,
    /// The embedded engine, which reads attributes whether or not the operator set has them.
    #[cfg_attr(not(feature = "tract"), allow(dead_code))]
    Engine,
}

/// What is wrong with a node: `attribute `axis` is 7, allowed are -3 to 2`.
pub(crate) type Fault = String;

/// Checks a node of a model that imports its operators in version `opset`; `operand` says what is known of an input.
pub(crate) fn check(
    node: &NodeProto,
    opset: i64,
    reader: Reader,
    operand: &dyn Fn(usize) -> Operand,
) -> Result<(), Fault> {
    let versions = versions(node.domain(), node.op_type());
    let fallback = versions.first().filter(|_| reader == Reader::Engine);
    let Some(signature) = version(versions, opset).or(fallback) else {
        return Ok(());
    };
    // A newer operator set may allow more than the table knows.
    let open_ended = opset > newest_opset();
    counts(node, signature, open_ended)?;
    let subject = CheckedNode {
        node,
        reader,
        operand,
    };
    for attribute in &node.attribute {
        // The value of a reference in a function is known only in a call.
        if !attribute.ref_attr_name().is_empty() {
            continue;
        }
        let of = |version: &'static Version| {
            let mut attributes = version.attributes.iter();
            attributes.find(|known| known.name == attribute.name())
        };
        let younger = || versions.iter().rev().find_map(of);
        let known = match reader {
            Reader::Anyone => of(signature),
            Reader::Engine => of(signature).or_else(younger),
        };
        let Some(known) = known else { continue };
        let name = format!("attribute `{}`", known.name);
        is_of(attribute, known.kind).map_err(|cause| format!("{name} {cause}"))?;
        let numbers = match known.kind {
            AttributeType::Int => &[attribute.i()][..],
            AttributeType::Ints => &attribute.ints,
            _ => continue,
        };
        if let Some(range) = known.range {
            subject.numbers(&name, numbers, range)?;
        }
    }
    let given = |name: &str| node.attribute(name).is_some();
    let missing = signature
        .attributes
        .iter()
        .find(|a| a.required && !given(a.name));
    if let Some(missing) = missing {
        return Err(format!("attribute `{}` is missing", missing.name));
    }
    if reader == Reader::Engine {
        for known in signature.attributes.iter().filter(|a| !given(a.name)) {
            if let (Some(default), Some(range)) = (known.default, known.range) {
                subject.numbers(&format!("attribute `{}`", known.name), &[default], range)?;
            }
        }
    }
    for &(slot, range) in &signature.holds {
        if node.input.get(slot).is_some_and(|name| !name.is_empty()) {
            subject.input(slot, range)?;
        }
    }
    Ok(())
}

fn counts(node: &NodeProto, signature: &Version, open_ended: bool) -> Result<(), Fault> {
    let sides = [
        ("input", &node.input, &signature.inputs),
        ("output", &node.output, &signature.outputs),
    ];
    for (side, names, slots) in sides {
        let allowed = slots.count();
        let (fewest, most) = (*allowed.start(), *allowed.end());
        let too_many = names.len() > most && !open_ended;
        if names.len() < fewest || too_many {
            let allowed = match most {
                usize::MAX => format!("{fewest} or more"),
                most if most == fewest => most.to_string(),
                most => format!("{fewest} to {most}"),
            };
            let plural = if names.len() == 1 { "" } else { "s" };
            return Err(format!(
                "it has {} {side}{plural}, allowed are {allowed}",
                names.len()
            ));
        }
    }
    let absent =
        |(slot, name): (usize, &String)| name.is_empty() && signature.inputs.is_required(slot);
    match node.input.iter().enumerate().position(absent) {
        Some(slot) => Err(format!("required input {slot} is missing")),
        None => Ok(()),
    }
}

/// Whether an attribute declares the type that it must have. One without a declaration, as in the first IR versions, is read as that type.
fn is_of(attribute: &AttributeProto, kind: AttributeType) -> Result<(), String> {
    let stated = attribute.r#type.unwrap_or(0);
    if stated == AttributeType::Undefined as i32 || stated == kind as i32 {
        return Ok(());
    }
    let stated = AttributeType::try_from(stated).map_or_else(
        |_| format!("the unknown type {stated}"),
        |kind| named(kind).to_owned(),
    );
    Err(format!("holds {stated}, allowed is {}", named(kind)))
}

fn named(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::Undefined => "nothing",
        AttributeType::Float => "a float",
        AttributeType::Int => "an integer",
        AttributeType::String => "a string",
        AttributeType::Tensor => "a tensor",
        AttributeType::Graph => "a graph",
        AttributeType::Floats => "floats",
        AttributeType::Ints => "integers",
        AttributeType::Strings => "strings",
        AttributeType::Tensors => "tensors",
        AttributeType::Graphs => "graphs",
        AttributeType::SparseTensor => "a sparse tensor",
        AttributeType::SparseTensors => "sparse tensors",
        AttributeType::TypeProto => "a type",
        AttributeType::TypeProtos => "types",
    }
}

/// The node that is being checked.
struct CheckedNode<'a> {
    node: &'a NodeProto,
    reader: Reader,
    operand: &'a dyn Fn(usize) -> Operand,
}

impl CheckedNode<'_> {
    /// The rank of an input. Scalars count as vectors, for which operators take them where they reduce or join, but not for the engine.
    fn rank(&self, input: usize) -> Option<i64> {
        let least = i64::from(self.reader == Reader::Anyone);
        (self.operand)(input).rank().map(|rank| rank.max(least))
    }

    /// What an input holds, by its shape and by its elements where they are known.
    fn input(&self, slot: usize, range: Range) -> Result<(), Fault> {
        let operand = (self.operand)(slot);
        let name = || format!("input {slot} `{}`", self.node.input[slot]);
        let per_axis = match range {
            Range::Vector | Range::Sizes | Range::Shape | Range::Axes(_) | Range::Gaps(_) => 1,
            Range::Pads => 2,
            _ => 0,
        };
        if let Some(dims) = operand.dims.as_deref() {
            let length = match dims {
                [.., last] => *last,
                [] => Some(1),
            };
            // Not every reader takes the last size of what should be a list for its length.
            let longest = dims.iter().copied().flatten().max();
            let most = per_axis * MAX_RANK;
            if per_axis > 0
                && let Some(length) = longest.filter(|n| *n > most)
            {
                let (name, each) = (name(), if per_axis == 1 { "one" } else { "two" });
                return Err(format!(
                    "{name} has {length} elements, {each} for each axis: allowed are up to {most}"
                ));
            }
            let sizes = || dims.iter().copied().collect::<Option<Vec<i64>>>();
            if range == Range::One && sizes().is_some_and(|sizes| sizes.iter().any(|n| *n != 1)) {
                return Err(format!(
                    "{} is of shape {}, allowed is one element",
                    name(),
                    shape(dims)
                ));
            }
            if let Range::Tuples(of) = range {
                let rank = (self.operand)(of).rank().unwrap_or(MAX_RANK);
                let fits = !dims.is_empty() && length.is_none_or(|n| (0..=rank).contains(&n));
                if !fits {
                    return Err(format!(
                        "{} is of shape {}, allowed are rows of at most {rank} indices",
                        name(),
                        shape(dims)
                    ));
                }
            }
        }
        match operand.numbers {
            Some(numbers) => self.numbers(&name(), &numbers, range),
            None => Ok(()),
        }
    }

    /// Checks numbers against the range that is allowed.
    fn numbers(&self, name: &str, numbers: &[i64], range: Range) -> Result<(), Fault> {
        let all = |low: i64, high: i64| -> Result<(), Fault> {
            match numbers.iter().find(|n| !(low..=high).contains(*n)) {
                None => Ok(()),
                Some(wrong) if high == i64::MAX => Err(format!(
                    "{name} is {wrong}, allowed are numbers from {low} on"
                )),
                Some(wrong) if high == low => {
                    Err(format!("{name} is {wrong}, allowed is {low} alone"))
                }
                Some(wrong) => Err(format!("{name} is {wrong}, allowed are {low} to {high}")),
            }
        };
        let few = || match numbers.len() as i64 {
            count if count > MAX_RANK => Err(format!(
                "{name} has {count} numbers, one for each axis: allowed are up to {MAX_RANK}"
            )),
            _ => Ok(()),
        };
        match range {
            Range::Numbers(low, Bound::Inputs) => {
                let inputs = self.node.input.len();
                let (taken, made) = body(self.node).unwrap_or((inputs, inputs));
                // What is no scanned input of the body is a state, which it also makes.
                let low = low.max(taken.saturating_sub(made) as i64);
                all(low, inputs.min(taken) as i64)
            }
            Range::Numbers(low, Bound::Open) => all(low, i64::MAX),
            Range::Numbers(low, Bound::Number(high)) => all(low, high),
            Range::Numbers(low, Bound::Rank(input)) => {
                all(low, self.rank(input).unwrap_or(MAX_RANK))
            }
            Range::Axis(input) => {
                let rank = input.and_then(|input| self.rank(input)).unwrap_or(MAX_RANK);
                all(-rank, rank - 1)
            }
            Range::Gap(input) => {
                let rank = self.rank(input).unwrap_or(MAX_RANK);
                all(-rank - 1, rank)
            }
            Range::Axes(input) => {
                let known = self.rank(input);
                let rank = known.unwrap_or(MAX_RANK);
                all(-rank, rank - 1)?;
                // ONNX does not forbid to name an axis twice; the engine does not expect it.
                match self.reader {
                    Reader::Anyone => Ok(()),
                    Reader::Engine => different(name, numbers, known),
                }
            }
            Range::Gaps(input) => {
                few()?;
                let known = (self.operand)(input)
                    .rank()
                    .map(|rank| rank + numbers.len() as i64);
                let rank = known.unwrap_or(MAX_RANK);
                all(-rank, rank - 1)?;
                different(name, numbers, known)
            }
            Range::Permutation(input) => {
                few()?;
                let rank = (self.operand)(input).rank();
                let count = numbers.len() as i64;
                if let Some(rank) = rank.filter(|rank| *rank != count) {
                    return Err(format!(
                        "{name} has {count} axes, allowed are the {rank} of input {input}"
                    ));
                }
                all(0, count - 1)?;
                different(name, numbers, Some(count))
            }
            Range::Vector => few(),
            Range::Sizes => {
                few()?;
                all(0, i64::MAX)
            }
            Range::Shape => {
                few()?;
                all(-1, i64::MAX)?;
                match numbers.iter().filter(|n| **n == -1).count() {
                    0 | 1 => Ok(()),
                    open => Err(format!(
                        "{name} leaves {open} sizes open (-1), allowed is one"
                    )),
                }
            }
            Range::One | Range::Pads | Range::Tuples(_) => Ok(()),
            Range::ElementType => {
                let known =
                    |n: &i64| i32::try_from(*n).is_ok_and(|n| DataType::from_onnx(n).is_some());
                match numbers.iter().find(|n| !known(n)) {
                    Some(wrong) => Err(format!(
                        "{name} is {wrong}, allowed are the numbers of element types"
                    )),
                    None => Ok(()),
                }
            }
        }
    }
}

/// How many inputs the body of a node takes, and how many outputs it makes.
fn body(node: &NodeProto) -> Option<(usize, usize)> {
    let body = node.attribute.iter().find_map(|a| a.g.as_deref())?;
    let given = |name: &str| body.initializer.iter().any(|t| t.name() == name);
    let taken = body.input.iter().filter(|input| !given(input.name()));
    Some((taken.count(), body.output.len()))
}

/// Whether axes are all different, counted from the front where the rank is known.
fn different(name: &str, axes: &[i64], rank: Option<i64>) -> Result<(), Fault> {
    let counted = |axis: &i64| match rank {
        Some(rank) if *axis < 0 => axis + rank,
        _ => *axis,
    };
    let mut sorted: Vec<i64> = axes.iter().map(counted).collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!(
            "{name} names axis {} twice, allowed is once",
            pair[0]
        )),
        None => Ok(()),
    }
}

fn shape(dims: &[Option<i64>]) -> String {
    let words: Vec<String> = dims
        .iter()
        .map(|dim| dim.map_or_else(|| "?".to_owned(), |n| n.to_string()))
        .collect();
    format!("[{}]", words.join(", "))
}
