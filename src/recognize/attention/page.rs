//! The page of the rule: what `phasor rules attention` prints.

use crate::recognize::{Rule, Stage};

/// The rule's identifier.
pub(in crate::recognize) const RULE: &str = "attention";

/// Attention.
pub(in crate::recognize) const PAGE: Rule = Rule {
    id: RULE,
    summary: "attention: the softmax of scaled scores, with a mask, and the sum of values that it weighs",
    matches: "a float tensor y [B, N, S, E] or [B, S, N, E] whose elements are sums of values weighed by a softmax over all keys; the scores \
              are products of queries and keys times one number, or times one for each head or query, perhaps capped by tanh, to which \
              tensors are added that lie along batch, heads, queries and keys, and of which some are replaced by one number; heads of keys \
              and values may be shared by a group of heads",
    rewrites_to: "y = ai.phasor::Attention(Q, K, V, bias, mask), or where the graph puts keys and values behind those of a cache \
                  y, present_K, present_V = ai.phasor::CachedAttention(Q, K, V, bias, mask, past_K, past_V); under `--target contrib` \
                  com.microsoft::MultiHeadAttention, under `--target onnx` ai.onnx::Attention, where they give the same; with \
                  `--plain attention` the nodes of the function body",
    conditions: &[
        "probabilities: the softmax goes over all keys of one query, and nothing but the product with the values reads it; \
         probabilities that are not a number may be replaced by 0",
        "scores: one product of a query and a key, which nothing else reads; what changes it is a number, in single precision also a tensor \
         that is the same for all keys, tanh, a sum or a choice",
        "mask: tensors that are added to the scores, or say which of them a number replaces, have the axes of the scores or size 1, or \
         repeat after some batches, have the type of queries and keys, and are not computed from the same tensors as the queries; in half \
         precision one is added at most, and not before the scores are scaled, and the graph computes the scores in that type, as the \
         operator's function body does",
        "operands: tensors of the graph with four axes hold queries, keys and values; a head of keys serves as many heads of queries \
         as the one of values",
        "confirmation: the site, cut out of the graph and run on random tensors, agrees with the operator's reference",
        "target: MultiHeadAttention has float, a head of keys for each of queries, as wide as the values, and no bound for scores; \
         Attention has no bound beside a mask, and in half precision only masks that put negative infinity in the place of scores; both add \
         the mask to the scores, so one that puts a number above -1e30 in their place is left",
    ],
    numerics: "the same sums, which are added in another order, and tensors that are added to the scores to each other first; scale and \
               factors are applied once, to the queries",
    stages: &[
        Stage::Probabilities,
        Stage::Scores,
        Stage::Mask,
        Stage::Operands,
        Stage::Confirmation,
        Stage::Target,
    ],
};
