//! The functions of distance: what the elements of a bias are.
//!
//! A value is computed in two steps. The *mark* of a distance is what all heads share: the place in the table, or the distance as a
//! number. Each head then has a value of its own for a mark.

#![allow(unsafe_code)]

use crate::contract::relative::{Integer, slot};
use crate::simd::{Element, Memory, Turn};
use std::ops::Range;

/// A function of distance and head, with values of type `T`.
pub(super) trait Source<T> {
    /// The mark of a distance.
    type Mark: Copy;
    /// Any mark.
    const ANY: Self::Mark;

    /// The mark of a distance.
    ///
    /// # Safety
    /// The source is whole.
    unsafe fn mark(&self, distance: i64) -> Self::Mark;

    /// The marks of the distances from `first` on, all of which `i64` holds. Those outside of the returned range, which is not
    /// empty, are left out: they equal the nearest one within.
    ///
    /// # Safety
    /// As [`Source::mark`]; `marks` is not empty.
    unsafe fn marks(&self, first: i64, marks: &mut [Self::Mark]) -> Range<usize>;

    /// The values of `marks` for a head, to `to`.
    ///
    /// # Safety
    /// The marks are of this source, and it has the head. `to` is good for as many elements.
    unsafe fn values(&self, head: usize, marks: &[Self::Mark], to: *mut T);
}

/// Elements of a table for which there are marks.
pub(super) const MOST_PLACES: usize = u32::MAX as usize;

/// Rows of a table, by a lookup table of distances. Marks are places in the table, which has at most [`MOST_PLACES`].
#[derive(Clone, Copy)]
pub(super) struct Table<'a, I, T> {
    /// `heads` elements for each of the rows in `lut`.
    pub(super) table: *const T,
    pub(super) heads: usize,
    /// `2 * reach + 1` rows.
    pub(super) lut: &'a [I],
    pub(super) reach: usize,
}

impl<I: Integer, T: Element> Source<T> for Table<'_, I, T> {
    type Mark = u32;
    const ANY: u32 = 0;

    #[inline(always)]
    unsafe fn mark(&self, distance: i64) -> u32 {
        // SAFETY: slots are below `2 * reach + 1`.
        let row = unsafe { *self.lut.get_unchecked(slot(distance, self.reach)) };
        row.to_i64() as u32 * self.heads as u32
    }

    #[inline(always)]
    unsafe fn marks(&self, first: i64, marks: &mut [u32]) -> Range<usize> {
        // How many marks lie before the lowest distance with an entry, and up to the highest; at least one is kept on each side.
        let reach = self.reach as i64;
        let last = marks.len() - 1;
        let within = |count: i64| usize::try_from(count).map_or(0, |count| count.min(last));
        let start = within((-reach).saturating_sub(first));
        let end = within(reach.saturating_sub(first)).max(start) + 1;
        // SAFETY: the distances from here on are within reach, or there is just one.
        unsafe {
            let entries = self
                .lut
                .as_ptr()
                .add(slot(first + start as i64, self.reach));
            for (i, mark) in marks[start..end].iter_mut().enumerate() {
                *mark = (*entries.add(i)).to_i64() as u32 * self.heads as u32;
            }
        }
        start..end
    }

    #[inline(always)]
    unsafe fn values(&self, head: usize, marks: &[u32], to: *mut T) {
        // SAFETY: the trait's `# Safety` section says that the marks are of this source, which are offsets of rows of the table,
        // that the table has the head, and that `to` has a place for each mark.
        unsafe {
            let table = self.table.add(head);
            for (i, &mark) in marks.iter().enumerate() {
                to.add(i).write(*table.add(mark as usize));
            }
        }
    }
}

/// Multiples of the distance. Marks are distances, in vectors of `S` with numbers of type `A`.
#[derive(Clone, Copy)]
pub(super) struct Slopes<S, T> {
    /// One per head.
    pub(super) slopes: *const T,
    /// Whether distances have no sign.
    pub(super) absolute: bool,
    pub(super) set: std::marker::PhantomData<S>,
}

/// Vectors that compute on `T`, and read numbers of their own type.
pub(super) trait Products<T: Element>: Turn + Memory<T> + Memory<Self::Number> {
    /// That type.
    type Number: Element + FromDistance;
}

/// A type of numbers that distances are rounded to.
pub(super) trait FromDistance: Copy {
    fn from_distance(distance: i64, absolute: bool) -> Self;
    fn from_short(distance: i32, absolute: bool) -> Self;
}

macro_rules! from_distance {
    ($($t:ty),+) => {$(
        impl FromDistance for $t {
            #[inline(always)]
            fn from_distance(distance: i64, absolute: bool) -> Self {
                let number = distance as $t;
                if absolute { number.abs() } else { number }
            }
            #[inline(always)]
            fn from_short(distance: i32, absolute: bool) -> Self {
                let number = distance as $t;
                if absolute { number.abs() } else { number }
            }
        }
    )+};
}

from_distance!(f32, f64);

impl<S: Products<T>, T: Element> Source<T> for Slopes<S, T> {
    type Mark = S::Number;
    const ANY: S::Number = S::Number::ZERO;

    #[inline(always)]
    unsafe fn mark(&self, distance: i64) -> S::Number {
        S::Number::from_distance(distance, self.absolute)
    }

    #[inline(always)]
    unsafe fn marks(&self, first: i64, marks: &mut [S::Number]) -> Range<usize> {
        let count = marks.len();
        match (
            i32::try_from(first),
            i32::try_from(first + (count - 1) as i64),
        ) {
            // A vector at a time.
            (Ok(first), Ok(_)) => {
                for (mark, i) in marks.iter_mut().zip(0i32..) {
                    *mark = S::Number::from_short(first.wrapping_add(i), self.absolute);
                }
            }
            _ => {
                for (mark, i) in marks.iter_mut().zip(0i64..) {
                    *mark = S::Number::from_distance(first + i, self.absolute);
                }
            }
        }
        0..count
    }

    #[inline(always)]
    unsafe fn values(&self, head: usize, marks: &[S::Number], to: *mut T) {
        let (from, count) = (marks.as_ptr(), marks.len());
        // SAFETY: whole vectors lie within the marks and what `to` is good for, and so does the part of one.
        unsafe {
            let slope = S::splat((*self.slopes.add(head)).to_f64());
            let mut at = 0;
            while at + S::LANES <= count {
                let product = S::mul(slope, <S as Memory<S::Number>>::load(from.add(at)));
                <S as Memory<T>>::store(to.add(at), product);
                at += S::LANES;
            }
            if at == count {
                return;
            }
            if count >= S::LANES {
                // The last vector overlaps the one before.
                at = count - S::LANES;
                let product = S::mul(slope, <S as Memory<S::Number>>::load(from.add(at)));
                <S as Memory<T>>::store(to.add(at), product);
                return;
            }
            let part = <S as Memory<S::Number>>::load_part(from, count);
            <S as Memory<T>>::store_part(to, S::mul(slope, part), count);
        }
    }
}
