//! A part of a graph with all that is written on it, and nothing of where it lies.

use std::fmt::Write;

use rustc_hash::{FxHashMap, FxHashSet};

use super::trace::Trace;
use super::web::{Constant, Web, named};
use super::words::{self, SOME};
use crate::facts::{Dim, Fact, Facts};
use crate::onnx::DataType;
use crate::page::shown::{ending, shown};

/// Most tensors that come in from outside.
const TENSORS: usize = 24;
/// Most edges between boxes.
const WIRES: usize = 160;
/// Most characters of what is written in a box, and on an edge.
const WRITTEN: usize = 24;
const LABEL: usize = 34;
/// Most characters of what a pointer shows.
const TIP: usize = 200;

/// A drawing before it is laid out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Picture {
    pub boxes: Vec<Shape>,
    pub wires: Vec<Wire>,
    /// Whether parts are left out.
    pub is_cut: bool,
}

/// A box: a node, or a tensor that comes in or goes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub kind: ShapeKind,
    pub title: String,
    /// A second line; may be empty.
    pub detail: String,
    /// All of it, for pointers and screen readers.
    pub tip: String,
}

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShapeKind {
    /// A node of the original model.
    Node,
    /// A node that fusing adds.
    New,
    /// The node where a near miss ended.
    Stop,
    /// A tensor from elsewhere.
    Tensor,
    /// A result.
    Result,
}

/// An edge: a value, from the box that makes it to one that reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wire {
    pub from: usize,
    pub to: usize,
    /// Element type and shape, once for each value.
    pub label: String,
    pub tip: String,
    /// Element type, and of the shape what equal parts of a model have in common.
    form: String,
}

/// What is drawn.
pub(crate) struct Subject<'a> {
    pub web: &'a Web<'a>,
    pub facts: &'a Facts,
    pub trace: &'a Trace,
    /// The results; those that no node of the drawing makes are left out.
    pub ends: &'a [&'a str],
    /// Tensors that are drawn even if they are small constants.
    pub operands: &'a [&'a str],
    /// The kind of a node, by position.
    pub kind: &'a dyn Fn(usize) -> ShapeKind,
}

impl Picture {
    pub(crate) fn of(subject: &Subject<'_>) -> Self {
        let mut made = Maker {
            subject,
            picture: Picture {
                is_cut: subject.trace.is_cut,
                ..Picture::default()
            },
            tensors: FxHashMap::default(),
            labelled: FxHashSet::default(),
        };
        let position = subject.trace.nodes.iter().enumerate();
        let boxes: FxHashMap<usize, usize> = position.map(|(at, &node)| (node, at)).collect();
        for &node in &subject.trace.nodes {
            made.node(node);
        }
        for (at, &node) in subject.trace.nodes.iter().enumerate() {
            made.inputs(at, node, &boxes);
        }
        for &end in subject.ends {
            made.result(end, &boxes);
        }
        made.picture
    }

    /// What pictures of equal form have in common: everything but names and symbolic sizes.
    pub(crate) fn form(&self) -> String {
        let mut form = String::new();
        for shape in &self.boxes {
            let title = match shape.kind {
                ShapeKind::Tensor | ShapeKind::Result => "",
                _ => &shape.title,
            };
            // Into a string, which takes everything.
            let _ = writeln!(form, "{:?} {title} {}", shape.kind, shape.detail);
        }
        for wire in &self.wires {
            let _ = writeln!(form, "{} {} {}", wire.from, wire.to, wire.form);
        }
        form
    }
}

/// A picture while it is made.
struct Maker<'a, 's> {
    subject: &'s Subject<'a>,
    picture: Picture,
    /// Boxes of tensors from elsewhere, by name.
    tensors: FxHashMap<&'a str, usize>,
    /// Values whose type and shape stand on an edge already.
    labelled: FxHashSet<&'a str>,
}

