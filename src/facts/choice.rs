//! Sizes that depend on which of several sizes is larger, or is 1: what clamped slices and broadcast axes leave.

use super::Dim;

/// How the size of an axis follows from several others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The one that is not 1: what axes of these sizes broadcast to. Sizes that do not broadcast have none.
    Broadcast,
}

impl Choice {
    /// The name in expressions.
    pub fn as_str(self) -> &'static str {
        match self {
            Choice::Min => "min",
            Choice::Max => "max",
            Choice::Broadcast => "broadcast",
        }
    }

    /// The size chosen among these; `None` for none, and for sizes that do not broadcast.
    pub fn among(self, sizes: impl IntoIterator<Item = i64>) -> Option<i64> {
        let pick = |a: i64, b: i64| match self {
            Choice::Min => Some(a.min(b)),
            Choice::Max => Some(a.max(b)),
            Choice::Broadcast if a == b || b == 1 => Some(a),
            Choice::Broadcast => (a == 1).then_some(b),
        };
        let mut sizes = sizes.into_iter();
        let first = sizes.next()?;
        sizes.try_fold(first, pick)
    }
}

impl Dim {
    /// Whether an axis of this size may be longer than one of size `other` that it broadcasts with: whether `other` can be 1
    /// where this is not. A graph in which the two have other unequal sizes does not run.
    pub fn may_outgrow(&self, other: &Dim) -> bool {
        if *self == Dim::Known(1) {
            return false;
        }
        let (own, other) = (self.unit_form(), other.unit_form());
        match &other {
            _ if own == other => false,
            Dim::Known(size) => *size == 1,
            Dim::Choice(Choice::Broadcast, parts) => parts.iter().all(|part| own.may_outgrow(part)),
            _ => true,
        }
    }

    /// A size that is 1 exactly where this one is.
    fn unit_form(&self) -> Dim {
        let Dim::Choice(Choice::Min, parts) = self else {
            return self.clone();
        };
        let mut rest = parts
            .iter()
            .filter(|part| part.known().is_none_or(|size| size < 2));
        match (rest.next(), rest.next()) {
            (Some(only), None) => only.clone(),
            _ => self.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(choice: Choice, parts: &[Dim]) -> Dim {
        Dim::choice(choice, parts.iter().cloned())
    }

    #[test]
    fn sizes_broadcast_as_onnx_says() {
        for (sizes, result) in [
            (&[3, 1][..], Some(3)),
            (&[1, 3], Some(3)),
            (&[1, 0], Some(0)),
            (&[2, 3], None),
            (&[], None),
        ] {
            assert_eq!(Choice::Broadcast.among(sizes.iter().copied()), result);
        }
    }

    #[test]
    fn a_size_outgrows_one_that_can_be_one_where_it_is_not() {
        let [a, b] = ["a", "b"].map(Dim::symbol);
        let clamped = choice(Choice::Min, &[a.clone(), Dim::Known(300)]);
        assert!(a.may_outgrow(&b));
        assert!(a.may_outgrow(&Dim::Known(1)));
        assert!(!a.may_outgrow(&a));
        assert!(!a.may_outgrow(&Dim::Known(7)));
        assert!(!Dim::Known(1).may_outgrow(&a));
        assert!(!clamped.may_outgrow(&a));
        assert!(!a.may_outgrow(&clamped));
        assert!(!a.may_outgrow(&choice(Choice::Broadcast, &[a.clone(), b.clone()])));
        assert!(choice(Choice::Broadcast, &[a.clone(), b]).may_outgrow(&a));
    }
}
