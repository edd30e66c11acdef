//! The graphs inside a model: its main graph, the bodies of If, Loop and Scan nodes at any depth, and those of its functions.
//!
//! Each is searched as a graph of its own. `body` and `call` make a scratch model of one: what it takes from outside
//! becomes an input of the type and shape that is known there, or a constant. `view` makes the form that is analysed: with
//! what computes the values from outside in front, and with the calls of functions expanded. A site names only values that
//! exist where it stands.
//!
//! A function is searched after all graphs that call it, with what is common to all its calls. A call that is itself
//! replaced, because it computes just a rotation, does not count: if no other is left, the function falls with its calls.
//!
//! `splice` puts the change of a body back into the node that holds it, and that of a function into the function. Only
//! these are encoded anew.
#![forbid(unsafe_code)]

mod body;
mod call;
mod find;
mod library;
mod outside;
mod plan;
mod prepare;
mod splice;
mod tables;

use rustc_hash::FxHashMap;

use crate::facts::{Dim, Facts};
use crate::onnx::ModelFile;
use crate::onnx::names::bodies;
use crate::onnx::proto::{GraphProto, ModelProto, NodeProto};
use crate::recognize::Made;

pub use find::{Findings, Found, find};
pub use plan::{Planned, plan};
pub use tables::{FoundTable, TableChange};

use phasor_ops::contract;

/// One graph of a model.
#[derive(Debug, Default)]
pub struct Scope {
    /// Where it is: empty for the main graph, `node/attribute` for a body, `domain::name` for a function, and such paths joined
    /// by `/` for what lies deeper.
    pub path: String,
    place: Location,
    /// The graph as a model of its own; `None` for the main graph, which has one.
    scratch: Option<ModelFile>,
    /// Values that the sites need and the graph does not hold.
    made: Made,
    /// The graph with them; `None` where there are none.
    extended: Option<ModelFile>,
    /// What is known of its values.
    facts: Facts,
    /// Symbolic shapes of the sites' tensors, by name.
    shapes: FxHashMap<String, Vec<Dim>>,
    /// Tables of angles that its sites can read; sites name them by position.
    pub tables: Vec<FoundTable>,
}

/// Where a graph belongs.
#[derive(Clone, Debug, Default, PartialEq)]
enum Location {
    #[default]
    Main,
    /// In an attribute of a node of another scope; a list of graphs has several places.
    Body {
        scope: usize,
        node: usize,
        attribute: String,
        place: usize,
    },
    /// A function, by its position.
    Function(usize),
}

impl Scope {
    /// The graph as a model of its own.
    pub fn file<'a>(&'a self, main: &'a ModelFile) -> &'a ModelFile {
        self.scratch.as_ref().unwrap_or(main)
    }
}

/// Whether functions of this domain are operators: their calls are not looked into.
fn is_operator(domain: &str) -> bool {
    domain == contract::DOMAIN
}

/// Nodes of a model: of its main graph, of bodies at any depth, and of the functions that are no operators of ours.
pub fn count_nodes(model: &ModelProto) -> usize {
    let functions = model.functions.iter();
    let functions = functions.filter(|f| !is_operator(f.domain()));
    model.graph.as_ref().map_or(0, count_in)
        + functions.flat_map(|f| &f.node).map(count_at).sum::<usize>()
}

fn count_in(graph: &GraphProto) -> usize {
    graph.node.iter().map(count_at).sum()
}

fn count_at(node: &NodeProto) -> usize {
    1 + bodies(node)
        .map(|(_, _, body)| count_in(body))
        .sum::<usize>()
}