impl<'a> Maker<'a, '_> {
    fn node(&mut self, at: usize) {
        let node = self.subject.web.nodes[at];
        let attributes = words::attributes(node);
        let small = named(&node.input)
            .take(SOME)
            .filter(|value| self.is_written(value));
        let constants: Vec<String> = small
            .map(|value| words::constant(self.subject.web, value).unwrap_or_default())
            .collect();
        let mut parts = vec![attributes.clone(), constants.join(" ")];
        parts.retain(|part| !part.is_empty());
        let kind = (self.subject.kind)(at);
        if kind == ShapeKind::New && !node.is_standard() {
            parts = vec![node.domain().to_owned()];
        }
        let mut tip = format!("{} `{}`", node.qualified(), node.label());
        if !attributes.is_empty() {
            tip += &format!("; {attributes}");
        }
        for value in named(&node.output).take(SOME) {
            tip += &format!(" → `{value}` {}", self.described(value));
        }
        self.picture.boxes.push(Shape {
            kind,
            title: shown(node.op_type(), WRITTEN),
            detail: shown(&parts.join(", "), WRITTEN),
            tip: shown(&tip, TIP),
        });
    }

    /// Whether a value is written on the nodes that read it, instead of being drawn.
    fn is_written(&self, value: &str) -> bool {
        !self.subject.operands.contains(&value)
            && words::constant(self.subject.web, value).is_some()
    }

    fn inputs(&mut self, to: usize, node: usize, boxes: &FxHashMap<usize, usize>) {
        let web = self.subject.web;
        let node: &'a _ = web.nodes[node];
        let mut known = FxHashSet::default();
        for value in named(&node.input).filter(|value| known.insert(*value)) {
            let inside = web.maker(value).and_then(|maker| boxes.get(&maker));
            let from = match inside {
                Some(&from) => from,
                None if self.is_written(value) => continue,
                None => match self.tensor(value) {
                    Some(from) => from,
                    None => {
                        self.picture.is_cut = true;
                        continue;
                    }
                },
            };
            self.wire(from, to, value);
        }
    }

    /// The box of a tensor from elsewhere.
    fn tensor(&mut self, value: &'a str) -> Option<usize> {
        if let Some(&at) = self.tensors.get(value) {
            return Some(at);
        }
        if self.tensors.len() == TENSORS {
            return None;
        }
        let web = self.subject.web;
        let detail = match (web.constant(value), web.maker(value)) {
            (Some(_), _) => "constant".to_owned(),
            (None, Some(node)) => format!("from {}", web.nodes[node].op_type()),
            (None, None) => String::new(),
        };
        let at = self.picture.boxes.len();
        self.tensors.insert(value, at);
        self.picture.boxes.push(Shape {
            kind: ShapeKind::Tensor,
            title: ending(value, WRITTEN),
            detail: shown(&detail, WRITTEN),
            tip: shown(&format!("tensor `{value}` {}", self.described(value)), TIP),
        });
        Some(at)
    }

    fn result(&mut self, value: &'a str, boxes: &FxHashMap<usize, usize>) {
        let maker = self.subject.web.maker(value);
        let Some(&from) = maker.and_then(|maker| boxes.get(&maker)) else {
            return;
        };
        let to = self.picture.boxes.len();
        self.picture.boxes.push(Shape {
            kind: ShapeKind::Result,
            title: ending(value, WRITTEN),
            detail: String::new(),
            tip: shown(&format!("result `{value}` {}", self.described(value)), TIP),
        });
        self.labelled.remove(value);
        self.wire(from, to, value);
    }

    fn wire(&mut self, from: usize, to: usize, value: &'a str) {
        if self.picture.wires.len() == WIRES {
            self.picture.is_cut = true;
            return;
        }
        let described = self.described(value);
        let is_first = self.labelled.insert(value);
        let fact = self.fact(value);
        self.picture.wires.push(Wire {
            from,
            to,
            label: match is_first {
                true => shown(&described, LABEL),
                false => String::new(),
            },
            tip: shown(&format!("`{value}` {described}"), TIP),
            form: fact.as_ref().map(form).unwrap_or_default(),
        });
    }

    fn fact(&self, value: &str) -> Option<Fact> {
        if let Some(Constant::Tensor(tensor)) = self.subject.web.constant(value) {
            let dims = tensor.dims.iter().map(|&n| Dim::Known(n));
            return Some(Fact {
                dtype: DataType::from_onnx(tensor.data_type()),
                shape: Some(dims.collect()),
            });
        }
        self.subject.facts.get(value).cloned()
    }

    /// Element type and shape.
    fn described(&self, value: &str) -> String {
        let Some(fact) = self.fact(value) else {
            return String::new();
        };
        let dtype = fact.dtype.map_or("", DataType::name);
        match fact.shape {
            Some(dims) => {
                let dims: Vec<String> = dims.iter().map(Dim::to_string).collect();
                format!("{dtype}[{}]", dims.join(", "))
            }
            None => dtype.to_owned(),
        }
    }
}

fn form(fact: &Fact) -> String {
    let dtype = fact.dtype.map_or("", DataType::name);
    let size = |dim: &Dim| match dim {
        Dim::Known(n) => n.to_string(),
        _ => "_".to_owned(),
    };
    let dims: Vec<String> = fact.shape.iter().flatten().map(size).collect();
    format!("{dtype}[{}]", dims.join(","))
}
