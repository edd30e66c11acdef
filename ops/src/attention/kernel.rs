//! One node's kernel: attributes and instruction set fixed, shapes given with each call.

#![allow(unsafe_code)]

use super::cache::Cache;
use super::few::{self, MOST_ROWS};
use super::job::{Attended, Computed, Cut, Elements, Job, Numbers};
use super::many::{self, BLOCK};
use crate::contract::ContractError;
use crate::contract::attention::{AttentionAttributes, AttentionGeometry, INPUTS, Planes};
use crate::contract::spec::names;
use crate::contract::tensor::check_size;
use crate::simd::{Element, Level};
use std::ops::Range;

/// Products that are worth a task of their own: some ten microseconds.
const TASK_PRODUCTS: usize = 1 << 19;

/// Keys and values, in elements, that are worth a task of their own where there are few rows: reading them takes as long.
pub(super) const TASK_ELEMENTS: usize = 1 << 16;

/// Items into which a call with few rows is cut at most: as many as threads could need.
const MOST_ITEMS: usize = 32;

/// Queries from which on the blocks of a head are its own, so that what they may see lies close together.
const OWN_BLOCKS: usize = 32;

/// A kernel of `Attention`.
#[derive(Clone, Copy, Debug)]
pub struct AttentionKernel {
    attributes: AttentionAttributes,
    level: Level,
}

/// A call with checked shapes, cut into items that can be done in any order and at the same time.
pub struct AttentionCall<T: Attended> {
    geometry: AttentionGeometry,
    attributes: AttentionAttributes,
    cut: Cut,
    numbers: Numbers<T::Number>,
    elements: Elements<T>,
}

/// Where the tensors of a call are.
#[derive(Clone, Copy)]
pub struct AttentionTensors<T: Attended> {
    /// `Q`.
    pub q: *const T,
    /// `K`.
    pub k: *const T,
    /// `V`.
    pub v: *const T,
    /// What `K` and `V` are made of while they are read; `None` where they are there.
    pub caches: Option<[Cache<T>; 2]>,
    /// `bias`.
    pub bias: *const T,
    /// `mask`, a byte an element: 0 is false.
    pub mask: *const u8,
    /// `Y`.
    pub y: *mut T,
}

impl AttentionKernel {
    /// A kernel for the widest instruction set of this processor.
    pub fn new(attributes: AttentionAttributes) -> Self {
        Self {
            attributes,
            level: Level::detect(),
        }
    }

    /// A kernel for one instruction set; `None` if this processor does not have it.
    pub fn with_level(attributes: AttentionAttributes, level: Level) -> Option<Self> {
        level.is_available().then_some(Self { attributes, level })
    }

    /// Checks the shapes of a call, those of the inputs in their order.
    ///
    /// # Errors
    /// Those of [`AttentionGeometry::new`].
    pub fn call<T: Attended>(
        &self,
        inputs: [&[usize]; 5],
    ) -> Result<AttentionCall<T>, ContractError> {
        AttentionGeometry::new(inputs).map(|geometry| self.call_of(geometry))
    }

    /// The call of these sizes.
    pub(super) fn call_of<T: Attended>(&self, geometry: AttentionGeometry) -> AttentionCall<T> {
        AttentionCall {
            geometry,
            attributes: self.attributes.of_type(T::TYPE),
            cut: cut(&geometry),
            numbers: T::Number::numbers(self.level),
            elements: T::elements(self.level),
        }
    }

    /// `Y`, on this thread. Slices are dense, in row-major order; each input has a shape.
    ///
    /// # Errors
    /// As [`AttentionKernel::call`], and [`ContractError::Shape`] for slices that do not fit their shapes.
    pub fn run<T: Attended>(
        &self,
        [q, k, v, bias]: [(&[T], &[usize]); 4],
        mask: (&[bool], &[usize]),
        y: &mut [T],
    ) -> Result<(), ContractError> {
        let call = self.call::<T>([q.1, k.1, v.1, bias.1, mask.1])?;
        for (name, tensor) in names(&INPUTS).into_iter().zip([q, k, v, bias]) {
            check_size(name, tensor)?;
        }
        check_size(names(&INPUTS)[4], mask)?;
        check_size("Y", (y, &call.output_shape()))?;
        let tensors = AttentionTensors {
            q: q.0.as_ptr(),
            k: k.0.as_ptr(),
            v: v.0.as_ptr(),
            caches: None,
            bias: bias.0.as_ptr(),
            mask: mask.0.as_ptr().cast(),
            y: y.as_mut_ptr(),
        };
        // SAFETY: slices have the sizes of the shapes; `y` is borrowed alone.
        unsafe {
            call.attend(tensors, |tensors, partials| {
                call.items(tensors, partials, 0..call.item_count());
                Ok(())
            })
        }
    }
}

