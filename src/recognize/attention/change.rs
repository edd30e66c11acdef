//! What a graph does to the product of queries and keys before the softmax.

use crate::onnx::ValueId;

use super::mask::Mask;

/// What is done to the product of queries and keys, from the softmax backwards.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    /// The factor, in front of softcap, bias and mask.
    pub scale: f64,
    /// `c` of `c * tanh(scores / c)`.
    pub softcap: Option<f64>,
    /// Tensors that it is multiplied by, or divided, where `true` stands beside them: the same for all keys.
    pub factors: Vec<(Mask, bool)>,
    /// Tensors that are added, in order.
    pub biases: Vec<Mask>,
    /// The values between here and the sums, which nothing reads once the operator takes their place.
    pub passed: Vec<ValueId>,
    /// Whether something is added after what comes next.
    pub is_added: bool,
    /// Whether a factor or a cap comes after what comes next.
    pub is_scaled: bool,
    /// The condition, whether it hides, and the number in place of hidden scores.
    pub mask: Option<(Mask, bool, f64)>,
    /// Whether hidden scores are multiplied by 0, which makes NaN of infinite ones.
    pub assumes_finite: bool,
}
