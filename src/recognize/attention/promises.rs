//! What masks are proven to hide: every key behind the query, or every key that is farther from it than a window.
//!
//! Kernels may leave such keys out. Nothing is matched for that: the elements of biases and mask are asked for at a key some places
//! away from the query, and must be numbers that hide it, whatever the elements that they are computed from.

use phasor_ops::contract::attention::HIDDEN;
use smallvec::SmallVec;

use crate::onnx::ValueId;
use crate::symbolic::element::evaluate::parts;
use crate::symbolic::element::interval::{Interval, interval};
use crate::symbolic::poly::{Atom, PolyId};

use super::change::Change;
use super::mask::Mask;
use super::walk::{Frame, Reader};

/// Number of the coordinate of places beyond a query, which no axis of a tensor has.
const BEYOND: u32 = u32::MAX - 2;
/// Most sizes of windows that are tried on either side.
const MAX_WINDOWS: usize = 16;
/// A number next to which a score loses digits.
const LARGE: f64 = 1e6;
/// The largest window that is looked for.
const LARGEST: i64 = 1 << 24;

/// What is proven; query and key are both counted from the last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Promises {
    /// Every key behind the query is hidden.
    pub causal: bool,
    /// Every key farther than this before the query is hidden.
    pub left: Option<usize>,
    /// Every key farther than this behind it.
    pub right: Option<usize>,
}

/// Keys on one side of a query.
#[derive(Clone, Copy)]
enum Side {
    Before,
    Behind,
}

impl Reader<'_, '_> {
    /// What biases and mask hide.
    pub(super) fn promises(&mut self, frame: &Frame, change: &Change) -> Promises {
        if change.biases.is_empty() && change.mask.is_none() {
            return Promises::default();
        }
        let causal = self.hides(frame, change, (Side::Behind, 0));
        let windows = self.windows(frame, change);
        let mut smallest = |side| {
            let hides = |&&window: &&i64| self.hides(frame, change, (side, window));
            let window = windows.iter().find(hides)?;
            usize::try_from(*window).ok()
        };
        Promises {
            causal,
            left: smallest(Side::Before),
            right: if causal { None } else { smallest(Side::Behind) },
        }
    }