fn cut(geometry: &AttentionGeometry) -> Cut {
    let AttentionGeometry {
        batch,
        key_heads,
        queries,
        keys,
        channels,
        values,
        ..
    } = *geometry;
    let shared = geometry.shared();
    if shared <= MOST_ROWS {
        // Enough parts for many threads, each with something to do.
        let elements = keys.saturating_mul(channels.saturating_add(values));
        let most = MOST_ITEMS / (batch.saturating_mul(key_heads)).max(1);
        let parts = (elements / TASK_ELEMENTS).clamp(1, most.max(1));
        return Cut::Few { parts };
    }
    let span = if queries >= OWN_BLOCKS {
        queries
    } else {
        shared
    };
    Cut::Many {
        span,
        blocks: span.div_ceil(BLOCK),
    }
}

impl<T: Attended> AttentionCall<T> {
    /// Writes `y`. `each` does all items of the tensors that it is given, with the room that they share.
    ///
    /// # Errors
    /// Those of `each`.
    ///
    /// # Safety
    /// As [`AttentionCall::items`], for all of `y`.
    pub unsafe fn attend<E>(
        &self,
        tensors: AttentionTensors<T>,
        each: impl FnOnce(AttentionTensors<T>, *mut T::Number) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut partials = vec![T::Number::ZERO; self.partial_size()];
        let partials = partials.as_mut_ptr();
        // SAFETY: this function's `# Safety` section is that of the functions called; the room lasts as long as they do.
        unsafe {
            let repeated = self.repeated_keys(tensors.k);
            let k = repeated.as_ref().map_or(tensors.k, |keys| keys.as_ptr());
            let tensors = AttentionTensors { k, ..tensors };
            each(tensors, partials)?;
            self.rest(tensors, partials);
        }
        Ok(())
    }

    /// The one key of each head as often as it counts; `None` where `K` has as many keys as there are. Kernels read it in place of `K`.
    ///
    /// # Safety
    /// `k` is good for reading what the shape of `K` says.
    unsafe fn repeated_keys(&self, k: *const T) -> Option<Vec<T>> {
        let AttentionGeometry {
            batch,
            key_heads,
            keys,
            channels,
            one_key,
            ..
        } = self.geometry;
        if !one_key {
            return None;
        }
        let mut repeated = Vec::with_capacity(batch * key_heads * keys * channels);
        for head in 0..batch * key_heads {
            // SAFETY: one key of each head, for which the pointer is good.
            let key = unsafe { std::slice::from_raw_parts(k.add(head * channels), channels) };
            (0..keys).for_each(|_| repeated.extend_from_slice(key));
        }
        Some(repeated)
    }

    /// Shape of `Y`.
    pub fn output_shape(&self) -> [usize; 4] {
        self.geometry.output_shape()
    }

    /// Number of items.
    pub fn item_count(&self) -> usize {
        let AttentionGeometry {
            batch, key_heads, ..
        } = self.geometry;
        if self.output_shape().contains(&0) {
            return 0;
        }
        batch
            * key_heads
            * match self.cut {
                Cut::Few { parts } => parts,
                Cut::Many { span, blocks } => self.geometry.shared() / span * blocks,
            }
    }

    /// Whether the items read each key of a head once, one after another.
    pub(super) fn reads_once(&self) -> bool {
        matches!(self.cut, Cut::Few { .. }) && !self.geometry.one_key && self.item_count() > 0
    }

    /// A good number of items for one task.
    pub fn task_items(&self) -> usize {
        let AttentionGeometry {
            keys,
            channels,
            values,
            ..
        } = self.geometry;
        let elements = keys.saturating_mul(channels.saturating_add(values)).max(1);
        let items = match self.cut {
            Cut::Few { parts } => TASK_ELEMENTS / (elements / parts).max(1),
            Cut::Many { span, .. } => TASK_PRODUCTS / elements.saturating_mul(span.min(BLOCK)),
        };
        items.max(1)
    }

    /// Numbers that the items leave for the end.
    fn partial_size(&self) -> usize {
        match self.cut {
            Cut::Few { parts: parts @ 2.. } if self.item_count() > 0 => {
                let heads = self.geometry.batch * self.geometry.key_heads;
                few::partial_size(heads, parts, self.geometry.shared(), self.geometry.values)
            }
            _ => 0,
        }
    }

