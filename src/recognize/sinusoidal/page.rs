//! The page of the rule: what `phasor rules sinusoidal` prints.

use crate::recognize::{Rule, Stage};

/// The rule's identifier.
pub(in crate::recognize) const RULE: &str = "sinusoidal";

/// Sinusoidal embeddings.
pub(in crate::recognize) const PAGE: Rule = Rule {
    id: RULE,
    summary: "sinusoidal embedding of positions or times, computed by the graph from frequencies",
    matches: "a float tensor y whose channels are sines and cosines of one position times a frequency each, in two halves or in \
              turn, with a constant factor, and zeros at the end",
    rewrites_to: "y = ai.phasor::SinusoidalEmbedding(positions, frequencies); nothing under `--target contrib` or \
                  `--target onnx`, which have no operator for it",
    conditions: &[
        "channels: every channel is the sine or the cosine of an angle, times one factor, or a zero at the end of the row; sines \
         and cosines stand in one of the layouts of the operator, and their frequencies are equal pair by pair",
        "positions: one tensor of the graph in int32, int64, float or double holds the position of every row",
        "frequencies: a tensor of the graph, or numbers that the type of y holds; the angle is the product of position and \
         frequency, rounded once, in float or double",
        "a graph that divides positions by numbers is matched where these are not whole, as normalised coordinates are: the \
         product with a reciprocal, rounded to the type, differs from the quotient by at most 2 units in the last place of the \
         angle (class `formula`, otherwise `exact`), which shows in the sine of a large one",
        "tables that a graph looks positions up in, and cosines and sines of rotary sites, are left alone",
        "confirmation: the site, cut out of the graph and run on random positions, agrees with the operator's reference",
    ],
    numerics: "the angle is rounded as in the graph, except where the graph divides; its sine and cosine are within 1 unit in \
               the last place; with `--precise-angles` the angle is exact at any position",
    stages: &[
        Stage::Proof,
        Stage::Positions,
        Stage::Confirmation,
        Stage::Target,
    ],
};
