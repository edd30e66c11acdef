//! The bytes of an edited model: pieces of the input and new elements between them.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use prost::Message;

use super::edit::Decided;
use super::layout::{
    Element, FUNCTIONS, GRAPH, INITIALIZER, INPUT, IR_VERSION, METADATA_PROPS, NODE, OPSET_IMPORT,
    Part, SPARSE_INITIALIZER, VALUE_INFO,
};
use super::proto::{GraphProto, ModelProto};
use super::wire::{LEN, VARINT, put_varint};

/// Pieces from this length on are copied from file to file.
const LARGE: usize = 1 << 20;

/// A run of output bytes.
#[derive(Debug, PartialEq)]
enum Piece {
    Input(Range<usize>),
    New(Vec<u8>),
}

/// The output as a list of pieces; neighbours are joined.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: Vec<Piece>,
    len: usize,
}

impl Pieces {
    fn input(&mut self, range: Range<usize>) {
        self.len += range.len();
        match self.pieces.last_mut() {
            Some(Piece::Input(last)) if last.end == range.start => last.end = range.end,
            _ => self.pieces.push(Piece::Input(range)),
        }
    }

    fn new_bytes(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        match self.pieces.last_mut() {
            Some(Piece::New(last)) => last.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::New(bytes.to_vec())),
        }
    }

    fn message(&mut self, tag: u32, message: &impl Message) {
        let mut bytes = Vec::new();
        put_varint(u64::from(tag << 3 | u32::from(LEN)), &mut bytes);
        put_varint(message.encoded_len() as u64, &mut bytes);
        message
            .encode(&mut bytes)
            .expect("a vector grows as needed");
        self.new_bytes(&bytes);
    }

    fn append(&mut self, other: Self) {
        for piece in other.pieces {
            match piece {
                Piece::Input(range) => self.input(range),
                Piece::New(bytes) => self.new_bytes(&bytes),
            }
        }
    }

    /// Length of the output in bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The output in memory, with the input's pieces from `input`.
    pub(super) fn to_bytes(&self, input: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len);
        for piece in &self.pieces {
            match piece {
                Piece::Input(range) => out.extend_from_slice(&input[range.clone()]),
                Piece::New(bytes) => out.extend_from_slice(bytes),
            }
        }
        out
    }

    /// Writes the output, taking the input's pieces from `input`. Large pieces go from file to file in the kernel if
    /// `handle` is the file `input` is mapped from, so that weights take no memory of this process.
    pub(super) fn write(
        &self,
        input: &[u8],
        handle: Option<&File>,
        out: &mut File,
    ) -> io::Result<()> {
        let mut buffered = BufWriter::new(out);
        for piece in &self.pieces {
            match (piece, handle) {
                (Piece::Input(range), Some(mut file)) if range.len() >= LARGE => {
                    buffered.flush()?;
                    file.seek(SeekFrom::Start(range.start as u64))?;
                    let mut part = file.take(range.len() as u64);
                    if io::copy(&mut part, buffered.get_mut())? < range.len() as u64 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                (Piece::Input(range), _) => buffered.write_all(&input[range.clone()])?,
                (Piece::New(bytes), _) => buffered.write_all(bytes)?,
            }
        }
        buffered.flush()
    }
}

/// Positions reached in the lists of model and graph.
#[derive(Default)]
struct Positions {
    node: usize,
    input: usize,
    initializer: usize,
    sparse: usize,
    value_info: usize,
    metadata: usize,
    function: usize,
    opset: usize,
}

fn next(position: &mut usize) -> usize {
    *position += 1;
    *position - 1
}

/// The output of an edit on a file made of `parts`.
pub(super) fn pieces(decided: &Decided<'_>, parts: &[Part], model: &ModelProto) -> Pieces {
    let mut out = Pieces::default();
    if let Some(version) = decided.ir_version {
        let mut bytes = Vec::new();
        put_varint(u64::from(IR_VERSION << 3 | u32::from(VARINT)), &mut bytes);
        put_varint(version as u64, &mut bytes);
        out.new_bytes(&bytes);
    }
    let Some(graph) = &model.graph else {
        unreachable!("a model without a graph is not opened");
    };
    let last_graph = parts.iter().rposition(|p| matches!(p, Part::Graph { .. }));
    let mut at = Positions::default();
    for (number, part) in parts.iter().enumerate() {
        match part {
            Part::Other(element) => {
                let keep = match element.tag {
                    IR_VERSION => decided.ir_version.is_none(),
                    METADATA_PROPS => {
                        decided.keeps_metadata(model.metadata_props[next(&mut at.metadata)].key())
                    }
                    FUNCTIONS => decided.keeps_function(next(&mut at.function)),
                    OPSET_IMPORT => {
                        decided.keeps_opset(model.opset_import[next(&mut at.opset)].domain())
                    }
                    _ => true,
                };
                if keep {
                    out.input(element.range.clone());
                }
            }
            Part::Graph { range, elements } => {
                let mut body = fragment(decided, elements, graph, &mut at);
                if Some(number) == last_graph {
                    let count = graph.node.len();
                    decided
                        .before(count, count)
                        .for_each(|new| body.message(NODE, new));
                    let tensors = decided.initializers();
                    tensors
                        .iter()
                        .for_each(|new| body.message(INITIALIZER, new));
                }
                let old_len: usize = elements.iter().map(|e| e.range.len()).sum();
                let whole = range.end - old_len..range.end;
                let untouched = match body.pieces.as_slice() {
                    [] => old_len == 0,
                    [Piece::Input(kept)] => *kept == whole,
                    _ => false,
                };
                if untouched {
                    out.input(range.clone());
                } else {
                    let mut head = Vec::new();
                    put_varint(u64::from(GRAPH << 3 | u32::from(LEN)), &mut head);
                    put_varint(body.len() as u64, &mut head);
                    out.new_bytes(&head);
                    out.append(body);
                }
            }
        }
    }
    decided
        .opsets
        .iter()
        .for_each(|new| out.message(OPSET_IMPORT, new));
    decided
        .functions
        .iter()
        .for_each(|new| out.message(FUNCTIONS, *new));
    decided
        .metadata
        .iter()
        .for_each(|new| out.message(METADATA_PROPS, new));
    out
}

/// What stays of a fragment of the graph, with the new nodes between.
fn fragment(
    decided: &Decided<'_>,
    elements: &[Element],
    graph: &GraphProto,
    at: &mut Positions,
) -> Pieces {
    let mut body = Pieces::default();
    for element in elements {
        let keep = match element.tag {
            NODE => {
                let position = next(&mut at.node);
                for new in decided.before(position, graph.node.len()) {
                    body.message(NODE, new);
                }
                decided.keeps_node(position)
            }
            INPUT => decided.keeps_input(graph.input[next(&mut at.input)].name()),
            INITIALIZER => {
                let tensor = &graph.initializer[next(&mut at.initializer)];
                decided.keeps_initializer(tensor.name())
            }
            SPARSE_INITIALIZER => {
                let tensor = &graph.sparse_initializer[next(&mut at.sparse)];
                decided.keeps_sparse_initializer(tensor)
            }
            VALUE_INFO => {
                let info = &graph.value_info[next(&mut at.value_info)];
                decided.keeps_value_info(info.name())
            }
            _ => true,
        };
        if keep {
            body.input(element.range.clone());
        }
    }
    body
}
