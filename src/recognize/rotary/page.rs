//! The page of the rule: what `phasor rules rotary` prints.

use crate::recognize::{Rule, Stage};

/// The rule's identifier.
pub(crate) const RULE: &str = "rotary";

/// Rotary embeddings.
pub(in crate::recognize) const PAGE: Rule = Rule {
    id: RULE,
    summary: "rotary position embedding of a tensor, however the graph spells it",
    matches: "a float tensor y whose channels are those of a tensor x, unchanged, or sums of two channels of x with coefficients \
              cos and -/+ sin, pair by pair",
    rewrites_to: "y = ai.phasor::RotaryEmbedding(x, cos, sin), or ai.phasor::RotaryHeads(packed, cos, sin) where x is \
                  proven to be heads of an earlier tensor and the nodes between become unused; with `--pairs` two sites of the \
                  same tables become one ai.phasor::RotaryEmbeddingPair; under `--target contrib` and `--target onnx` the operators of \
                  com.microsoft and ai.onnx, where they can express the site",
    conditions: &[
        "pairs: the rotated channels are one contiguous range of the last axis, paired j with j + r/2 (half) or 2j with 2j + 1 \
         (interleaved), of which some may be turned by angle 0; all other channels are copied",
        "proof: the coefficients of every pair are cosine and sine of one angle with one amplitude, or rows of constant tables \
         with cos² + sin² constant (class `rotation`); tables of unknown origin, learned tables, and tables with an angle for \
         each channel obey the same formula (class `linear`)",
        "tables: tensors of the graph hold the cosines and the sines, exist before y, and broadcast against x; a factor of moderate size, \
         or a power as in xPos, that the graph multiplies the rotated channels by is multiplied into the tables",
        "confirmation: the site, cut out of the graph and run on random numbers, agrees with the operator's reference",
    ],
    numerics: "exact over the reals; the operator multiplies and adds in single precision (double for double), so that half \
               precision models round once where the original rounds three times",
    stages: &[
        Stage::Angles,
        Stage::Pairs,
        Stage::Proof,
        Stage::Tables,
        Stage::Confirmation,
        Stage::Target,
    ],
};
