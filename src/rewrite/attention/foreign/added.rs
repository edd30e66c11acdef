//! What is added to the scores: bias and mask as one tensor.

use phasor_ops::contract::attention::HIDDEN;

use crate::facts::Dim;
use crate::onnx::DataType;
use crate::recognize::{Attention, Site};
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::rotary::foreign::sizes::Measured;
use crate::rewrite::rotary::foreign::view::Entry;
use crate::rewrite::subject::{Accepted, Subject};

use super::scalar;

/// A number from which on a key that is not the only one gets no weight, as long as scores are smaller: that of the masks which add least.
const LARGE: f64 = -1e4;

/// Whether rows that see no key may differ.
pub(super) fn accepts(subject: &Subject<'_>) -> bool {
    subject.writing.accept.contains(&Accepted::HiddenRows)
}

/// What helps where such rows alone stand in the way.
pub(super) fn word(helps: bool) -> &'static str {
    match helps {
        true => " (`--accept hidden-rows`)",
        false => "",
    }
}

/// A tensor that is added to the scores.
pub(super) struct Added {
    value: String,
    /// Its symbolic shape; `None` where it is not known.
    shape: Option<Vec<Dim>>,
}

/// Whether what a site adds can be one tensor.
///
/// A score, finite, and a sum with a number from -1e30 down are that number, so a mask that puts such a number in the place of a score may
/// as well add it. Larger ones make a difference in rows that see no key.
///
/// Rows that see no key may differ if that is accepted.
///
/// # Errors
/// Why not.
pub(super) fn check(
    subject: &Subject<'_>,
    site: &Site,
    attention: &Attention,
) -> Result<(), String> {
    let Some(mask) = &attention.mask else {
        return Ok(());
    };
    let least = match site.dtype {
        _ if accepts(subject) => LARGE,
        DataType::F32 => HIDDEN,
        // A sum in a half type is not that number: the type's least is smaller than many scores are in comparison.
        _ => f64::NEG_INFINITY,
    };
    match f64::from(mask.fill) <= least {
        true => Ok(()),
        false => Err(format!(
            "it adds its mask to the scores, and here {:e} is put in their place, which is another result in rows without a visible key{}",
            mask.fill,
            word(f64::from(mask.fill) <= LARGE)
        )),
    }
}

/// What a site adds; `None` for nothing. `lowest`: whether the least finite number may stay what it is.
pub(super) fn of(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    site: &Site,
    attention: &Attention,
    lowest: bool,
) -> Option<Added> {
    let at = site.node;
    let shape = |value: &String| subject.shapes.get(value).cloned();
    let bias = attention.bias.as_ref().map(|bias| Added {
        shape: shape(bias),
        value: match lowest {
            true => bias.clone(),
            false => above_lowest(draft, at, bias),
        },
    });
    let Some(mask) = &attention.mask else {
        return bias;
    };
    let fill = match lowest {
        true => mask.fill,
        false if mask.fill == f32::MIN => f32::MIN.next_up(),
        false => mask.fill,
    };
    let fill = scalar(draft, site.dtype, f64::from(fill));
    let own = shape(&mask.value);
    let (kept, shape) = match bias {
        Some(bias) => (bias.value, bias.shape.zip(own).map(broadcast)),
        None => (scalar(draft, site.dtype, 0.0), own),
    };
    let stem = format!("{}_added", mask.value);
    let op = Op::new("Where", [mask.value.clone(), kept, fill]);
    Some(Added {
        value: draft.shared(at, &stem, op),
        shape,
    })
}

/// A bias with the number above the least finite one in the place of that: a sum with a score is the number either way, but where the least
/// one hides all keys of a row, ONNX Runtime 1.31 and 1.32 give 0 in the place of their mean.
fn above_lowest(draft: &mut Draft<'_>, at: usize, bias: &str) -> String {
    let [lowest, above] = [f32::MIN, f32::MIN.next_up()]
        .map(|number| scalar(draft, DataType::F32, f64::from(number)));
    let stem = format!("{bias}_lowest");
    let is_lowest = Op::new("Equal", [bias.to_owned(), lowest]);
    let is_lowest = draft.shared(at, &stem, is_lowest);
    let op = Op::new("Where", [is_lowest, above, bias.to_owned()]);
    draft.shared(at, &format!("{bias}_added"), op)
}

