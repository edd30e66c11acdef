//! The operators of `ai.phasor` as operators of tract, computed by the kernels of [`phasor_ops`].
//!
//! tract looks operators up by their bare name and ignores the functions of a model, so a program that runs fused models in
//! tract registers them:
//!
//! ```no_run
//! use phasor::engine::tract::tract_onnx::{self, prelude::*};
//!
//! # fn main() -> TractResult<()> {
//! let mut onnx = tract_onnx::onnx();
//! phasor::engine::tract::register(&mut onnx);
//! let model = onnx.model_for_path("fused.onnx")?.into_optimized()?.into_runnable()?;
//! # let _ = model;
//! # Ok(())
//! # }
//! ```

mod pair;
mod rotary;
mod table;

use phasor_ops::contract::DOMAIN;
use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::operators::Built;
use crate::onnx::proto::FunctionProto;

type Builder = fn(&ParsingContext, &NodeProto) -> Built;

/// Every operator by name.
const KERNELS: [(&str, Builder); 3] = [
    (phasor_ops::contract::rotary::NAME, rotary::build),
    (phasor_ops::contract::rotary_pair::NAME, pair::build),
    (phasor_ops::contract::rotary_table::NAME, table::build),
];

/// Teaches tract's ONNX reader the operators of `ai.phasor`. Operators of other domains that share a name stay tract's own.
pub fn register(onnx: &mut Onnx) {
    for (name, builder) in KERNELS {
        onnx.op_register.0.insert(name.to_owned(), builder);
    }
}

/// The same under the names that foreign operators have in a scratch copy.
pub(super) fn register_qualified(onnx: &mut Onnx) {
    for (name, builder) in KERNELS {
        onnx.op_register
            .0
            .insert(format!("{DOMAIN}::{name}"), builder);
    }
}

/// Whether there is a kernel for what a function defines.
pub(super) fn covers(function: &FunctionProto) -> bool {
    function.domain() == DOMAIN && KERNELS.iter().any(|(name, _)| *name == function.name())
}

/// tract's own operator of that name, for a node of another domain.
fn other_domain(name: &str, context: &ParsingContext, node: &NodeProto) -> Built {
    let own = tract_onnx::onnx().op_register.0.get(name).copied();
    own.with_context(|| format!("no operator `{name}` in domain `{}`", node.domain))?(context, node)
}
