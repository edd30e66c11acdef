//! Where in the file each element of the model and of its main graph lies.
//!
//! A `graph` field may be split over several occurrences, which protobuf merges: repeated elements follow each other. The
//! n-th element of a number is therefore the n-th over all fragments, in the decoded message as here.

use std::ops::Range;

use super::wire::{Damage, Field, Fields, LEN};

/// Field numbers of `ModelProto` and `GraphProto` that writing must know.
pub(super) const IR_VERSION: u32 = 1;
pub(super) const GRAPH: u32 = 7;
pub(super) const OPSET_IMPORT: u32 = 8;
pub(super) const METADATA_PROPS: u32 = 14;
pub(super) const FUNCTIONS: u32 = 25;
pub(super) const NODE: u32 = 1;
pub(super) const INITIALIZER: u32 = 5;
pub(super) const INPUT: u32 = 11;
pub(super) const VALUE_INFO: u32 = 13;
pub(super) const SPARSE_INITIALIZER: u32 = 15;

/// One field with its key and length.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub tag: u32,
    pub range: Range<usize>,
}

impl From<Field> for Element {
    fn from(field: Field) -> Self {
        Self {
            tag: field.tag,
            range: field.start..field.body.end,
        }
    }
}

/// One field of the model.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Anything but a graph.
    Other(Element),
    /// A `graph` field (or a fragment of it) and the fields in it.
    Graph {
        range: Range<usize>,
        elements: Vec<Element>,
    },
}

/// The fields of the model in the order of the file.
pub(super) fn parts(data: &[u8]) -> Result<Vec<Part>, Damage> {
    Fields::new(data, 0..data.len())
        .map(|field| {
            let field = field?;
            if field.tag != GRAPH || field.wire != LEN {
                return Ok(Part::Other(field.into()));
            }
            let elements = Fields::new(data, field.body.clone()).map(|f| f.map(Element::from));
            Ok(Part::Graph {
                range: field.start..field.body.end,
                elements: elements.collect::<Result<_, _>>()?,
            })
        })
        .collect()
}
