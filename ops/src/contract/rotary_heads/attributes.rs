//! Attributes of `RotaryHeads`: those of `RotaryEmbedding`, and which heads are taken.

use crate::contract::attribute::Given;
use crate::contract::rotary::{self, RotaryAttributes};
use crate::contract::{Attribute, AttributeSpec, AttributeValue, ContractError};

pub(super) const FIRST_HEAD: Attribute<i64> =
    Attribute::new("first_head", 0, "the first head that is taken");

pub(super) const END_HEAD: Attribute<i64> = Attribute::new(
    "end_head",
    i64::MAX,
    "heads from this one on are not taken; it may lie beyond the last",
);

pub(super) const HEAD_STEP: Attribute<i64> = Attribute::new(
    "head_step",
    1,
    "distance of a head that is taken from the next",
);

const RANGE: [AttributeSpec; 3] = [FIRST_HEAD.spec(), END_HEAD.spec(), HEAD_STEP.spec()];

/// The attributes, as kernels and function bodies share them.
pub const ATTRIBUTES: [AttributeSpec; 8] = {
    let [a, b, c, d, e] = rotary::ATTRIBUTES;
    let [first, end, step] = RANGE;
    [a, b, c, d, e, first, end, step]
};

/// Which heads are taken: `first`, `first + step`, and so on below `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeadRange {
    /// The first.
    pub first: usize,
    /// Heads from this one on are not taken.
    pub end: usize,
    /// Distance of one from the next, at least 1.
    pub step: usize,
}

impl Default for HeadRange {
    fn default() -> Self {
        Self {
            first: 0,
            // What the attribute's default is read as, whatever the size of a `usize`.
            end: usize::try_from(i64::MAX).unwrap_or(usize::MAX),
            step: 1,
        }
    }
}

impl HeadRange {
    /// How many of `heads` heads are taken.
    pub fn count(&self, heads: usize) -> usize {
        let span = self.end.min(heads).saturating_sub(self.first);
        span.div_ceil(self.step.max(1))
    }

    /// Whether all of `heads` heads are taken.
    pub fn is_whole(&self, heads: usize) -> bool {
        self.count(heads) == heads
    }
}

/// The attributes of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RotaryHeadsAttributes {
    /// How the heads are turned.
    pub rotary: RotaryAttributes,
    /// Which heads.
    pub heads: HeadRange,
}

impl RotaryHeadsAttributes {
    /// Reads the attributes of a node; `lookup` gives the value of a name, or `None` where the node does not have it.
    ///
    /// # Errors
    /// [`ContractError::Attribute`] for a value outside its range.
    pub fn parse<V: Into<AttributeValue>>(
        mut lookup: impl FnMut(&'static str) -> Option<V>,
    ) -> Result<Self, ContractError> {
        let rotary = RotaryAttributes::parse(&mut lookup)?;
        let given = Given::new(&RANGE, lookup)?;
        let expected = "a number that is not negative";
        let step = given.size(HEAD_STEP, "a positive number")?;
        if step == 0 {
            return Err(given.refuse(HEAD_STEP, "a positive number"));
        }
        Ok(Self {
            rotary,
            heads: HeadRange {
                first: given.size(FIRST_HEAD, expected)?,
                end: given.size(END_HEAD, expected)?,
                step,
            },
        })
    }

    /// Names and values in the order of [`ATTRIBUTES`].
    pub fn values(&self) -> [(&'static str, AttributeValue); 8] {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let [a, b, c, d, e] = self.rotary.values();
        let HeadRange { first, end, step } = self.heads;
        [
            a,
            b,
            c,
            d,
            e,
            FIRST_HEAD.with(number(first)),
            END_HEAD.with(number(end)),
            HEAD_STEP.with(number(step)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::attribute::changed;

    fn parse(given: &[(&str, AttributeValue)]) -> Result<RotaryHeadsAttributes, ContractError> {
        RotaryHeadsAttributes::parse(|name| given.iter().find(|(n, _)| *n == name).map(|&(_, v)| v))
    }

    #[test]
    fn absent_attributes_have_defaults() {
        assert_eq!(parse(&[]).unwrap(), RotaryHeadsAttributes::default());
        let values = RotaryHeadsAttributes::default().values();
        assert_eq!(values, ATTRIBUTES.map(|a| (a.name, a.default)));
    }

    #[test]
    fn values_are_read_back_by_their_names() {
        let change = |name: &'static str, change: fn(&mut RotaryHeadsAttributes)| {
            let mut attributes = RotaryHeadsAttributes::default();
            change(&mut attributes);
            assert_eq!(changed(&ATTRIBUTES, attributes.values()), [name]);
            assert_eq!(parse(&attributes.values()).unwrap(), attributes);
        };
        change("inverse", |a| a.rotary.inverse = true);
        change("first_head", |a| a.heads.first = 4);
        change("end_head", |a| a.heads.end = 0);
        change("head_step", |a| a.heads.step = 3);
    }

    #[test]
    fn values_out_of_range_are_named() {
        for (name, value) in [
            ("interleaved", 2),
            ("first_head", -1),
            ("end_head", -1),
            ("head_step", 0),
            ("head_step", -1),
        ] {
            let text = parse(&[(name, value.into())]).unwrap_err().to_string();
            assert!(
                text.contains(name) && text.contains(&i64::to_string(&value)),
                "{text}"
            );
        }
    }

    #[test]
    fn heads_are_counted_as_a_slice_counts_them() {
        let count = |first, end, step, heads| HeadRange { first, end, step }.count(heads);
        assert_eq!(count(0, 8, 1, 8), 8);
        assert_eq!(count(2, 5, 1, 8), 3);
        assert_eq!(count(1, 9, 3, 9), 3);
        assert_eq!(count(1, 8, 3, 9), 3);
        assert_eq!(count(1, 7, 3, 9), 2);
        // Beyond the last, and none.
        assert_eq!(count(6, usize::MAX, 1, 8), 2);
        assert_eq!(count(9, usize::MAX, 2, 8), 0);
        assert_eq!(count(5, 3, 1, 8), 0);
        assert_eq!(HeadRange::default().count(0), 0);
        assert!(HeadRange::default().is_whole(7));
    }
}
