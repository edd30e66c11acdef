//! Attributes of `SinusoidalEmbedding`.

use crate::contract::attribute::Given;
use crate::contract::{Attribute, AttributeSpec, AttributeValue, ContractError};

pub(super) const INTERLEAVED: Attribute<i64> = Attribute::new(
    "interleaved",
    0,
    "0: all of one function, then all of the other; 1: sine and cosine of a frequency are neighbours",
);

pub(super) const COS_FIRST: Attribute<i64> = Attribute::new(
    "cos_first",
    0,
    "which function comes first: 0 the sine, 1 the cosine",
);

pub(super) const AMPLITUDE: Attribute<f32> =
    Attribute::new("amplitude", 1.0, "factor of sines and cosines");

pub(crate) const WIDTH: Attribute<i64> = Attribute::new(
    "width",
    0,
    "`W`; 0 stands for `2F`. Elements beyond are cut off, missing ones are zero",
);

pub(super) const PADDING_POSITION: Attribute<i64> = Attribute::new(
    "padding_position",
    NO_PADDING,
    "the position whose rows are zero, below 2^53; -1: there is none",
);

pub(super) const PRECISE: Attribute<i64> = Attribute::new(
    "precise",
    0,
    "how angles are computed: 0 as exported graphs do, 1 exactly",
);

/// The attributes, as kernels and function bodies share them.
pub const ATTRIBUTES: [AttributeSpec; 6] = [
    INTERLEAVED.spec(),
    COS_FIRST.spec(),
    AMPLITUDE.spec(),
    WIDTH.spec(),
    PADDING_POSITION.spec(),
    PRECISE.spec(),
];

/// `padding_position` where there is none.
const NO_PADDING: i64 = -1;

/// Positions below this are exact in double, and no other position is equal to them there.
const PADDING_END: i64 = 1 << 53;

/// The attributes of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SinusoidalAttributes {
    /// Sine and cosine of a frequency are neighbours.
    pub interleaved: bool,
    /// The cosine comes before the sine.
    pub cos_first: bool,
    /// Factor of sines and cosines.
    pub amplitude: f32,
    /// Size of the last axis of the output; 0 stands for two per frequency.
    pub width: usize,
    /// The position whose rows are zero.
    pub padding_position: Option<i64>,
    /// Exact products and an exact range reduction.
    pub precise: bool,
}

impl Default for SinusoidalAttributes {
    fn default() -> Self {
        Self {
            interleaved: false,
            cos_first: false,
            amplitude: 1.0,
            width: 0,
            padding_position: None,
            precise: false,
        }
    }
}

impl SinusoidalAttributes {
    /// Reads the attributes of a node; `lookup` gives the value of a name, or `None` where the node does not have it.
    ///
    /// # Errors
    /// [`ContractError::Attribute`] for a value outside its range, or of another type.
    pub fn parse<V: Into<AttributeValue>>(
        lookup: impl FnMut(&'static str) -> Option<V>,
    ) -> Result<Self, ContractError> {
        let given = Given::new(&ATTRIBUTES, lookup)?;
        Ok(Self {
            interleaved: given.flag(INTERLEAVED)?,
            cos_first: given.flag(COS_FIRST)?,
            amplitude: given.float(AMPLITUDE),
            width: given.size(WIDTH, "0 (two per frequency) or a number of channels")?,
            padding_position: match given.int(PADDING_POSITION) {
                NO_PADDING => None,
                position @ 0..PADDING_END => Some(position),
                _ => {
                    return Err(
                        given.refuse(PADDING_POSITION, "-1 (none) or a position below 2^53")
                    );
                }
            },
            precise: given.flag(PRECISE)?,
        })
    }

    /// Names and values in the order of [`ATTRIBUTES`].
    pub fn values(&self) -> [(&'static str, AttributeValue); 6] {
        [
            INTERLEAVED.with(self.interleaved.into()),
            COS_FIRST.with(self.cos_first.into()),
            AMPLITUDE.with(self.amplitude),
            // Read from an i64, or made for a tensor that fits memory.
            WIDTH.with(i64::try_from(self.width).unwrap_or(i64::MAX)),
            PADDING_POSITION.with(self.padding_position.unwrap_or(NO_PADDING)),
            PRECISE.with(self.precise.into()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::attribute::changed;

    fn parse(given: &[(&str, AttributeValue)]) -> Result<SinusoidalAttributes, ContractError> {
        SinusoidalAttributes::parse(|name| given.iter().find(|(n, _)| *n == name).map(|&(_, v)| v))
    }

    #[test]
    fn absent_attributes_have_defaults() {
        assert_eq!(parse(&[]).unwrap(), SinusoidalAttributes::default());
        let values = SinusoidalAttributes::default().values();
        assert_eq!(values, ATTRIBUTES.map(|a| (a.name, a.default)));
    }

    #[test]
    fn values_are_read_back_by_their_names() {
        let change = |name: &'static str, change: fn(&mut SinusoidalAttributes)| {
            let mut attributes = SinusoidalAttributes::default();
            change(&mut attributes);
            assert_eq!(changed(&ATTRIBUTES, attributes.values()), [name]);
            assert_eq!(parse(&attributes.values()).unwrap(), attributes);
        };
        change("interleaved", |a| a.interleaved = true);
        change("cos_first", |a| a.cos_first = true);
        change("amplitude", |a| a.amplitude = 0.5);
        change("width", |a| a.width = 7);
        change("padding_position", |a| a.padding_position = Some(0));
        change("precise", |a| a.precise = true);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for (name, value, words) in [
            ("interleaved", 2, "expected 0 or 1"),
            (
                "width",
                -1,
                "attribute `width` is -1, expected 0 (two per frequency) or a number of channels",
            ),
            (
                "padding_position",
                -2,
                "attribute `padding_position` is -2, expected -1 (none) or a position below 2^53",
            ),
            ("padding_position", PADDING_END, "expected -1"),
            ("precise", -1, "expected 0 or 1"),
        ] {
            let text = parse(&[(name, value.into())]).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
        assert!(parse(&[("amplitude", 1.into())]).is_err());
    }
}
