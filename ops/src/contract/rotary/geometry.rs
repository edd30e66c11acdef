//! The shape rule of `RotaryEmbedding`.

use super::RotaryAttributes;
use super::spec::X;
use crate::contract::broadcast::{Along, Rows};
use crate::contract::{ContractError, shape_text};

/// What the last axis of the tables holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableForm {
    /// `r/2` entries: one per pair.
    Pair,
    /// `r` entries: one per channel.
    Channel,
}

/// The sizes of one call, checked.
#[derive(Clone, Debug)]
pub struct RotaryGeometry {
    /// Size of the last axis of `X`, in elements.
    pub channels: usize,
    /// Number of rotated channels.
    pub rotated: usize,
    /// First rotated channel.
    pub offset: usize,
    /// What the tables hold.
    pub form: TableForm,
    /// The row of `X` that the first row of `Y` is made of.
    pub first: usize,
    /// Rows of `Y`, and the rows of `X` (from `first` on), cos and sin that go with them.
    pub rows: Rows<3>,
}

impl RotaryGeometry {
    /// Checks the shapes of `X`, `cos` and `sin` against the attributes.
    ///
    /// # Errors
    /// [`ContractError::Shape`], naming the input and the sizes.
    pub fn new(
        attributes: &RotaryAttributes,
        x: &[usize],
        cos: &[usize],
        sin: &[usize],
    ) -> Result<Self, ContractError> {
        Self::of(X.name, attributes, x, cos, sin)
    }

    /// The same for a tensor called `name`.
    ///
    /// # Errors
    /// As [`RotaryGeometry::new`].
    pub(in crate::contract) fn of(
        name: &'static str,
        attributes: &RotaryAttributes,
        x: &[usize],
        cos: &[usize],
        sin: &[usize],
    ) -> Result<Self, ContractError> {
        let lead = x.split_last().map_or(&[][..], |(_, lead)| lead);
        Self::placed(name, attributes, x, (0, Along::Broadcast(lead)), cos, sin)
    }

