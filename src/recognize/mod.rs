//! Reads position encodings off abstract values.
#![forbid(unsafe_code)]

mod rotary;
mod site;

use crate::facts::Facts;
use crate::onnx::ModelFile;
use crate::symbolic::{Interpreter, dims};

pub use site::{Analysis, AngleSource, Pairing, Proof, Refusal, Site, TableInput};

/// Finds every position encoding of a model that can be proven, and the near misses.
pub fn analyse(file: &ModelFile, facts: &Facts) -> Analysis {
    let mut interpreter = Interpreter::run(file, facts);
    let mut analysis = Analysis::default();
    rotary::find(&mut interpreter, &mut analysis);
    if !analysis.sites.is_empty() {
        let index = file.index();
        for id in index.values() {
            if let Some(value) = interpreter.known(id) {
                let dims = value
                    .shape
                    .iter()
                    .map(|&p| dims::dim(&interpreter.arena, p))
                    .collect();
                analysis.shapes.insert(index.name(id).to_owned(), dims);
            }
        }
    }
    analysis
}
