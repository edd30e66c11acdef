//! Brings a bias `[B, N, Q, K]` to the axes of `y`: by a `Squeeze`, a `Transpose` and an `Unsqueeze`, of which each is left out where
//! nothing is left for it.

use crate::recognize::{BiasAxis, Site};
use crate::rewrite::draft::{Draft, Op};

/// The axes of a bias.
const AXES: [BiasAxis; 4] = [
    BiasAxis::Batch,
    BiasAxis::Head,
    BiasAxis::Query,
    BiasAxis::Key,
];

/// The steps to the axes of `y`, in order; none where a list is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Steps {
    /// Axes of the bias that are dropped.
    squeeze: Vec<i64>,
    /// For each axis then, which of those before it is.
    transpose: Vec<i64>,
    /// Axes of `y` that are inserted.
    unsqueeze: Vec<i64>,
}

/// Plans the operator of a site, and the steps to the axes of `y`; the last node takes over the name of `y`.
pub(super) fn emit(draft: &mut Draft<'_>, site: &Site, op: Op<'static>, layout: &[BiasAxis]) {
    let Steps {
        squeeze,
        transpose,
        unsqueeze,
    } = steps(layout);
    let mut last = op;
    let then = |draft: &mut Draft<'_>, next: &'static str, last: Op<'static>| {
        let stem = format!("{}_{}", site.y, last.op.to_lowercase());
        Op::new(next, [draft.own(site.node, &stem, last)])
    };
    if !squeeze.is_empty() {
        last = then(draft, "Squeeze", last);
        last.inputs.push(draft.list(&squeeze));
    }
    if !transpose.is_empty() {
        last = then(draft, "Transpose", last).with_list("perm", &transpose);
    }
    if !unsqueeze.is_empty() {
        last = then(draft, "Unsqueeze", last);
        last.inputs.push(draft.list(&unsqueeze));
    }
    draft.replace(site.node, last);
}

/// The steps to a layout. The axes that it lacks have size 1 and may take the places of its unit axes: of all ways to do so, the
/// first that moves no elements if there is one, and then with the fewest nodes.
fn steps(layout: &[BiasAxis]) -> Steps {
    let lacking: Vec<usize> = (0..AXES.len())
        .filter(|&axis| !layout.contains(&AXES[axis]))
        .collect();
    let units: Vec<usize> = (0..layout.len())
        .filter(|&axis| layout[axis] == BiasAxis::Unit)
        .collect();
    let cost = |steps: &Steps| {
        let nodes = [&steps.squeeze, &steps.transpose, &steps.unsqueeze];
        let nodes = nodes.iter().filter(|list| !list.is_empty()).count();
        (!steps.transpose.is_empty(), nodes)
    };
    let ways = subsets(&lacking).flat_map(|kept| {
        let places = subsets(&units);
        let places = places.filter(|places| places.len() == kept.len());
        let ways: Vec<Steps> = places.map(|places| by(layout, &kept, &places)).collect();
        ways
    });
    ways.min_by_key(cost).unwrap_or_default()
}

/// All subsets of some axes, in ascending order. Of many unit axes only the first are of use.
fn subsets(axes: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let axes: Vec<usize> = axes.iter().copied().take(2 * AXES.len()).collect();
    (0..1u32 << axes.len()).map(move |mask| {
        let chosen = axes.iter().enumerate();
        let chosen = chosen.filter(|(bit, _)| mask >> bit & 1 == 1);
        chosen.map(|(_, &axis)| axis).collect()
    })
}

