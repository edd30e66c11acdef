//! Models written as text, in a subset of ONNX's textual syntax.
//!
//! [`model()`] and [`graph()`] read what `onnx.parser.parse_model` and `onnx.parser.parse_graph` read, for tests and examples that say in
//! a few lines which graph they mean:
//!
//! ```
//! let graph = phasor::onnx::text::graph(
//!     "agraph (float[N, 4] x) => (float[4, N] y) <float[4] w = {1.0, 2.0, 3.0, 4.0}>
//!      {
//!          sum = Add (x, w)
//!          y = Transpose <perm = [1, 0]> (sum)
//!      }",
//! )?;
//! assert_eq!(graph.node[1].op_type(), "Transpose");
//! # Ok::<(), phasor::onnx::text::SyntaxError>(())
//! ```
//!
//! # The syntax
//!
//! ```text
//! model     ::= header? graph function*
//! header    ::= '<' key ':' value (',' key ':' value)* '>'
//! graph     ::= name '(' values ')' '=>' '(' values ')' ('<' values '>')? '{' node* '}'
//! value     ::= type? name ('=' data)?
//! type      ::= element | element '[' dims ']' | 'seq(' type ')' | 'optional(' type ')' | 'map(' element ',' type ')'
//!               | 'sparse_tensor(' tensor type ')'
//! dim       ::= integer | name | '?'
//! data      ::= '{' numbers or strings '}' | '[' "key" ':' "value", ... ']'
//! node      ::= ('[' name ']')? names '=' (domain '.')? operator (':' overload)? attributes? '(' names ')' attributes?
//! attribute ::= name (':' kind)? '=' (constant | '[' constants ']')
//! constant  ::= integer | float | "string" | tensor type name? '='? data | type | graph | '@' name
//! function  ::= header? name ('<' names or attributes '>')? '(' values ')' '=>' '(' values ')' ('<' values '>')? '{' node* '}'
//! ```
//!
//! * `float` is a scalar, `float[]` a tensor of unknown rank, `float[N, 4, ?]` one of three axes. A type may be left out.
//! * A name is an identifier or a string. A name that is left out between commas, or `""`, is an absent input or output.
//! * Data of an input or a value after the outputs makes an initializer. Elements of `float16` and `bfloat16` are written as their
//!   bits, those of `bool` as 0 and 1; data in `[...]` lies in another file.
//! * An empty list needs its kind: `axes: ints = []`.
//! * `#` begins a comment that ends with the line.
//!
//! Beyond ONNX's reader, the number of elements is checked, and lists of tensors, graphs and types are read. Not read are opaque types, complex numbers,
//! and elements of less than a byte or of 8-bit floats.

mod attribute;
mod graph;
mod scan;
mod types;

#[cfg(test)]
mod tests;

use scan::Scanner;

use super::proto::{GraphProto, ModelProto};

/// Where a text is not in the syntax, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What was expected and what was found, or what is wrong with a value.
    pub message: String,
}

/// Reads a model. What its header does not say stays absent, the operator sets among it.
///
/// # Errors
/// If the text is not in the syntax above.
pub fn model(text: &str) -> Result<ModelProto, SyntaxError> {
    graph::model(&mut Scanner::new(text))
}

/// Reads a graph.
///
/// # Errors
/// If the text is not in the syntax above, or something follows the graph.
pub fn graph(text: &str) -> Result<GraphProto, SyntaxError> {
    let mut scanner = Scanner::new(text);
    let graph = graph::graph(&mut scanner)?;
    scanner.end()?;
    Ok(graph)
}