    /// The same for a tensor of shape `x` whose rows do not follow each other: the first of them, and how far a step along the
    /// leading axes moves.
    ///
    /// # Errors
    /// As [`RotaryGeometry::new`].
    pub(in crate::contract) fn placed(
        name: &'static str,
        attributes: &RotaryAttributes,
        x: &[usize],
        (first, along): (usize, Along<'_>),
        cos: &[usize],
        sin: &[usize],
    ) -> Result<Self, ContractError> {
        let Some((&channels, lead)) = x.split_last() else {
            return Err(ContractError::Shape(format!(
                "{name} is a scalar, expected at least one axis"
            )));
        };
        let (offset, rotated) = Self::range_of(name, attributes, channels)?;
        let (Some((&width, cos_lead)), Some((&sin_width, sin_lead))) =
            (cos.split_last(), sin.split_last())
        else {
            return Err(ContractError::Shape(
                "cos or sin is a scalar, expected at least one axis".into(),
            ));
        };
        let form = match width {
            w if w == rotated / 2 => TableForm::Pair,
            w if w == rotated => TableForm::Channel,
            _ => {
                return Err(ContractError::Shape(format!(
                    "the last axis of cos {} is {width}, expected {} (one angle per pair) or {rotated} (one per channel)",
                    shape_text(cos),
                    rotated / 2
                )));
            }
        };
        if sin_width != width {
            return Err(ContractError::Shape(format!(
                "the last axis of sin {} is {sin_width}, that of cos is {width}; expected the same",
                shape_text(sin)
            )));
        }
        let followed = [
            along,
            Along::Broadcast(cos_lead),
            Along::Broadcast(sin_lead),
        ];
        let rows = Rows::along(lead, followed, name, [name, "cos", "sin"])?;
        if rows.count().checked_mul(channels).is_none() {
            return Err(ContractError::Shape(format!(
                "{name} {} has more elements than can be addressed",
                shape_text(x)
            )));
        }
        Ok(Self {
            channels,
            rotated,
            offset,
            form,
            first,
            rows,
        })
    }

    /// First rotated channel and number of rotated channels of a tensor with `channels` channels.
    ///
    /// # Errors
    /// [`ContractError::Shape`] where the range does not fit, or has an odd size.
    pub fn range(
        attributes: &RotaryAttributes,
        channels: usize,
    ) -> Result<(usize, usize), ContractError> {
        Self::range_of(X.name, attributes, channels)
    }

    fn range_of(
        name: &'static str,
        attributes: &RotaryAttributes,
        channels: usize,
    ) -> Result<(usize, usize), ContractError> {
        let offset = attributes.rotary_offset;
        let Some(rest) = channels.checked_sub(offset) else {
            return Err(ContractError::Shape(format!(
                "`rotary_offset` is {offset}, but {name} has {channels} channels"
            )));
        };
        let rotated = match attributes.rotary_dim {
            0 => rest,
            r if r <= rest => r,
            r => {
                return Err(ContractError::Shape(format!(
                    "`rotary_dim` is {r} from channel {offset} on, but {name} has {channels} channels"
                )));
            }
        };
        if !rotated.is_multiple_of(2) {
            return Err(ContractError::Shape(format!(
                "{rotated} channels of {name} from channel {offset} on make no pairs, expected an even number"
            )));
        }
        Ok((offset, rotated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(
        attributes: &RotaryAttributes,
        x: &[usize],
        cos: &[usize],
        sin: &[usize],
        words: &str,
    ) {
        let text = RotaryGeometry::new(attributes, x, cos, sin)
            .unwrap_err()
            .to_string();
        assert!(text.contains(words), "{text}");
    }

    #[test]
    fn both_table_forms_are_told_apart() {
        let all = RotaryAttributes::default();
        let g = RotaryGeometry::new(&all, &[2, 3, 8], &[3, 4], &[3, 4]).unwrap();
        assert_eq!((g.form, g.rotated, g.rows.count()), (TableForm::Pair, 8, 6));
        let g = RotaryGeometry::new(&all, &[2, 3, 8], &[3, 8], &[2, 1, 8]).unwrap();
        assert_eq!(g.form, TableForm::Channel);
        let part = RotaryAttributes {
            rotary_dim: 4,
            rotary_offset: 2,
            ..all
        };
        let g = RotaryGeometry::new(&part, &[9], &[2], &[2]).unwrap();
        assert_eq!((g.offset, g.rotated, g.rows.count()), (2, 4, 1));
    }

    #[test]
    fn shapes_that_do_not_fit_are_explained() {
        let all = RotaryAttributes::default();
        let part = RotaryAttributes {
            rotary_dim: 6,
            rotary_offset: 4,
            ..all
        };
        refuse(&all, &[], &[4], &[4], "X is a scalar");
        refuse(&all, &[8], &[], &[4], "scalar");
        refuse(&all, &[7], &[4], &[4], "7 channels");
        refuse(
            &all,
            &[8],
            &[5],
            &[5],
            "expected 4 (one angle per pair) or 8",
        );
        refuse(&all, &[8], &[4], &[8], "last axis of sin [8]");
        refuse(&all, &[2, 8], &[3, 4], &[2, 4], "leading axes [3] of cos");
        refuse(&part, &[8], &[3], &[3], "`rotary_dim` is 6");
        refuse(&part, &[3], &[3], &[3], "`rotary_offset` is 4");
        refuse(&all, &[usize::MAX / 2, 8], &[4], &[4], "more elements");
    }

    #[test]
    fn empty_tensors_have_a_geometry() {
        let all = RotaryAttributes::default();
        assert_eq!(
            RotaryGeometry::new(&all, &[0, 8], &[4], &[0, 4])
                .unwrap()
                .rows
                .count(),
            0
        );
        assert_eq!(
            RotaryGeometry::new(&all, &[3, 0], &[0], &[0])
                .unwrap()
                .rotated,
            0
        );
    }
}
