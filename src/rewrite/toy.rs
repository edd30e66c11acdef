//! Plans toy sites, each as one multiplication.

use crate::onnx::Tensor;
use crate::recognize::{Site, Toy};

use super::draft::{Draft, Op};

/// Plans a site. ONNX has the operator: no function body is needed.
pub(super) fn lower(draft: &mut Draft<'_>, site: &Site, toy: &Toy) {
    let two = Tensor::from_f64_as(site.dtype, &[], &[2.0]);
    let two = draft.initializer("two", &two);
    draft.replace(site.node, Op::new("Mul", [toy.x.clone(), two]));
}
