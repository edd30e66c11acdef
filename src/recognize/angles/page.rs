//! The page of the rule: what `phasor rules rotary-table` prints.

use crate::recognize::{Rule, Stage};

/// The rule's identifier.
pub const RULE: &str = "rotary-table";

/// Tables of angles.
pub(in crate::recognize) const PAGE: Rule = Rule {
    id: RULE,
    summary: "cosines and sines that a graph computes from positions and frequencies, for all rotary sites that read them",
    matches: "the angles of a rotary site that are positions times frequencies, summed over coordinate streams where there are \
              several; cosines and sines times one constant amplitude",
    rewrites_to: "cos, sin = ai.phasor::RotaryTable(positions, frequencies), one node for all sites of equal positions, \
                  frequencies and amplitude; not under `--target contrib` or `--target onnx`",
    conditions: &[
        "positions: one tensor of the graph holds them, in int32, int64, float or double",
        "frequencies: a tensor of the graph, or numbers that the graph multiplies by; in float or double",
        "confirmation: the graph's own tables, run from the positions, agree with the operator's reference at positions up to a \
         million, where another order of operations or another type shows",
        "nodes: the graph has fewer nodes than with its own tables, which other nodes may use",
    ],
    numerics: "the angle is rounded as in the graph, its cosine and sine are within 1.5 units in the last place; with \
               `--precise-angles` the angle is exact at any position",
    stages: &[
        Stage::Angles,
        Stage::Pairs,
        Stage::Proof,
        Stage::Tables,
        Stage::Confirmation,
    ],
};
