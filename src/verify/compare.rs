//! How far two tensors are apart, how far they may be, and how far a model moves by itself.
//!
//! A difference is within the plain tolerance of its type, or it is compared with [`Noise`]: how far the first model's own
//! results move when its numbers are moved by about as much as a rounding. Two measures have to agree, the largest difference and
//! the root of the mean square: a rewrite that is right scatters as the model itself does, one that is wrong moves more elements
//! or moves them further. Where noise makes up too much of a result's own variation, no verdict is possible.

use crate::onnx::{DataType, Tensor};
use serde::Serialize;

/// How many times the model's own largest move a difference may be: extremes of two samples of one distribution, over few elements
/// at times, are rarely further apart.
const LARGEST: f64 = 4.0;
/// How many times its own root of the mean square a difference may have: means are steadier than extremes.
const MEAN: f64 = 2.0;
/// How much of the standard deviation of a result its noise may be. At twice as much, what is wrong would begin to look right:
/// unrelated results are 1.4 standard deviations apart.
const MOST: f64 = 0.1;
/// Roundings of 1 that any output may be off by: sums of a few terms are.
const ROUNDINGS: f64 = 8.0;

/// What one output of two models differs by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Largest absolute difference over the elements that are finite in both.
    pub absolute: f64,
    /// The same, divided by the scale: the largest finite magnitude of the reference, or [`least_scale`] where that is larger.
    pub relative: f64,
    /// Root of the mean square of the differences, divided by the scale.
    pub rms: f64,
    /// What `relative` may be at most.
    pub tolerance: f64,
    /// How far the first model moves by itself, where that was measured.
    pub noise: Option<Noise>,
    /// What makes the outputs incomparable, if anything: shape, type, or NaN and infinity in different places.
    pub mismatch: Option<String>,
    /// Standard deviation of the reference, divided by the scale.
    #[serde(skip)]
    spread: f64,
    /// Whether the elements are numbers that stand for no quantity, such as indices: how far they are apart says nothing.
    #[serde(skip)]
    exact: bool,
}

/// How far a model moves by itself: the most over all that was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Noise {
    /// Largest difference, divided by the scale.
    pub relative: f64,
    /// Root of the mean square of the differences, divided by the scale.
    pub rms: f64,
    /// Runs that it was taken from.
    pub runs: usize,
    /// Standard deviation of the results, divided by the scale, where it is largest.
    #[serde(skip)]
    spread: f64,
}

impl Noise {
    /// Takes in one more run, by its difference from the first.
    pub(super) fn add(&mut self, run: &Difference) {
        let all = |number: f64| match run.mismatch {
            Some(_) => f64::INFINITY,
            None => number,
        };
        self.relative = self.relative.max(all(run.relative));
        self.rms = self.rms.max(all(run.rms));
        self.spread = self.spread.max(run.spread);
        self.runs += 1;
    }
}

/// The verdict on a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The outputs agree.
    Agrees,
    /// No verdict, because the model moves too much by itself.
    Unknown,
    /// The outputs differ.
    Differs,
}

impl Difference {
    /// The verdict on the difference, given the noise if that is known.
    pub fn standing(&self) -> Standing {
        if self.mismatch.is_some() {
            return Standing::Differs;
        }
        if self.relative <= self.tolerance {
            return Standing::Agrees;
        }
        let Some(noise) = self.noise else {
            return Standing::Differs;
        };
        let alike = self.relative <= LARGEST * noise.relative && self.rms <= MEAN * noise.rms;
        match () {
            () if self.exact && noise.relative > 0.0 => Standing::Unknown,
            () if !alike => Standing::Differs,
            () if self.exact || noise.rms > MOST * noise.spread => Standing::Unknown,
            () => Standing::Agrees,
        }
    }

    /// Whether the outputs agree.
    pub fn within(&self) -> bool {
        self.standing() == Standing::Agrees
    }

    /// Whether knowing the noise could change the verdict.
    pub(super) fn asks_for_noise(&self) -> bool {
        self.mismatch.is_none() && self.relative > self.tolerance
    }
}

/// The largest relative difference allowed for results of a type: rounding in another order, carried through a whole model.
/// Integers and booleans must agree exactly.
pub fn tolerance(dtype: DataType) -> f64 {
    match dtype {
        DataType::F64 => 1e-9,
        DataType::F32 => 2e-4,
        DataType::F16 => 2e-2,
        DataType::BF16 => 6e-2,
        _ => 0.0,
    }
}

