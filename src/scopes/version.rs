//! Finds a graph of a model again in another version of the model.

use super::{Findings, Location};
use crate::onnx::ModelFile;
use crate::onnx::proto::{FunctionProto, GraphProto, ModelProto, NodeProto};

/// A graph as a model stores it.
#[derive(Clone, Copy, Debug)]
pub enum Part<'m> {
    /// The main graph or a body.
    Graph(&'m GraphProto),
    /// A function.
    Function(&'m FunctionProto),
}

impl<'m> Part<'m> {
    /// Its nodes.
    pub fn nodes(self) -> &'m [NodeProto] {
        match self {
            Part::Graph(graph) => &graph.node,
            Part::Function(function) => &function.node,
        }
    }
}

impl Findings {
    /// The graph of a scope in another version of the model: a body by the results of the node that holds it, a function by its name.
    /// `None` where it is not there any more.
    pub fn part<'m>(
        &self,
        scope: usize,
        main: &ModelFile,
        version: &'m ModelProto,
    ) -> Option<Part<'m>> {
        match &self.scopes[scope].location {
            Location::Main => version.graph.as_ref().map(Part::Graph),
            Location::Function(position) => {
                let wanted = main.model().functions.get(*position)?;
                let key = |f: &FunctionProto| {
                    (
                        f.domain() == wanted.domain(),
                        f.name() == wanted.name(),
                        f.overload() == wanted.overload(),
                    )
                };
                let found = version
                    .functions
                    .iter()
                    .find(|f| key(f) == (true, true, true));
                found.map(Part::Function)
            }
            Location::Body {
                scope: outer,
                node,
                attribute,
                index,
            } => {
                let holder = &self.scopes[*outer].file(main).graph().node[*node];
                let nodes = self.part(*outer, main, version)?.nodes();
                let same = nodes.iter().find(|node| {
                    node.output == holder.output && node.op_type() == holder.op_type()
                });
                let graph = same?.attribute(attribute)?.graphs().nth(*index);
                graph.map(Part::Graph)
            }
        }
    }
}
