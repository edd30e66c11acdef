//! The pages of the rules: what `phasor rules sinusoidal` and `phasor rules sinusoidal-table` print.

use crate::recognize::{Rule, Stage};

/// The identifier of the rule for rows that the graph computes.
pub(in crate::recognize) const RULE: &str = "sinusoidal";

/// The identifier of the rule for rows that it looks up.
pub(in crate::recognize) const TABLE_RULE: &str = "sinusoidal-table";

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
        "cosines and sines of rotary sites are left alone; rows that are looked up in a table are those of the rule `sinusoidal-table`",
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

/// Tables of sinusoids.
pub(in crate::recognize) const TABLE_PAGE: Rule = Rule {
    id: TABLE_RULE,
    summary: "sinusoidal embedding of positions that the graph looks up in a constant table; on request",
    matches: "a float tensor y whose rows are those of a constant of the model, each looked up by a whole number (`Gather`), or cut from \
              it (`Slice`); row r of the constant holds the sines and cosines of r times a frequency for every pair of channels, in two \
              halves or in turn, with a constant factor, and zeros at the end; one row may be zero",
    rewrites_to: "y = ai.phasor::SinusoidalEmbedding(positions, frequencies), with a `Cast` where the frequencies are of another type \
                  than the table; nothing under `--target contrib` or `--target onnx`",
    conditions: &[
        "request: `--tables-to-compute`, or `--select sinusoidal-table`; computing the rows saves the bytes of the table and the limit of \
         its length, in about the time of the lookup, but for a table that is added as it is",
        "table: every element is compared with what the operator computes with frequencies that are fitted to the table, in float or \
         else in double, both rounded to the type of the table: they differ by at most half of the distance from 1 to the next larger \
         number of that type (2^-24 in float), times the factor; the report says by how much",
        "row: it does not depend on the channel, and every channel of y is a column of the table in order",
        "positions: one tensor of the graph in int32 or int64 holds the row of every place, or the rows are counted along an axis; where \
         the graph may look up a row below 0, which counts from the end of the table, the number of rows is added to it",
        "confirmation: the site, cut out of the graph and run on random rows, agrees with the operator's reference",
    ],
    numerics: "within the table as the condition says (class `formula`). At a position beyond its last row, or before its first counted \
               from the end, the original fails, and the operator computes the row of that position; with `--precise-angles` the angle \
               is exact at any position, and differs from that of a table whose angles were rounded",
    stages: &[Stage::Tables, Stage::Confirmation, Stage::Target],
};
