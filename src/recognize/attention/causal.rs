//! Whether a mask hides every key behind the query.
//!
//! Kernels may leave such keys out. Nothing is matched for that: the elements of bias and mask are asked for at a key some places
//! behind the query, and must be numbers that hide it.

use phasor_ops::contract::attention::HIDDEN;

use crate::symbolic::poly::PolyId;

use super::mask::Mask;
use super::scores::Change;
use super::walk::{Frame, Reader};

/// Number of the coordinate of places behind a query, which no axis of a tensor has.
const BEHIND: u32 = u32::MAX - 2;

impl Reader<'_, '_> {
    /// Whether every key behind the query is hidden by a number of at most [`HIDDEN`]; query and key are both counted from the last.
    pub(super) fn is_causal(&mut self, frame: &Frame, change: &Change) -> bool {
        let [b, n, i, _] = frame.at;
        let [_, _, queries, keys] = frame.sizes;
        let arena = &mut self.it.arena;
        let behind = arena.coordinate(BEHIND, queries);
        let key = arena
            .sub(keys, queries)
            .and_then(|past| arena.add(past, i))
            .and_then(|place| arena.add(place, behind))
            .and_then(|place| arena.add(place, PolyId::ONE));
        let Ok(key) = key else {
            return false;
        };
        let at = [b, n, i, key];
        let masked = change.mask.as_ref().map(|(mask, hides, fill)| {
            let shown = self
                .number_at(mask, frame, &at)
                .map(|truth| (truth != 0.0) != *hides);
            (shown, *fill)
        });
        let added = match &change.biases[..] {
            [bias] => {
                let number = self.number_at(bias, frame, &at);
                number.map(|number| if bias.negated { -number } else { number })
            }
            _ => None,
        };
        let is_added = added.is_some_and(|number| number <= HIDDEN);
        match masked {
            Some((Some(false), fill)) => fill <= HIDDEN,
            Some((Some(true), _)) | None => is_added,
            // Either way it is hidden.
            Some((None, fill)) => fill <= HIDDEN && is_added,
        }
    }

    /// The number that a mask is for a batch, head, query and key, if it is the same for all.
    fn number_at(&mut self, mask: &Mask, frame: &Frame, at: &[PolyId; 4]) -> Option<f64> {
        // An axis of a size of its own may have one element, which counts for all queries or keys.
        let own = self.known(mask.value)?;
        let sizes = self.indices_in(mask, &frame.sizes)?;
        let mut axes = own.shape.iter().zip(&sizes);
        let [_, _, queries, keys] = frame.sizes;
        let fits = |(own, size): (&PolyId, &PolyId)| {
            own == size || *size == PolyId::ZERO || (*size != queries && *size != keys)
        };
        if !axes.all(fits) {
            return None;
        }
        let indices = self.indices_in(mask, at)?;
        let element = self.elements.element(self.it, mask.value, &indices);
        self.constant(element)
    }
}