    /// The items `range`, of which there are [`AttentionCall::item_count`].
    ///
    /// # Safety
    /// The tensors are dense, of the shapes given to [`AttentionKernel::call`] and of [`AttentionCall::output_shape`]; `partials` is the room
    /// that [`AttentionCall::attend`] gives. `y` and this overlap nothing, and nobody else touches these items of them meanwhile.
    pub unsafe fn items(
        &self,
        tensors: AttentionTensors<T>,
        partials: *mut T::Number,
        range: Range<usize>,
    ) {
        if range.is_empty() {
            return;
        }
        // SAFETY: the level was available when the kernel was made. This function's `# Safety` section vouches for the tensors.
        unsafe {
            let job = self.job(tensors, partials);
            match self.cut {
                Cut::Few { parts } => few::items(&job, parts, range),
                Cut::Many { span, blocks } => many::items(&job, (span, blocks), range),
            }
        }
    }

    /// What is left when all items are done.
    ///
    /// # Safety
    /// As [`AttentionCall::items`], for all of `y` and `partials`.
    unsafe fn rest(&self, tensors: AttentionTensors<T>, partials: *mut T::Number) {
        if let Cut::Few { parts: parts @ 2.. } = self.cut
            && self.item_count() > 0
        {
            // SAFETY: as for `items`.
            unsafe { few::rest(&self.job(tensors, partials), parts) }
        }
    }

    /// # Safety
    /// As [`AttentionCall::items`]; there is an item.
    unsafe fn job(&self, tensors: AttentionTensors<T>, partials: *mut T::Number) -> Job<'_, T> {
        // Without keys there are no scores to add to.
        let single = |planes: Planes| planes.steps == [0; 4] && self.geometry.keys != 0;
        // SAFETY: where there are scores, a tensor that broadcasts to them has an element.
        let (unbiased, visible) = unsafe {
            (
                single(self.geometry.bias) && (*tensors.bias).to_f64() == 0.0,
                single(self.geometry.mask) && *tensors.mask != 0,
            )
        };
        Job {
            geometry: &self.geometry,
            attributes: &self.attributes,
            numbers: self.numbers,
            elements: self.elements,
            q: tensors.q,
            k: tensors.k,
            v: tensors.v,
            caches: tensors.caches,
            bias: (!unbiased).then_some(tensors.bias),
            mask: (!visible).then_some(tensors.mask),
            y: tensors.y,
            partials,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deterministic tensor of numbers of about 1.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        let number = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0;
        (0..count).map(number).collect()
    }

    #[test]
    fn items_may_be_cut_anywhere() {
        for (q, k, attributes) in [
            // Parts of few rows, blocks of heads of their own, and blocks of several heads.
            (
                [1, 4, 1, 16],
                [1, 2, 9000, 16],
                AttentionAttributes::default(),
            ),
            (
                [1, 4, 150, 16],
                [1, 2, 70, 16],
                AttentionAttributes::default(),
            ),
            (
                [2, 6, 30, 16],
                [2, 2, 70, 16],
                AttentionAttributes::default(),
            ),
            (
                [1, 4, 1, 16],
                [1, 2, 9000, 16],
                AttentionAttributes {
                    window_left: Some(5000),
                    ..Default::default()
                },
            ),
        ] {
            let size = |shape: [usize; 4]| shape.iter().product();
            let (qs, ks) = (numbers(size(q), 1), numbers(size(k), 2));
            let keys = k[2];
            let mask: Vec<bool> = (0..keys)
                .map(|j| {
                    attributes
                        .window_left
                        .is_none_or(|left| j + left + 1 >= keys)
                })
                .collect();
            let kernel = AttentionKernel::new(attributes);
            let shapes = [&q[..], &k, &k, &[1], &[keys]];
            let call = kernel.call::<f32>(shapes).unwrap();
            let mut whole = vec![0.0; size(q)];
            let inputs = [(&qs[..], &q[..]), (&ks, &k), (&ks, &k), (&[0.0], &[1])];
            kernel.run(inputs, (&mask, &[keys]), &mut whole).unwrap();
            assert!(call.item_count() > 1 && call.task_items() > 0);
            for step in 1..=call.item_count() {
                let mut parts = vec![0.0; size(q)];
                let mut partials = vec![0.0; call.partial_size()];
                let tensors = AttentionTensors {
                    q: qs.as_ptr(),
                    k: ks.as_ptr(),
                    v: ks.as_ptr(),
                    caches: None,
                    bias: [0.0].as_ptr(),
                    mask: mask.as_ptr().cast(),
                    y: parts.as_mut_ptr(),
                };
                let partials = partials.as_mut_ptr();
                for start in (0..call.item_count()).step_by(step) {
                    let end = (start + step).min(call.item_count());
                    // SAFETY: the tensors have their shapes.
                    unsafe { call.items(tensors, partials, start..end) };
                }
                // SAFETY: as above.
                unsafe { call.rest(tensors, partials) };
                assert!(parts == whole, "{q:?} {k:?} {step}");
            }
        }
    }
}
