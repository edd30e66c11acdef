//! The operators as ONNX defines them: how many inputs and outputs a node has, its attributes, and which values these may take.
//!
//! There is one table, `schemas.txt`, made by `schemas.py` from the schemas of the `onnx` package and from what the package does not
//! know: ranges, and operators of `com.microsoft`. An operator has a line for each version that changed its signature. [`check`](super::check) holds nodes to it.

use std::ops::RangeInclusive;
use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::proto::attribute_proto::AttributeType;
use super::proto::is_default_domain;

/// An operator between two changes of its signature.
#[derive(Debug)]
pub(crate) struct Version {
    since: i64,
    /// The inputs that a node may have.
    pub(crate) inputs: Slots,
    /// The outputs that a node may have.
    pub(crate) outputs: Slots,
    /// What inputs hold, by their number.
    pub(crate) holds: Vec<(usize, Range)>,
    /// The attributes.
    pub(crate) attributes: Vec<Attribute>,
}

/// Inputs or outputs.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// Those that come one by one: whether each is required.
    required: Vec<bool>,
    /// Whether any number may follow, and how many must.
    more: Option<usize>,
}

impl Slots {
    /// How many there may be.
    pub(crate) fn count(&self) -> RangeInclusive<usize> {
        let single = self.required.iter().rposition(|required| *required);
        let fewest = match self.more {
            Some(more @ 1..) => self.required.len() + more,
            _ => single.map_or(0, |last| last + 1),
        };
        let most = match self.more {
            Some(_) => usize::MAX,
            None => self.required.len(),
        };
        fewest..=most
    }

    /// Whether the one of this number may not be left out.
    pub(crate) fn is_required(&self, slot: usize) -> bool {
        self.required.get(slot).is_some_and(|required| *required)
    }
}

/// An attribute.
#[derive(Debug)]
pub(crate) struct Attribute {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its type.
    pub(crate) kind: AttributeType,
    /// Whether a node must have it.
    pub(crate) required: bool,
    /// What an integer that has a range is where a node does not have it.
    pub(crate) default: Option<i64>,
    /// The numbers that it may be or hold; `None` where any may be.
    pub(crate) range: Option<Range>,
}

/// Which numbers an attribute, or an input that is known, may hold. Inputs are named by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// Numbers between two bounds.
    Numbers(i64, Bound),
    /// An axis, of a tensor of which nothing is known or of an input.
    Axis(Option<usize>),
    /// Axes of an input.
    Axes(usize),
    /// A place between, before or behind the axes of an input.
    Gap(usize),
    /// Places of new axes in what the input becomes by them, all different.
    Gaps(usize),
    /// All axes of an input in some order.
    Permutation(usize),
    /// One element.
    One,
    /// A number for each axis of a tensor.
    Vector,
    /// Two numbers for each axis of a tensor.
    Pads,
    /// The size of each axis.
    Sizes,
    /// The same, where -1 leaves one open.
    Shape,
    /// Rows of indices into the first axes of an input.
    Tuples(usize),
    /// The number of an element type.
    ElementType,
}

/// The largest number allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// There is none.
    Open,
    /// This one.
    Number(i64),
    /// The rank of an input.
    Rank(usize),
    /// The number of inputs of the node and of its body.
    Inputs,
}

/// The versions of an operator, the oldest first; empty for one that the table does not have.
pub(crate) fn versions(domain: &str, operator: &str) -> &'static [Version] {
    let table = table();
    let found = if is_default_domain(domain) {
        table.versions.get(operator)
    } else {
        let qualified = format!("{domain}::{operator}");
        table.versions.get(qualified.as_str())
    };
    found.map_or(&[], Vec::as_slice)
}

/// The version that an operator set has; `None` where the operator is younger.
pub(crate) fn version(versions: &'static [Version], opset: i64) -> Option<&'static Version> {
    versions.iter().rfind(|version| version.since <= opset)
}

/// The newest version of the default operator set that the table knows.
pub(crate) fn newest_opset() -> i64 {
    table().newest
}

#[derive(Default)]
struct Table {
    newest: i64,
    versions: FxHashMap<&'static str, Vec<Version>>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| read(include_str!("schemas.txt")))
}

/// Reads the table; a line that cannot be read is left out, which a test finds.
fn read(text: &'static str) -> Table {
    let mut table = Table::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(newest) = line.strip_prefix("opset ") {
            table.newest = newest.parse().unwrap_or(0);
        } else if let Some((name, version)) = read_line(line) {
            table.versions.entry(name).or_default().push(version);
        }
    }
    table
}

