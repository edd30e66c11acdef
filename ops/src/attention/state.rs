//! What is known of a row after some of its keys.

use crate::simd::softmax::Exponential;

/// Numbers of a state of a row beside its weighed values: the largest score, and the sum of exponentials.
pub(super) const HEAD: usize = 2;

/// The state of a row before its first key.
pub(super) fn clear<N: Exponential>(state: &mut [N]) {
    state.fill(N::ZERO);
    state[0] = N::NEGATIVE_INFINITY;
}

/// Adds to a state that of the same row after other keys. A state is the largest score, the sum of the exponentials of scores
/// less that, and the values weighed by these exponentials.
pub(super) fn join<N: Exponential>(state: &mut [N], other: &[N]) {
    let [one, two] = [state[0], other[0]].map(Into::<f64>::into);
    // Where one is NaN the sum of its exponentials is too.
    let largest = if two > one { two } else { one };
    // Finite, so that a state without a visible key is multiplied by 0.
    let shift = largest.max(N::LOWEST);
    let factors = [one, two].map(|score| (score - shift).exp());
    for (a, &b) in state.iter_mut().zip(other).skip(1) {
        *a = N::from_f64((*a).into() * factors[0] + b.into() * factors[1]);
    }
    state[0] = N::from_f64(largest);
}
