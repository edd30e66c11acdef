//! The graphs inside a model: its main graph, the bodies of If, Loop and Scan nodes at any depth, and those of its functions.
//!
//! Each is searched as a graph of its own. `body` and `call` make a scratch model of it: a value from outside becomes a constant,
//! or an input of the type and shape that is known outside. `prepare` makes the form that is analysed: nodes that compute the
//! values from outside are put in front, and calls of functions are expanded. A site still names only values that exist in its
//! own graph.
//!
//! A function is searched after all graphs that call it, with the types, shapes, constants and attributes on which all its calls
//! agree. Calls that are replaced as a whole, because they compute just a rotation, do not count; if no other call is left, the
//! function is removed.
//!
//! `splice` puts the change of a body back into the node that holds it, and that of a function into the function. Only these are
//! encoded anew.
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
mod version;

use rustc_hash::FxHashMap;

use crate::facts::{Dim, Facts};
use crate::onnx::ModelFile;
use crate::onnx::names;
use crate::onnx::proto::{ModelProto, NodeProto};
use crate::recognize::Made;

pub use find::{Findings, Found, find};
pub use plan::{Planned, plan};
pub use tables::{FoundTable, TableChange};
pub use version::Part;

use phasor_ops::contract;

/// One graph of a model.
#[derive(Debug, Default)]
pub struct Scope {
    /// Where it is, for people: empty for the main graph, `node/attribute` for a body, `domain::name` for a function, and such
    /// paths joined by `/` for graphs that lie deeper.
    pub path: String,
    location: Location,
    /// The graph as a model of its own; `None` for the main graph, which is one already.
    scratch: Option<ModelFile>,
    /// Values that the sites need and the graph does not hold.
    made: Made,
    /// The graph with them; `None` if there are none.
    extended: Option<ModelFile>,
    /// What is known of its values.
    facts: Facts,
    /// Symbolic shapes of the sites' tensors, by name.
    shapes: FxHashMap<String, Vec<Dim>>,
    /// Tables of angles that its sites can read; sites refer to them by position.
    pub tables: Vec<FoundTable>,
}

/// Where a graph is stored in the model.
#[derive(Clone, Debug, Default, PartialEq)]
enum Location {
    #[default]
    Main,
    /// In an attribute of a node of another scope. `index` counts the graphs of an attribute that holds a list.
    Body {
        scope: usize,
        node: usize,
        attribute: String,
        index: usize,
    },
    /// A function, by its position.
    Function(usize),
}

impl Scope {
    /// The graph as a model of its own.
    pub fn file<'a>(&'a self, main: &'a ModelFile) -> &'a ModelFile {
        self.scratch.as_ref().unwrap_or(main)
    }

    /// What is known of its values.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// Whether functions of this domain are our operators: their calls are not expanded.
fn is_operator(domain: &str) -> bool {
    domain == contract::DOMAIN
}

/// The nodes of a model that are counted: of its main graph, of bodies at any depth, and of functions, except for those of our operators.
pub(crate) fn counted(model: &ModelProto) -> impl Iterator<Item = &NodeProto> {
    let functions = model.functions.iter();
    let functions = functions.filter(|f| !is_operator(f.domain()));
    let graph = model.graph.iter().flat_map(|graph| &graph.node);
    names::with_bodies(graph.chain(functions.flat_map(|f| &f.node)))
}

/// The number of those nodes.
pub fn count_nodes(model: &ModelProto) -> usize {
    counted(model).count()
}