fn read_line(line: &'static str) -> Option<(&'static str, Version)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let mut version = Version {
        since: words.next()?.parse().ok()?,
        inputs: read_slots(words.next()?)?,
        outputs: read_slots(words.next()?)?,
        holds: Vec::new(),
        attributes: Vec::new(),
    };
    for word in words {
        let (subject, range) = match word.split_once('=') {
            Some((subject, range)) => (subject, Some(read_range(range)?)),
            None => (word, None),
        };
        match subject.split_once(':') {
            None => version.holds.push((subject.parse().ok()?, range?)),
            Some((name, kind)) => {
                let (kind, default) = match kind.split_once('@') {
                    Some((kind, default)) => (kind, Some(default.parse().ok()?)),
                    None => (kind, None),
                };
                version.attributes.push(Attribute {
                    name,
                    kind: read_kind(kind.trim_end_matches('!'))?,
                    required: kind.ends_with('!'),
                    default,
                    range,
                });
            }
        }
    }
    Some((name, version))
}

fn read_slots(word: &str) -> Option<Slots> {
    let mut slots = Slots::default();
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match letter {
            'r' | 'o' => slots.required.push(letter == 'r'),
            'v' => {
                slots.more = Some(letters.as_str().parse().ok()?);
                break;
            }
            '-' => {}
            _ => return None,
        }
    }
    Some(slots)
}

fn read_kind(word: &str) -> Option<AttributeType> {
    Some(match word {
        "float" => AttributeType::Float,
        "int" => AttributeType::Int,
        "string" => AttributeType::String,
        "tensor" => AttributeType::Tensor,
        "graph" => AttributeType::Graph,
        "floats" => AttributeType::Floats,
        "ints" => AttributeType::Ints,
        "strings" => AttributeType::Strings,
        "tensors" => AttributeType::Tensors,
        "graphs" => AttributeType::Graphs,
        "sparse" => AttributeType::SparseTensor,
        "sparses" => AttributeType::SparseTensors,
        "type" => AttributeType::TypeProto,
        "types" => AttributeType::TypeProtos,
        _ => return None,
    })
}

fn read_range(word: &str) -> Option<Range> {
    if let Some((low, high)) = word.split_once("..") {
        let high = match (high, high.strip_prefix('r')) {
            ("", _) => Bound::Open,
            ("inputs", _) => Bound::Inputs,
            (_, Some(input)) => Bound::Rank(input.parse().ok()?),
            (number, None) => Bound::Number(number.parse().ok()?),
        };
        return Some(Range::Numbers(low.parse().ok()?, high));
    }
    let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let input = word[name.len()..].parse().ok();
    Some(match (name, input) {
        ("axis", input) => Range::Axis(input),
        ("axes", Some(input)) => Range::Axes(input),
        ("gap", Some(input)) => Range::Gap(input),
        ("gaps", Some(input)) => Range::Gaps(input),
        ("perm", Some(input)) => Range::Permutation(input),
        ("tuple", Some(input)) => Range::Tuples(input),
        ("one", None) => Range::One,
        ("vector", None) => Range::Vector,
        ("pads", None) => Range::Pads,
        ("sizes", None) => Range::Sizes,
        ("shape", None) => Range::Shape,
        ("dtype", None) => Range::ElementType,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_can_be_read() {
        let text = include_str!("schemas.txt");
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.starts_with("opset "));
        for line in lines {
            assert!(read_line(line).is_some(), "{line}");
        }
        assert!(newest_opset() >= 28);
    }

    #[test]
    fn an_operator_set_has_the_version_that_was_newest() {
        let concat = versions("", "Concat");
        assert!(!version(concat, 1).unwrap().attributes[0].required);
        assert!(version(concat, 13).unwrap().attributes[0].required);
        assert_eq!(version(concat, 99).unwrap().inputs.count(), 1..=usize::MAX);
        assert!(version(versions("ai.onnx", "LayerNormalization"), 16).is_none());
        assert!(versions("elsewhere", "Concat").is_empty());
        let clip = &version(versions("", "Clip"), 13).unwrap().inputs;
        assert_eq!(clip.count(), 1..=3);
        assert!(clip.is_required(0) && !clip.is_required(1) && !clip.is_required(3));
        let scan = version(versions("", "Scan"), 9).unwrap();
        assert_eq!(scan.inputs.count(), 1..=usize::MAX);
        let inputs = scan.attributes.iter().find(|a| a.name == "num_scan_inputs");
        assert_eq!(
            inputs.unwrap().range,
            Some(Range::Numbers(1, Bound::Inputs))
        );
    }
}
