//! The rules, each described once: what `phasor rules` prints, and what `--select` and `--ignore` choose from.
//!
//! A rule is a kind of rewrite that can be left out on its own. A new recogniser adds its page to [`RULES`] and stamps its
//! identifier on what it finds; so does a rewrite of something that is found already.

use serde::Serialize;

/// One rule, for people.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    /// Identifier, as reports and `--select` spell it.
    pub id: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Which part of a graph it takes.
    pub matches: &'static str,
    /// What stands there afterwards.
    pub rewrites_to: &'static str,
    /// What must hold, each on its own.
    pub conditions: &'static [&'static str],
    /// How the numbers of the rewritten graph relate to those of the original.
    pub numerics: &'static str,
}

/// Identifier of the rule by which rewriting for `ai.onnx` makes nodes run at any batch.
pub const BATCH: &str = "rotary-batch";

/// All rules, in the order they are listed.
pub const RULES: &[Rule] = &[ROTARY, ROTARY_TABLE, ROTARY_BATCH];

const ROTARY: Rule = Rule {
    id: super::rotary::RULE,
    summary: "rotary position embedding of a tensor, however it is spelled",
    matches: "a float tensor y whose channels are those of a tensor x, unchanged, or sums of two channels of x with coefficients \
              cos and -/+ sin, pair by pair",
    rewrites_to: "y = ai.phasor::RotaryEmbedding(x, cos, sin); with `--pairs` two sites of the same tables become one \
                  ai.phasor::RotaryEmbeddingPair; under `--target contrib` and `--target onnx` the operators of \
                  com.microsoft and ai.onnx, where they can express the site",
    conditions: &[
        "pairs: the rotated channels are one contiguous range of the last axis, paired j with j + r/2 (half) or 2j with 2j + 1 \
         (interleaved); all other channels are copied",
        "proof: the coefficients of every pair are cosine and sine of one angle with one amplitude, or rows of constant tables \
         with cos² + sin² constant (class `rotation`); tables that nothing is known of, that were learned, or that turn \
         every channel by an angle of its own obey the same formula (class `linear`)",
        "tables: tensors of the graph hold the cosines and the sines, exist before y, and broadcast against x",
        "confirmation: cut out of the graph and run on random numbers, the site agrees with the operator's reference",
    ],
    numerics: "exact over the reals; the operator multiplies and adds in single precision (double for double), so that half \
               precision models round once where the original rounds three times",
};

const ROTARY_TABLE: Rule = Rule {
    id: super::TABLE_RULE,
    summary: "cosines and sines that a graph computes from positions and frequencies, for all rotary sites that read them",
    matches: "the angles of a rotary site that are positions times frequencies, summed over coordinate streams where there are \
              several; cosines and sines times one constant amplitude",
    rewrites_to: "cos, sin = ai.phasor::RotaryTable(positions, frequencies), one node for all sites of equal positions, \
                  frequencies and amplitude; not under `--target contrib` and `--target onnx`",
    conditions: &[
        "positions: one tensor of the graph holds them, in int32, int64, float or double",
        "frequencies: a tensor of the graph, or numbers that it multiplies by; in float or double",
        "confirmation: run from the positions on, the graph's own tables agree with the operator's reference at positions up to \
         a million, where another order of operations or another type shows",
        "nodes: fewer are left than with the graph's own tables, which may have other uses",
    ],
    numerics: "the angle is rounded as in the graph, its cosine and sine are within 1.5 units in the last place; with \
               `--precise-angles` the angle is exact at any position",
};

const ROTARY_BATCH: Rule = Rule {
    id: BATCH,
    summary: "tables of an `ai.onnx` RotaryEmbedding that exist for batch 1 only",
    matches: "an ai.onnx RotaryEmbedding node whose tables or positions have batch 1 where its tensor's batch is another or \
              symbolic",
    rewrites_to: "the same node with those inputs expanded to the tensor's batch",
    conditions: &[
        "target: `--target onnx`, the others do without the node's restriction",
        "shapes: the batch of the input is known to be 1",
    ],
    numerics: "the same numbers where the model ran; where it failed for its batch it runs",
};

/// The rule of this name.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// Which rules may be applied; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these, where there are any.
    pub select: Vec<&'static str>,
    /// Not these, even if selected.
    pub ignore: Vec<&'static str>,
}

impl Selection {
    /// Whether a rule may be applied.
    pub fn allows(&self, rule: &str) -> bool {
        (self.select.is_empty() || self.select.contains(&rule)) && !self.ignore.contains(&rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_pages_are_whole() {
        for (k, rule) in RULES.iter().enumerate() {
            assert!(
                RULES[..k].iter().all(|other| other.id != rule.id),
                "{}",
                rule.id
            );
            assert!(!rule.conditions.is_empty(), "{}", rule.id);
            let id = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(rule.id.chars().all(id), "{}", rule.id);
            let texts = [rule.summary, rule.matches, rule.rewrites_to, rule.numerics];
            for text in texts.iter().chain(rule.conditions) {
                assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
                assert!(!text.contains("  ") && !text.contains('\n'), "{text}");
            }
        }
    }

    #[test]
    fn ignoring_beats_selecting() {
        let selection = |select: &[&'static str], ignore: &[&'static str]| Selection {
            select: select.to_vec(),
            ignore: ignore.to_vec(),
        };
        assert!(Selection::default().allows("rotary"));
        assert!(selection(&["rotary"], &[]).allows("rotary"));
        assert!(!selection(&["rotary"], &[]).allows("other"));
        assert!(!selection(&[], &["rotary"]).allows("rotary"));
        assert!(!selection(&["rotary"], &["rotary"]).allows("rotary"));
    }
}
