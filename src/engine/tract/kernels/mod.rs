//! The operators of `ai.phasor` as operators of tract, computed by the kernels of [`phasor_ops`].
//!
//! tract looks operators up by their bare name and ignores the functions of a model, so a program that runs fused models in
//! tract registers them:
//!
//! ```no_run
//! use phasor::tract::tract_onnx::{self, prelude::*};
//!
//! # fn main() -> TractResult<()> {
//! let mut onnx = tract_onnx::onnx();
//! phasor::tract::register(&mut onnx);
//! let model = onnx.model_for_path("fused.onnx")?.into_optimized()?.into_runnable()?;
//! # let _ = model;
//! # Ok(())
//! # }
//! ```

mod attention;
mod bias;
mod cached;
mod gather;
mod heads;
mod native;
mod pair;
mod rotary;
mod sinusoidal;
mod table;

use native::{Native, build};
use phasor_ops::contract::DOMAIN;
use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb::NodeProto;

use super::operators::Built;
use crate::onnx::proto::FunctionProto;

type Builder = fn(&ParsingContext, &NodeProto) -> Built;

/// Every operator by name.
const KERNELS: [(&str, Builder); phasor_ops::contract::ALL.len()] = [
    kernel::<rotary::Rotary>(),
    kernel::<pair::Pair>(),
    kernel::<heads::Heads>(),
    kernel::<table::Table>(),
    kernel::<sinusoidal::Sinusoidal>(),
    kernel::<bias::RelativeBias>(),
    kernel::<bias::Alibi>(),
    kernel::<gather::Gather>(),
    kernel::<attention::Attention>(),
    kernel::<cached::Cached>(),
];

const fn kernel<K: Native>() -> (&'static str, Builder) {
    (K::SPEC.name, build::<K>)
}

/// Teaches tract's ONNX reader the operators of `ai.phasor`. Operators of other domains that share a name stay tract's own.
pub fn register(onnx: &mut Onnx) {
    for (name, builder) in KERNELS {
        onnx.op_register.0.insert(name.to_owned(), builder);
    }
}

/// The same, under the names that operators of other domains have in a scratch copy.
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
