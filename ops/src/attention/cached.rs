//! Calls that put keys and values behind those of a cache, then attend to all.

#![allow(unsafe_code)]

use super::cache::Cache;
use super::job::Attended;
use super::kernel::{AttentionCall, AttentionKernel, AttentionTensors, TASK_ELEMENTS};
use super::streamed;
use crate::contract::ContractError;
use crate::contract::cached_attention::{CachedGeometry, INPUTS, OUTPUTS};
use crate::contract::spec::names;
use crate::contract::tensor::check_size;
use std::ops::Range;

/// A call with checked shapes. Its copies come first, if [`CachedAttentionCall::copy_count`] is not 0, and then the items of
/// [`CachedAttentionCall::attention`].
pub struct CachedAttentionCall<T: Attended> {
    geometry: CachedGeometry,
    attention: AttentionCall<T>,
}

/// Where the tensors of a call are that [`super::AttentionTensors`] does not have.
#[derive(Clone, Copy)]
pub struct CachedTensors<T> {
    /// `K` and `V`.
    pub new: [*const T; 2],
    /// `past_K` and `past_V`.
    pub past: [*const T; 2],
    /// `present_K` and `present_V`.
    pub present: [*mut T; 2],
}

impl AttentionKernel {
    /// Checks the shapes of a call of `CachedAttention`, those of the inputs in their order.
    ///
    /// # Errors
    /// Those of [`CachedGeometry::new`].
    pub fn cached_call<T: Attended>(
        &self,
        inputs: [&[usize]; 7],
    ) -> Result<CachedAttentionCall<T>, ContractError> {
        let geometry = CachedGeometry::new(inputs)?;
        Ok(CachedAttentionCall {
            geometry,
            attention: self.call_of(geometry.attention),
        })
    }

    /// `Y`, `present_K` and `present_V`, on this thread. Slices are dense, in row-major order; each input has a shape.
    ///
    /// # Errors
    /// As [`AttentionKernel::cached_call`], and [`ContractError::Shape`] for slices that do not fit their shapes.
    pub fn run_cached<T: Attended>(
        &self,
        [q, k, v, bias, past_k, past_v]: [(&[T], &[usize]); 6],
        mask: (&[bool], &[usize]),
        [y, present_k, present_v]: [&mut [T]; 3],
    ) -> Result<(), ContractError> {
        let call = self.cached_call::<T>([q.1, k.1, v.1, bias.1, mask.1, past_k.1, past_v.1])?;
        let input_names = names(&INPUTS);
        for (name, tensor) in [0, 1, 2, 3, 5, 6]
            .map(|i| input_names[i])
            .into_iter()
            .zip([q, k, v, bias, past_k, past_v])
        {
            check_size(name, tensor)?;
        }
        check_size(input_names[4], mask)?;
        for ((name, shape), values) in names(&OUTPUTS).into_iter().zip(call.output_shapes()).zip([
            &*y,
            &*present_k,
            &*present_v,
        ]) {
            check_size(name, (values, &shape))?;
        }
        let cached = CachedTensors {
            new: [k.0.as_ptr(), v.0.as_ptr()],
            past: [past_k.0.as_ptr(), past_v.0.as_ptr()],
            present: [present_k.as_mut_ptr(), present_v.as_mut_ptr()],
        };
        let tensors = AttentionTensors {
            q: q.0.as_ptr(),
            k: cached.present[0].cast_const(),
            v: cached.present[1].cast_const(),
            caches: call.caches(&cached),
            bias: bias.0.as_ptr(),
            mask: mask.0.as_ptr().cast(),
            y: y.as_mut_ptr(),
        };
        let attention = &call.attention;
        // SAFETY: slices have the sizes of the shapes; outputs are borrowed alone.
        unsafe {
            call.copies(&cached, 0..call.copy_count());
            attention.attend(tensors, |tensors, partials| {
                attention.items(tensors, partials, 0..attention.item_count());
                Ok(())
            })
        }
    }
}

impl<T: Attended> CachedAttentionCall<T> {
    /// The attention to all keys.
    pub fn attention(&self) -> &AttentionCall<T> {
        &self.attention
    }

    /// Shapes of `Y`, `present_K` and `present_V`.
    pub fn output_shapes(&self) -> [[usize; 4]; 3] {
        let CachedGeometry { keys, values, .. } = self.geometry;
        [self.attention.output_shape(), keys.shape(), values.shape()]
    }

    /// Number of copies that come first: of each head its keys, and its values. None where the attention reads each key once, and
    /// copies it then.
    pub fn copy_count(&self) -> usize {
        if self.attention.reads_once() {
            return 0;
        }
        let CachedGeometry { keys, values, .. } = self.geometry;
        keys.batch * keys.heads + values.batch * values.heads
    }

    /// A good number of copies for one task.
    pub fn task_copies(&self) -> usize {
        let CachedGeometry { keys, values, .. } = self.geometry;
        let elements = keys.all() * keys.width.max(values.width);
        (TASK_ELEMENTS / elements.max(1)).max(1)
    }

    /// What the attention copies while it reads; `None` where all is copied before.
    pub fn caches(&self, tensors: &CachedTensors<T>) -> Option<[Cache<T>; 2]> {
        self.attention.reads_once().then(|| self.both(tensors))
    }

    /// The copies `range`, of which there are [`CachedAttentionCall::copy_count`].
    ///
    /// # Safety
    /// The tensors are dense, of the shapes given to [`AttentionKernel::cached_call`] and of
    /// [`CachedAttentionCall::output_shapes`]; those of the present overlap nothing, and nobody else touches what is copied meanwhile.
    pub unsafe fn copies(&self, tensors: &CachedTensors<T>, range: Range<usize>) {
        let CachedGeometry { keys, values, .. } = self.geometry;
        let [of_keys, of_values] = self.both(tensors);
        let heads = keys.batch * keys.heads;
        for copy in range {
            let (cache, head, all) = match copy.checked_sub(heads) {
                None => (&of_keys, copy, keys.all()),
                Some(head) => (&of_values, head, values.all()),
            };
            // SAFETY: this function's `# Safety` section is that of the function called.
            unsafe { cache.copy(head, 0..all, false) };
        }
        streamed::finish();
    }

    fn both(&self, tensors: &CachedTensors<T>) -> [Cache<T>; 2] {
        let CachedTensors { new, past, present } = *tensors;
        let CachedGeometry { keys, values, .. } = self.geometry;
        [(keys, 0), (values, 1)].map(|(joined, i)| Cache::new(joined, past[i], new[i], present[i]))
    }
}
