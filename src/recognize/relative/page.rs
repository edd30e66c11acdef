//! The pages of the rules: what `phasor rules relative-bias`, `relative-gather` and `alibi` print.

use crate::recognize::{Rule, Stage};

/// Biases of a table.
pub(in crate::recognize) const BIAS_PAGE: Rule = Rule {
    id: "relative-bias",
    summary: "a bias for every head, query and key, read from a table by the distance between query and key",
    matches: "a float tensor whose axes are batch, heads, queries and keys, of which some may be left out, and whose elements are \
              those of a table of R rows and N heads, whose axes may be in any order: the row is a function of key position - query \
              position alone, however the graph computes it (the buckets of T5, MPNet and WavLM, clipped distances)",
    rewrites_to: "bias = ai.phasor::RelativePositionBias(table, lut, query_positions, key_positions), with its axes brought to \
                  those of the original; not under `--target contrib` or `--target onnx`",
    conditions: &[
        "distance: the row depends on a query and a key by the difference of their positions alone",
        "lut: the row of each distance is known, and from some distance on it is the same in either direction, or no distance \
         goes further",
        "proof: every element is copied from the table, unscaled, and no row lies outside it",
        "positions: integers, each held by a tensor of the graph before the bias, counted along one of its axes, or known",
        "confirmation: the site, cut out of the graph and run on random tables and positions, equals the operator's reference",
    ],
    numerics: "the same numbers, bit by bit; where the original fails because a distance has no row, the bias is that of the \
               nearest distance that has one",
    stages: &STAGES,
};

/// Scores by distance.
pub(in crate::recognize) const GATHER_PAGE: Rule = Rule {
    id: "relative-gather",
    summary: "scores of queries with relative positions, gathered for every query and key by the distance between them",
    matches: "a float tensor [..., Q, K] whose elements are those of scores [..., Q, R] or [..., K, R]: the row is that of the query, \
              or of the key, and the column a function of key position - query position alone, however the graph computes it \
              (GatherElements as in DeBERTa; the shift by padding, reshaping and slicing of Transformer-XL and of Conformers); or whose \
              elements are sums of products of the vector of the query, or of the key, with the row of a table [R, D] that is such a function \
              (the relative keys of Shaw et al., as in BERT, ESM and Wav2Vec2-BERT, by Einsum or MatMul)",
    rewrites_to: "y = ai.phasor::RelativeGather(scores, lut, query_positions, key_positions), with `by_key` where rows are keys; \
                  of products with scores = MatMul(x, Transpose(rows)), of which rows = Slice(table) are those that some distance leads \
                  to; not under `--target contrib` or `--target onnx`",
    conditions: &[
        "distance: the column depends on a query and a key by the difference of their positions alone",
        "lut: the column of each distance is known, or all columns come in order",
        "proof: every element is copied from the scores, unscaled, and no column lies outside them; or it is a sum of products with \
         a row of the table, and one tensor of the graph with the axes of the result holds what the rows are multiplied by",
        "cost, of products: heads times rows are at most 100 for each key, or rows at most 2 (unknown sizes count as 16 keys, and as one \
         batch or head); sliced are the rows in reach, in a graph with as many queries as keys, whose positions are counted, twice as \
         many as keys. In ONNX Runtime 1.32 on one processor with 64 channels and a table of 1023 rows, the rows in reach take 0.26 \
         of the graph's time with 12 heads and 64 keys, 0.25 with 128 and 0.16 with 512, and with 96 heads or batches 0.98, 0.87 with \
         128 and 0.76 with 256; all rows take 1.6 of it with 12 heads and 64 keys, 0.8 with 128, and 11 with 96 heads and 64 keys",
        "positions: integers, each held by a tensor of the graph before the result, counted along one of its axes, or known",
        "confirmation: the site, cut out of the graph and run on random scores and positions, equals the operator's reference",
    ],
    numerics: "the same numbers, bit by bit; of products the same sums, which another kernel may add in another order (report: \
               `reassociated`); where the original fails because a distance has no column, the score is that of the \
               nearest distance that has one, or the operator fails as well",
    stages: &STAGES,
};

/// Biases that are linear in the distance.
pub(in crate::recognize) const ALIBI_PAGE: Rule = Rule {
    id: "alibi",
    summary: "a bias for every head, query and key that is linear in the distance between query and key",
    matches: "a float tensor whose axes are batch, heads, queries and keys, of which some may be left out, and whose elements are \
              the head's slope times key position - query position, with its sign or without; without queries, times the \
              position of the key. Operators that work element by element take it to a softmax: elsewhere such a product may be \
              an angle. The product may have been computed beforehand, in a constant that is cut to the length of the scores",
    rewrites_to: "bias = ai.phasor::AlibiBias(slopes, query_positions, key_positions), with its axes brought to those of the \
                  original; not under `--target contrib` or `--target onnx`",
    conditions: &[
        "distance: the bias depends on a query and a key by the difference of their positions alone, or by its magnitude",
        "proof: it is one slope for each head times that distance, nothing is added, and the distance is rounded once, to no type narrower than float",
        "cost: the bias is no row for each head that is cut from a constant: in ONNX Runtime 1.32 on one processor with 32 heads, the \
         operator and its positions take 1.3 to 1.5 times as long as the cut, at 16 to 1024 keys; for a square of queries and keys they \
         take 1.6 times as long at 16 keys, 0.65 at 128 and 512, and as long at 1024",
        "positions: whole numbers, each held by a tensor of the graph before the bias, counted along one of its axes, or known",
        "confirmation: the site, cut out of the graph and run on random slopes and positions, agrees with the operator's reference",
    ],
    numerics: "the distance is exact, and rounded once to float (to double for double), the product once more to the type of the \
               slopes, as in the original",
    stages: &[
        Stage::Distance,
        Stage::Proof,
        Stage::Positions,
        Stage::Confirmation,
        Stage::Target,
    ],
};

/// The stages of what is read by a lookup table.
const STAGES: [Stage; 6] = [
    Stage::Distance,
    Stage::Lut,
    Stage::Proof,
    Stage::Positions,
    Stage::Confirmation,
    Stage::Target,
];