    /// Sizes that a window may have, in ascending order: the integers that the masks are computed with, and those beside them.
    fn windows(&mut self, frame: &Frame, change: &Change) -> Vec<i64> {
        let masks = change.mask.iter().map(|(mask, ..)| mask);
        let masks: Vec<&Mask> = change.biases.iter().chain(masks).collect();
        let mut found = Vec::new();
        for mask in masks {
            let Some(element) = self.element_at(mask, frame, &frame.at) else {
                continue;
            };
            for part in parts(&self.it.arena, element).unwrap_or_default() {
                let constant = self.it.arena.constant_term(part).abs();
                if constant >= 1.0 && constant <= LARGEST as f64 && constant.fract() == 0.0 {
                    found.extend([-1, 0, 1].map(|beside| constant as i64 + beside));
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(MAX_WINDOWS);
        found
    }

    /// Whether every key on one side of a query is hidden by a number of at most [`HIDDEN`], but for so many.
    fn hides(&mut self, frame: &Frame, change: &Change, (side, window): (Side, i64)) -> bool {
        let Some(key) = self.beyond(frame, (side, window)) else {
            return false;
        };
        let [b, n, i, _] = frame.at;
        let at = [b, n, i, key];
        let masked = change.mask.as_ref().map(|(mask, hides, fill)| {
            let element = self.element_at(mask, frame, &at);
            let truth = element.and_then(|element| self.constant(element));
            (truth.map(|truth| (truth != 0.0) != *hides), *fill)
        });
        let highest = change.biases.iter().try_fold(0.0, |sum, bias| {
            let highest = self.highest(bias, frame, &at)?;
            Some(sum + highest)
        });
        let is_added = !change.biases.is_empty() && highest.is_some_and(|sum| sum <= HIDDEN);
        match masked {
            Some((Some(false), fill)) => fill <= HIDDEN,
            Some((Some(true), _)) | None => is_added,
            // Either way it is hidden.
            Some((None, fill)) => fill <= HIDDEN && is_added,
        }
    }

    /// The place of any key on one side of a query, beyond a window.
    fn beyond(&mut self, frame: &Frame, (side, window): (Side, i64)) -> Option<PolyId> {
        let [_, _, i, _] = frame.at;
        let [_, _, queries, keys] = frame.sizes;
        let arena = &mut self.it.arena;
        let past = arena.sub(keys, queries).ok()?;
        let place = arena.add(past, i).ok()?;
        let next = arena.integer(window + 1);
        let (size, sign) = match side {
            Side::Before => (keys, -1.0),
            Side::Behind => (queries, 1.0),
        };
        let farther = arena.coordinate(BEYOND, size);
        let distance = arena.add(farther, next).ok()?;
        let sign = arena.constant(sign);
        let distance = arena.mul(distance, sign).ok()?;
        arena.add(place, distance).ok()
    }

    /// One of several biases that may take back what another adds, and how large it may be: added to each other first, they leave a
    /// score of which nothing is left in the graph. What a bias of floats that are not computed can be is not known.
    pub(super) fn cancelling(&mut self, frame: &Frame, change: &Change) -> Option<(ValueId, f64)> {
        if change.biases.len() < 2 {
            return None;
        }
        change.biases.iter().find_map(|bias| {
            let highest = self.highest(bias, frame, &frame.at)?;
            (highest.is_finite() && highest > LARGE).then_some((bias.value, highest))
        })
    }

    /// The largest number that a bias can be for a batch, head, query and key.
    fn highest(&mut self, bias: &Mask, frame: &Frame, at: &[PolyId; 4]) -> Option<f64> {
        let element = self.element_at(bias, frame, at)?;
        if let Some(number) = self.constant(element) {
            return Some(number * bias.factor);
        }
        // Of floats that the graph does not compute, nothing is known, not even whether they are numbers.
        let accesses = self.accesses(element)?;
        let of = |atom: &Atom| match atom {
            Atom::Access { value, dtype, .. } => {
                match accesses.iter().find(|&&(id, _)| id == *value) {
                    Some(&(_, number)) => Some(Interval::new(number, number)),
                    None => (!dtype.is_float())
                        .then_some(Interval::new(f64::NEG_INFINITY, f64::INFINITY)),
                }
            }
            _ => Some(Interval::new(f64::NEG_INFINITY, f64::INFINITY)),
        };
        let found = interval(&self.it.arena, element, &of).filter(|found| !found.undefined)?;
        Some(match bias.factor > 0.0 {
            true => found.high * bias.factor,
            false => found.low * bias.factor,
        })
    }

    /// The constants of one element that an element is computed from, with their numbers, which may be infinite.
    fn accesses(&mut self, element: PolyId) -> Option<SmallVec<[(u32, f64); 4]>> {
        let mut values: SmallVec<[u32; 4]> = SmallVec::new();
        for part in parts(&self.it.arena, element)? {
            for term in self.it.arena.terms(part).iter() {
                for factor in self.it.arena.factors(term.mono) {
                    if let Atom::Access { value, .. } = self.it.arena.atom_of(factor) {
                        values.push(*value);
                    }
                }
            }
        }
        let numbers = values.into_iter().filter_map(|value| {
            let tensor = self.it.tensor(ValueId(value))?;
            (tensor.len() == 1).then(|| (value, tensor.element(0)))
        });
        Some(numbers.collect())
    }

    /// The element of a mask for a batch, head, query and key.
    fn element_at(&mut self, mask: &Mask, frame: &Frame, at: &[PolyId; 4]) -> Option<PolyId> {
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
        Some(self.elements.element(self.it, mask.value, &indices))
    }
}
