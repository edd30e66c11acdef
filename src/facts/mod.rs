//! What is known of every value of the main graph before anything runs: element type and symbolic shape, by value name.
//!
//! Facts guide the proof; they never justify a rewrite alone: a model may declare wrong shapes, and an analysis may be wrong.
//! Of several sources, the first that knows wins: initializers (exact), graph inputs, what an analysis of the operators derives, and for
//! whatever is still undetermined the element types of the model's own `value_info` and outputs, and their shapes for operators
//! that are not known here. Exporters write `value_info` that contradicts what operators make, so it never overrides.
#![forbid(unsafe_code)]

#[cfg(feature = "tract")]
mod analysis;
mod choice;
mod declared;
mod dim;

pub use choice::Choice;
pub use dim::Dim;

use crate::onnx::proto::ValueInfoProto;
use crate::onnx::{DataType, ModelFile};
use rustc_hash::FxHashMap;

/// What is known of one value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fact {
    /// Element type of a tensor.
    pub dtype: Option<DataType>,
    /// One entry an axis; `None` if not even the rank is known.
    pub shape: Option<Vec<Dim>>,
}

impl Fact {
    /// The number of axes.
    pub fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(Vec::len)
    }

    /// What the declaration of a value says; `None` if it is not a tensor.
    pub(crate) fn of_info(info: &ValueInfoProto) -> Option<Fact> {
        declared::type_fact(info.r#type.as_ref()?)
    }

    /// The declaration that says as much.
    pub(crate) fn to_info(&self, name: &str) -> ValueInfoProto {
        declared::info(name, self)
    }

    /// What holds for both of two values.
    pub(crate) fn common(self, other: Fact) -> Fact {
        let shape = match (self.shape, other.shape) {
            (Some(mine), Some(theirs)) if mine.len() == theirs.len() => {
                let same = |(a, b): (Dim, Dim)| if a == b { a } else { Dim::Unknown };
                Some(mine.into_iter().zip(theirs).map(same).collect())
            }
            _ => None,
        };
        Fact {
            dtype: self.dtype.filter(|dtype| Some(*dtype) == other.dtype),
            shape,
        }
    }

    /// Fills what this fact leaves open from another; a rank that differs is not mixed.
    pub(crate) fn fill(&mut self, other: &Fact) {
        if self.dtype.is_none() {
            self.dtype = other.dtype;
        }
        match (&mut self.shape, &other.shape) {
            (Some(mine), Some(theirs)) if mine.len() == theirs.len() => {
                for (dim, theirs) in mine.iter_mut().zip(theirs) {
                    if dim.is_unknown() {
                        *dim = theirs.clone();
                    }
                }
            }
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            _ => {}
        }
    }
}

/// The facts of a model's main graph.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    by_name: FxHashMap<String, Fact>,
}

impl Facts {
    /// Collects the facts of the main graph. Never fails: what cannot be known stays unknown.
    pub fn of(file: &ModelFile) -> Facts {
        let mut facts = Facts {
            by_name: declared::certain(file),
        };
        #[cfg(feature = "tract")]
        for (name, fact) in analysis::facts(file.model()) {
            facts.by_name.entry(name).or_default().fill(&fact);
        }
        for (name, fact) in declared::claimed(file) {
            facts.by_name.entry(name).or_default().fill(&fact);
        }
        facts
    }

    /// The facts that the model itself states, and no others.
    #[cfg(test)]
    pub(crate) fn stated(file: &ModelFile) -> Facts {
        let mut facts = Facts {
            by_name: declared::certain(file),
        };
        for (name, fact) in declared::claimed(file) {
            facts.by_name.entry(name).or_default().fill(&fact);
        }
        facts
    }

    /// What is known of a value; `None` if nothing is.
    pub fn get(&self, value: &str) -> Option<&Fact> {
        self.by_name.get(value)
    }
}