impl Added {
    /// The tensor with all of the last `axes` axes of the scores, none of which is broadcast.
    pub(super) fn spread(
        self,
        draft: &mut Draft<'_>,
        at: usize,
        scores: &Scores<'_>,
        axes: usize,
    ) -> String {
        let wanted = scores.sizes();
        let own = self.shape.as_deref().unwrap_or_default();
        let wanted = &wanted[4 - axes..];
        let has = own.len().checked_sub(axes).map(|skip| &own[skip..]);
        if has == Some(wanted) && wanted.iter().all(|size| !size.is_unknown()) {
            return self.value;
        }
        let sizes = scores.list(draft, at, axes);
        let stem = format!("{}_spread", self.value);
        draft.shared(at, &stem, Op::new("Expand", [self.value, sizes]))
    }
}

/// The scores of a site, of which queries and keys tell the sizes.
pub(super) struct Scores<'a> {
    /// Queries, `[B, N, S, D]`.
    pub q: Measured<'a>,
    /// Keys, `[B, H, T, D]`.
    pub k: Measured<'a>,
}

impl<'a> Scores<'a> {
    /// # Errors
    /// If shapes are not known.
    pub(super) fn of(subject: &'a Subject<'_>, attention: &'a Attention) -> Result<Self, String> {
        let measured = |value: &'a String| {
            let shape = subject.shapes.get(value).filter(|shape| shape.len() == 4);
            let shape = shape.ok_or_else(|| format!("the shape of `{value}` is not known"))?;
            Ok::<_, String>(Measured { value, shape })
        };
        Ok(Self {
            q: measured(&attention.q)?,
            k: measured(&attention.k)?,
        })
    }

    fn sizes(&self) -> [Dim; 4] {
        let [b, n, s, t] = [
            &self.q.shape[0],
            &self.q.shape[1],
            &self.q.shape[2],
            &self.k.shape[2],
        ];
        [b.clone(), n.clone(), s.clone(), t.clone()]
    }

    /// The last `axes` sizes as a list.
    fn list(&self, draft: &mut Draft<'_>, at: usize, axes: usize) -> String {
        if let Some(known) = self.sizes()[4 - axes..].iter().map(Dim::known).collect() {
            let known: Vec<i64> = known;
            return draft.list(&known);
        }
        let entries = (4 - axes..3).map(|axis| Entry::Sizes(axis..axis + 1));
        let of_q = self.q.list(draft, at, &entries.collect::<Vec<_>>());
        let of_k = self.k.list(draft, at, &[Entry::Sizes(2..3)]);
        let op = Op::new("Concat", [of_q, of_k]).with("axis", 0);
        draft.shared(at, "phasor_scores_sizes", op)
    }
}

/// The shape of what two tensors are broadcast to.
fn broadcast((left, right): (Vec<Dim>, Vec<Dim>)) -> Vec<Dim> {
    let rank = left.len().max(right.len());
    let size = |shape: &[Dim], axis: usize| {
        let skip = rank - shape.len();
        axis.checked_sub(skip)
            .map_or(Dim::Known(1), |axis| shape[axis].clone())
    };
    let joined = (0..rank).map(|axis| match (size(&left, axis), size(&right, axis)) {
        (Dim::Known(1), other) | (other, Dim::Known(1)) => other,
        (one, other) if one == other => one,
        _ => Dim::Unknown,
    });
    joined.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_one_take_the_others() {
        let [one, two] = [1, 2].map(Dim::Known);
        let s = Dim::symbol("s");
        let left = vec![two.clone(), one.clone(), s.clone(), one.clone()];
        let right = vec![s.clone(), s.clone(), two.clone()];
        let expected = vec![two.clone(), s.clone(), s.clone(), two];
        assert_eq!(broadcast((left.clone(), right)), expected);
        let other = vec![Dim::symbol("t"), one];
        assert_eq!(broadcast((left, other))[2], Dim::Unknown);
    }
}
