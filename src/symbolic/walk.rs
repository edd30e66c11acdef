//! Runs a graph on abstract values.
//!
//! Nodes are visited in topological order. A node whose operator the domain knows gives the value its transfer function
//! computes; any other, and any that goes beyond a bound, gives a *fresh root* of the shape that is known of it. Nothing here
//! is an error: less knowledge only means fewer proofs.

use smallvec::SmallVec;

use crate::facts::Facts;
use crate::onnx::{ModelFile, ValueId};

use super::budget::Budget;
use super::interpreter::{Interpreter, Stopped};
use super::ops;
use super::poly::{PolyId, Stop};
use super::value::Value;
use super::visit::Visit;

impl<'a> Interpreter<'a> {
    /// Interprets the main graph of a model.
    pub fn run(file: &'a ModelFile, facts: &'a Facts, budget: &'a Budget) -> Interpreter<'a> {
        let mut this = Interpreter::new(file, facts, budget);
        for &position in file.index().order() {
            this.visit(position);
        }
        this
    }

    pub(super) fn visit(&mut self, position: usize) {
        if !self.affords(position) {
            return;
        }
        let file = self.file;
        let node = &file.graph().node[position];
        let index = self.index();
        let inputs = node
            .input
            .iter()
            .map(|name| {
                if name.is_empty() {
                    None
                } else {
                    index.id(name)
                }
            })
            .collect();
        let visit = Visit { node, inputs };
        let outputs: SmallVec<[_; 1]> = node
            .output
            .iter()
            .map(|name| index.id(name).filter(|_| !name.is_empty()))
            .collect();
        self.number(node, &outputs);
        let results = match ops::interpret(self, &visit) {
            Ok(results) => results,
            Err(reason) => {
                self.stopped.push(Stopped {
                    node: position,
                    reason,
                });
                SmallVec::new()
            }
        };
        let mut results = results.into_iter();
        let mut elements = 0;
        for id in outputs {
            let result = results
                .next()
                .flatten()
                .and_then(|value| value.settled(&mut self.arena).ok());
            let Some(id) = id else {
                continue;
            };
            if node.op_type() == "Constant" {
                self.note_constant(id, position);
            }
            let value = match result {
                Some(value)
                    if value.data.len() <= super::broadcast::BUDGET
                        && value.is_sound(&self.arena) =>
                {
                    Some(value)
                }
                Some(_) => {
                    self.stopped.push(Stopped {
                        node: position,
                        reason: Stop::Unsound,
                    });
                    self.unknown_output(&visit, id)
                }
                None => self.unknown_output(&visit, id),
            };
            elements += value.as_ref().map_or(0, |value| value.data.len());
            self.set(id, value);
        }
        self.pay(elements);
    }

    fn unknown_output(&mut self, visit: &Visit<'_>, id: ValueId) -> Option<Value> {
        let name = self.file.index().name(id);
        if visit.node.op_type() == "Squeeze" {
            let axes = self.ints_of(visit, "axes", 1);
            if axes.is_ok_and(|axes| axes.is_none_or(|axes| axes.is_empty())) {
                // How many axes are left depends on which sizes are 1.
                return None;
            }
        }
        let known = self.facts_of_output(visit, name);
        let inferred = ops::shapes::infer(self, visit, id);
        let (dtype, shape) = match (inferred, known) {
            (Some((dtype, shape)), Some((_, declared))) if declared.len() == shape.len() => {
                // A declared size that is a number beats an expression; a declared symbol may contradict and does not.
                let arena = &self.arena;
                let sharper = |(&own, &other): (&PolyId, &PolyId)| {
                    if arena.as_integer(other).is_some() {
                        other
                    } else {
                        own
                    }
                };
                (dtype, shape.iter().zip(&declared).map(sharper).collect())
            }
            (Some(inferred), _) => inferred,
            (None, Some(known)) => known,
            (None, None) => return None,
        };
        Some(self.fresh(id, dtype, shape))
    }
}