/// The steps by which the `kept` axes of the bias that `layout` lacks become its unit axes at these `places`.
fn by(layout: &[BiasAxis], kept: &[usize], places: &[usize]) -> Steps {
    let stays = |axis: &usize| layout.contains(&AXES[*axis]) || kept.contains(axis);
    let rest: Vec<usize> = (0..AXES.len()).filter(stays).collect();
    let mut wanted: Vec<usize> = Vec::new();
    let mut unsqueeze = Vec::new();
    for (place, axis) in layout.iter().enumerate() {
        let own = AXES.iter().position(|own| own == axis);
        let taken = places.iter().position(|&taken| taken == place);
        match own.or_else(|| taken.map(|at| kept[at])) {
            Some(axis) => wanted.push(axis),
            None => unsqueeze.push(place as i64),
        }
    }
    let squeeze = (0..AXES.len()).filter(|axis| !stays(axis));
    let order = wanted
        .iter()
        .filter_map(|axis| rest.iter().position(|own| own == axis));
    Steps {
        squeeze: squeeze.map(|axis| axis as i64).collect(),
        transpose: match wanted == rest {
            true => Vec::new(),
            false => order.map(|axis| axis as i64).collect(),
        },
        unsqueeze,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BiasAxis::{Batch as B, Head as N, Key as K, Query as Q, Unit as U};

    #[test]
    fn steps_are_as_few_as_possible() {
        for (layout, squeeze, transpose, unsqueeze) in [
            (&[B, N, Q, K][..], &[][..], &[][..], &[][..]),
            (&[U, N, Q, K], &[], &[], &[]),
            (&[B, N, U, K], &[], &[], &[]),
            (&[U, N, U, K], &[], &[], &[]),
            (&[U, U, Q, K], &[], &[], &[]),
            (&[N, Q, K], &[0], &[], &[]),
            (&[N, U, K], &[0], &[], &[]),
            (&[B, N, K], &[2], &[], &[]),
            (&[N, K], &[0, 2], &[], &[]),
            (&[Q, K, N], &[0], &[1, 2, 0], &[]),
            (&[U, Q, K, N], &[], &[0, 2, 3, 1], &[]),
            (&[Q, K, N, U], &[], &[2, 3, 1, 0], &[]),
            (&[B, Q, N, K], &[], &[0, 2, 1, 3], &[]),
            (&[N, Q, K, U], &[0], &[], &[3]),
            (&[U, U, N, Q, K], &[], &[], &[1]),
            (&[U, B, N, Q, K], &[], &[], &[0]),
            (&[B, N, U, Q, K], &[], &[], &[2]),
            (&[], &[0, 1, 2, 3], &[], &[]),
        ] {
            let steps = steps(layout);
            // Which of several unit axes is inserted does not matter.
            let inserted = steps.unsqueeze.len() == unsqueeze.len();
            assert!(inserted, "{layout:?}: {steps:?}");
            assert_eq!(steps.squeeze, squeeze, "{layout:?}");
            assert_eq!(steps.transpose, transpose, "{layout:?}");
        }
    }

    /// Every layout, by what the steps do to a shape.
    #[test]
    fn steps_lead_to_the_layout() {
        let choices = [U, B, N, Q, K];
        let mut tried = 0;
        for rank in 0..=6u32 {
            for number in 0..5usize.pow(rank) {
                let digits = (0..rank).map(|place| number / 5usize.pow(place) % 5);
                let layout: Vec<BiasAxis> = digits.map(|digit| choices[digit]).collect();
                let once = |axis| layout.iter().filter(|own| *own == axis).count() <= 1;
                if !AXES.iter().all(once) {
                    continue;
                }
                let steps = steps(&layout);
                let mut shape: Vec<BiasAxis> = AXES
                    .iter()
                    .map(|axis| if layout.contains(axis) { *axis } else { U })
                    .collect();
                for &axis in steps.squeeze.iter().rev() {
                    assert_eq!(shape.remove(axis as usize), U, "{layout:?}: {steps:?}");
                }
                if !steps.transpose.is_empty() {
                    let order = steps.transpose.iter();
                    shape = order.map(|&axis| shape[axis as usize]).collect();
                }
                for &axis in &steps.unsqueeze {
                    shape.insert(axis as usize, U);
                }
                assert_eq!(shape, layout, "{steps:?}");
                tried += 1;
            }
        }
        assert!(tried > 1000, "{tried}");
    }
}
