//! Attributes of `Attention`.

use crate::contract::attribute::Given;
use crate::contract::{Attribute, AttributeSpec, AttributeValue, ContractError, ElementType};
use half::{bf16, f16};

pub(super) const SCALE: Attribute<f32> =
    Attribute::new("scale", 1.0, "what `Q` is multiplied by, any number");

pub(super) const SOFTCAP: Attribute<f32> = Attribute::new(
    "softcap",
    0.0,
    "the bound that scores approach, a finite number above 0; 0 for none",
);

pub(super) const FILL: Attribute<f32> = Attribute::new(
    "fill",
    f32::NEG_INFINITY,
    "the score where `mask` is false, not NaN",
);

pub(super) const ZERO_NAN_ROWS: Attribute<i64> = Attribute::new(
    "zero_nan_rows",
    0,
    "1: a row of `Y` whose probabilities are NaN is zero",
);

const CAUSAL: Attribute<i64> = Attribute::new(
    "causal",
    0,
    "1: a promise that no key behind the query is visible",
);

const WINDOW_LEFT: Attribute<i64> = Attribute::new(
    "window_left",
    -1,
    "at least 0: a promise that no key farther than this before the query is visible; -1 for none",
);

const WINDOW_RIGHT: Attribute<i64> = Attribute::new(
    "window_right",
    -1,
    "at least 0: a promise that no key farther than this behind the query is visible; -1 for none",
);

/// The attributes, as kernels and function bodies share them.
pub const ATTRIBUTES: [AttributeSpec; 7] = [
    SCALE.spec(),
    SOFTCAP.spec(),
    FILL.spec(),
    ZERO_NAN_ROWS.spec(),
    CAUSAL.spec(),
    WINDOW_LEFT.spec(),
    WINDOW_RIGHT.spec(),
];

/// The attributes of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionAttributes {
    /// What `Q` is multiplied by.
    pub scale: f32,
    /// The bound that scores approach; 0 for none.
    pub softcap: f32,
    /// The score where `mask` is false.
    pub fill: f32,
    /// Whether a row of `Y` whose probabilities are NaN is zero.
    pub zero_nan_rows: bool,
    /// Promise: no key behind the query is visible.
    pub causal: bool,
    /// Promise: no key farther than this before the query is visible.
    pub window_left: Option<usize>,
    /// Promise: no key farther than this behind the query is visible.
    pub window_right: Option<usize>,
}

impl Default for AttentionAttributes {
    fn default() -> Self {
        Self {
            scale: SCALE.default,
            softcap: SOFTCAP.default,
            fill: FILL.default,
            zero_nan_rows: false,
            causal: false,
            window_left: None,
            window_right: None,
        }
    }
}

impl AttentionAttributes {
    /// Reads the attributes of a node; `lookup` gives the value of a name, or `None` where the node does not have it.
    ///
    /// # Errors
    /// [`ContractError::Attribute`] for a value outside its range, or of another type.
    pub fn parse<V: Into<AttributeValue>>(
        lookup: impl FnMut(&'static str) -> Option<V>,
    ) -> Result<Self, ContractError> {
        let given = Given::new(&ATTRIBUTES, lookup)?;
        let softcap = given.float(SOFTCAP);
        if !(softcap.is_finite() && softcap >= 0.0) {
            let expected = "a finite number, at least 0";
            return Err(SOFTCAP.spec().refuse(softcap.into(), expected));
        }
        let fill = given.float(FILL);
        if fill.is_nan() {
            return Err(FILL.spec().refuse(fill.into(), "a number"));
        }
        let window = |attribute| match given.int(attribute) {
            -1 => Ok(None),
            _ => given.size(attribute, "-1 or more").map(Some),
        };
        Ok(Self {
            scale: given.float(SCALE),
            softcap,
            fill,
            zero_nan_rows: given.flag(ZERO_NAN_ROWS)?,
            causal: given.flag(CAUSAL)?,
            window_left: window(WINDOW_LEFT)?,
            window_right: window(WINDOW_RIGHT)?,
        })
    }

    /// These attributes with `fill` rounded to `dtype`, as the operator takes it.
    pub fn of_type(self, dtype: ElementType) -> Self {
        let fill = match dtype {
            ElementType::F16 => f16::from_f32(self.fill).into(),
            ElementType::BF16 => bf16::from_f32(self.fill).into(),
            ElementType::F32 | ElementType::F64 => self.fill,
        };
        Self { fill, ..self }
    }

    /// Names and values in the order of [`ATTRIBUTES`].
    pub fn values(&self) -> [(&'static str, AttributeValue); 7] {
        // More than 2^63 keys are as good as no promise.
        let size = |window: Option<usize>| window.and_then(|w| i64::try_from(w).ok()).unwrap_or(-1);
        [
            SCALE.with(self.scale),
            SOFTCAP.with(self.softcap),
            FILL.with(self.fill),
            ZERO_NAN_ROWS.with(self.zero_nan_rows.into()),
            CAUSAL.with(self.causal.into()),
            WINDOW_LEFT.with(size(self.window_left)),
            WINDOW_RIGHT.with(size(self.window_right)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::attribute::changed;

    fn parse(
        values: &[(&'static str, AttributeValue)],
    ) -> Result<AttentionAttributes, ContractError> {
        AttentionAttributes::parse(|name| values.iter().find(|v| v.0 == name).map(|v| v.1))
    }

    #[test]
    fn values_are_read_back() {
        let default = AttentionAttributes::default();
        assert_eq!(parse(&[]).unwrap(), default);
        assert_eq!(default.values(), ATTRIBUTES.map(|a| (a.name, a.default)));
        let all = AttentionAttributes {
            scale: 0.125,
            softcap: 50.0,
            fill: f32::MIN,
            zero_nan_rows: true,
            causal: true,
            window_left: Some(128),
            window_right: Some(0),
        };
        assert_eq!(changed(&ATTRIBUTES, all.values()).len(), ATTRIBUTES.len());
        assert_eq!(parse(&all.values()).unwrap(), all);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for (name, value, words) in [
            (
                "softcap",
                (-1.0).into(),
                "is -1.0, expected a finite number, at least 0",
            ),
            ("softcap", f32::INFINITY.into(), "is inf"),
            ("softcap", f32::NAN.into(), "is NaN"),
            (
                "fill",
                f32::NAN.into(),
                "attribute `fill` is NaN, expected a number",
            ),
            ("causal", 2.into(), "is 2, expected 0 or 1"),
            ("zero_nan_rows", (-1).into(), "is -1, expected 0 or 1"),
            ("window_left", (-2).into(), "is -2, expected -1 or more"),
            ("window_right", i64::MIN.into(), "expected -1 or more"),
            ("scale", 1.into(), "is 1, expected a float"),
        ] {
            let text = parse(&[(name, value)]).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