/// The least scale that differences of a type are relative to: that at which the tolerance is some roundings of 1.
///
/// An output may be what numbers of about 1 leave when they cancel, and then all of it is their rounding, which no other order of
/// operations keeps; where it is 0, every difference would be infinitely many times as large. Anything larger than such a rounding
/// is held against the output's own scale. Integers have no rounding, and count from 1.
pub fn least_scale(dtype: DataType) -> f64 {
    let rounding = dtype.epsilon().map(|epsilon| ROUNDINGS * epsilon);
    rounding.map_or(1.0, |rounding| (rounding / tolerance(dtype)).min(1.0))
}

/// The elements, if they are integers or booleans: `f64` has no number for each of those of 64 bits.
fn integers(tensor: &Tensor) -> Option<Vec<i128>> {
    match tensor.dtype {
        DataType::U64 => {
            let words = tensor.data.as_chunks().0.iter();
            Some(words.map(|&word| u64::from_le_bytes(word).into()).collect())
        }
        _ => Some(tensor.to_i64()?.into_iter().map(i128::from).collect()),
    }
}

/// Compares a result with its reference, element by element: integers and booleans by their values, however large.
pub fn compare(reference: &Tensor, result: &Tensor, tolerance: f64) -> Difference {
    let mut difference = Difference {
        absolute: 0.0,
        relative: 0.0,
        rms: 0.0,
        tolerance,
        noise: None,
        mismatch: None,
        spread: 0.0,
        // Integers of eight bits are quantised numbers, wider ones count or point at something.
        exact: !reference.dtype.is_float()
            && !matches!(reference.dtype, DataType::I8 | DataType::U8),
    };
    if reference.dtype != result.dtype {
        difference.mismatch = Some(format!(
            "type {} instead of {}",
            result.dtype, reference.dtype
        ));
        return difference;
    }
    if reference.shape != result.shape {
        difference.mismatch = Some(format!(
            "shape {:?} instead of {:?}",
            result.shape, reference.shape
        ));
        return difference;
    }
    let (Some(want), Some(got)) = (reference.to_f64(), result.to_f64()) else {
        difference.mismatch = Some(format!(
            "elements of type {} cannot be compared",
            reference.dtype
        ));
        return difference;
    };
    let exactly = integers(reference).zip(integers(result));
    let mut scale = least_scale(reference.dtype);
    let (mut count, mut sum, mut squares, mut apart) = (0.0f64, 0.0, 0.0, 0.0);
    for (position, (w, g)) in want.iter().zip(&got).enumerate() {
        if w.is_finite() && g.is_finite() {
            let d = match &exactly {
                Some((want, got)) => want[position].abs_diff(got[position]) as f64,
                None => (w - g).abs(),
            };
            difference.absolute = difference.absolute.max(d);
            scale = scale.max(w.abs());
            count += 1.0;
            sum += w;
            squares += w * w;
            apart += d * d;
        } else if w.is_nan() != g.is_nan() || (!w.is_nan() && w != g) {
            difference.mismatch = Some(format!("element {position} is {g} instead of {w}"));
            return difference;
        }
    }
    difference.relative = difference.absolute / scale;
    if count > 0.0 {
        let mean = sum / count;
        difference.rms = (apart / count).sqrt() / scale;
        difference.spread = (squares / count - mean * mean).max(0.0).sqrt() / scale;
    }
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f(values: &[f32]) -> Tensor {
        Tensor::from_f32(&[values.len()], values)
    }

    #[test]
    fn differences_are_relative_to_the_largest_reference() {
        let d = compare(&f(&[0.5, -100.0]), &f(&[0.51, -100.0]), 2e-4);
        assert!((d.absolute - 0.01).abs() < 1e-6 && (d.relative - 1e-4).abs() < 1e-8 && d.within());
        let d = compare(&f(&[0.5, 0.1]), &f(&[0.51, 0.1]), 2e-4);
        assert!((d.relative - 0.02).abs() < 1e-6 && !d.within());
    }

    #[test]
    fn nan_and_infinity_must_lie_in_the_same_places() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        assert!(compare(&f(&[nan, inf, -inf]), &f(&[nan, inf, -inf]), 0.0).within());
        for (a, b) in [(nan, 1.0), (1.0, nan), (inf, -inf), (inf, 1.0), (nan, inf)] {
            assert!(!compare(&f(&[a]), &f(&[b]), 1e9).within(), "{a} {b}");
        }
    }

    #[test]
    fn shape_and_type_must_be_equal() {
        assert!(!compare(&f(&[1.0]), &f(&[1.0, 1.0]), 1.0).within());
        assert!(!compare(&f(&[1.0]), &Tensor::from_i64(&[1], &[1]), 1.0).within());
        assert!(compare(&f(&[]), &f(&[]), 0.0).within());
        assert!(
            !compare(
                &Tensor::from_i64(&[1], &[1]),
                &Tensor::from_i64(&[1], &[2]),
                tolerance(DataType::I64)
            )
            .within()
        );
    }

    #[test]
    fn integers_of_64_bits_are_compared_as_such() {
        let words = |value: u64| {
            let data = value.to_le_bytes().to_vec();
            Tensor::new(DataType::U64, vec![1], data.into()).unwrap()
        };
        for (a, b) in [(u64::MAX, u64::MAX - 1), (1 << 60, (1 << 60) + 1)] {
            let d = compare(&words(a), &words(b), 0.0);
            assert!(
                !d.within() && d.absolute == 1.0 && d.relative > 0.0,
                "{d:?}"
            );
            assert!(compare(&words(a), &words(a), 0.0).within());
        }
    }

    #[test]
    fn small_outputs_have_small_scales_down_to_the_rounding_of_one() {
        let d = compare(&f(&[0.02]), &f(&[0.021]), 2e-4);
        assert!((d.relative - 0.05).abs() < 1e-5 && !d.within());
        let d = compare(
            &f(&[0.0, 1e-9]),
            &f(&[3e-7, -1e-9]),
            tolerance(DataType::F32),
        );
        assert!(d.within(), "{d:?}");
        for dtype in [DataType::F64, DataType::F32, DataType::F16, DataType::BF16] {
            assert!(least_scale(dtype) > 0.0 && least_scale(dtype) <= 1.0);
        }
        assert_eq!(least_scale(DataType::I64), 1.0);
    }

    fn noisy(relative: f64, rms: f64) -> Option<Noise> {
        Some(Noise {
            relative,
            rms,
            runs: 1,
            spread: 0.7,
        })
    }

    #[test]
    fn what_is_beyond_the_tolerance_is_held_against_the_noise_by_both_measures() {
        let mut d = compare(
            &f(&[1.0, -1.0, 0.5, 0.2]),
            &f(&[1.01, -1.0, 0.5, 0.2]),
            2e-4,
        );
        assert!((d.rms - 0.005).abs() < 1e-6);
        assert_eq!(d.standing(), Standing::Differs);
        for (relative, rms, standing) in [
            (0.01, 0.005, Standing::Agrees),
            // Spread over more elements than the noise, or further out than it.
            (0.01, 0.002, Standing::Differs),
            (0.002, 0.005, Standing::Differs),
            (0.3, 0.2, Standing::Unknown),
            (f64::INFINITY, f64::INFINITY, Standing::Unknown),
        ] {
            d.noise = noisy(relative, rms);
            assert_eq!(d.standing(), standing, "{relative} {rms}");
        }
        let mut d = compare(&f(&[1.0, -1.0]), &f(&[-1.0, 1.0]), 2e-4);
        d.noise = noisy(0.2, 0.15);
        assert_eq!(d.standing(), Standing::Differs, "beyond any noise");
    }

    #[test]
    fn noise_excuses_no_index_and_nothing_that_cannot_be_compared() {
        let i = |values: &[i64]| Tensor::from_i64(&[values.len()], values);
        let mut d = compare(&i(&[100, 3]), &i(&[100, 4]), 0.0);
        d.noise = noisy(0.0, 0.0);
        assert_eq!(d.standing(), Standing::Differs);
        d.noise = noisy(0.5, 0.5);
        assert_eq!(d.standing(), Standing::Unknown);
        let mut d = compare(&f(&[f32::NAN]), &f(&[1.0]), 2e-4);
        d.noise = noisy(1.0, 1.0);
        assert_eq!(d.standing(), Standing::Differs);
    }
}
