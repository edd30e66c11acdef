//! Random numbers: for the tensors that a cut starts from, and for the model inputs that it reads (positions, indices, masks).

use crate::engine::random::Random;
use crate::onnx::{DataType, Tensor};

/// Indices in a common run are below this. Every table of positions is longer.
const FEW: i64 = 4;
/// Floats in a wide run are below 2 to this power; about half of them are whole.
const WIDE_FLOAT: f64 = 26.0;
/// The same for half precision, whose largest number is 65,504.
const WIDE_HALF: f64 = 15.0;
/// Integers of 64 bits in a wide run are below 2 to this power: that is beyond what `int32` and `float` hold exactly.
const WIDE_INTEGER: f64 = 40.0;

/// The range that numbers are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Regime {
    /// Small numbers, on which every graph runs.
    Common,
    /// Any that the type holds, also negative ones and those beyond narrower types.
    Wide,
}

impl Regime {
    /// The regime of a run; runs are numbered from 0 and alternate.
    pub(super) fn of_run(run: u64) -> Regime {
        match run % 2 {
            0 => Regime::Common,
            _ => Regime::Wide,
        }
    }

    /// A tensor of random numbers of this range.
    pub(super) fn tensor(self, dtype: DataType, shape: &[usize], random: &mut Random) -> Tensor {
        let count = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|_| self.number(dtype, random)).collect();
        Tensor::from_f64_as(dtype, shape, &values)
    }

    fn number(self, dtype: DataType, random: &mut Random) -> f64 {
        match (dtype, self) {
            (DataType::Bool, _) => random.below(2) as f64,
            (_, Regime::Common) if dtype.is_float() => random.signed(),
            (_, Regime::Common) => random.below(FEW) as f64,
            (_, Regime::Wide) if dtype.is_float() => {
                let digits = match dtype {
                    DataType::F16 => WIDE_HALF,
                    _ => WIDE_FLOAT,
                };
                let number = random.signed() * (random.uniform() * digits).exp2();
                match random.below(2) {
                    0 => number.round(),
                    _ => number,
                }
            }
            (_, Regime::Wide) => integer(dtype, random),
        }
    }
}

/// The random numbers for a tensor that a cut starts from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Draw {
    /// Floats up to this magnitude.
    Floats(DataType, f64),
    /// Booleans.
    Truths,
    /// Whole numbers in no order, also negative ones.
    Positions {
        /// Their type.
        dtype: DataType,
        /// Distances up to this one differ in what they lead to. A common run has no others, unless there are more positions than
        /// that; a wide one does.
        reach: i64,
        /// The largest magnitude in a wide run.
        far: i64,
    },
    /// Whole numbers that a table has rows for.
    Indices {
        /// Their type.
        dtype: DataType,
        /// The least.
        least: i64,
        /// One more than the greatest.
        end: i64,
    },
}

impl Draw {
    /// A tensor of such numbers.
    pub(super) fn tensor(self, regime: Regime, shape: &[usize], random: &mut Random) -> Tensor {
        let count = shape.iter().product::<usize>();
        match self {
            Draw::Floats(dtype, scale) => {
                let values: Vec<f64> = (0..count).map(|_| scale * random.signed()).collect();
                Tensor::from_f64_as(dtype, shape, &values)
            }
            Draw::Truths => Regime::Common.tensor(DataType::Bool, shape, random),
            Draw::Indices { dtype, least, end } => {
                let number = |_| (least + random.below(end - least)) as f64;
                let values: Vec<f64> = (0..count).map(number).collect();
                Tensor::from_f64_as(dtype, shape, &values)
            }
            Draw::Positions { dtype, reach, far } => {
                let far = far.min(whole(dtype));
                let values = match regime {
                    Regime::Common => near(count as i64, reach, random),
                    Regime::Wide => (0..count)
                        .map(|_| {
                            let bound = match random.below(2) {
                                0 => far,
                                _ => far.min(2 * reach + 8),
                            };
                            random.below(2 * bound + 1) - bound
                        })
                        .collect(),
                };
                let signed = dtype.is_float() || dtype.is_signed_integer();
                let value = |&value: &i64| match signed {
                    true => value as f64,
                    false => value.unsigned_abs() as f64,
                };
                let values: Vec<f64> = values.iter().map(value).collect();
                Tensor::from_f64_as(dtype, shape, &values)
            }
        }
    }
}

/// Positions with distances up to `reach`; if there are more of them than that, consecutive ones, so that no distance is missed.
fn near(count: i64, reach: i64, random: &mut Random) -> Vec<i64> {
    if count <= reach {
        let half = reach / 2;
        return (0..count)
            .map(|_| random.below(2 * half + 1) - half)
            .collect();
    }
    let mut all: Vec<i64> = (0..count).map(|at| at - count / 2).collect();
    for last in (1..all.len()).rev() {
        all.swap(last, random.below(last as i64 + 1) as usize);
    }
    all
}

/// The largest whole number up to which a type holds all of them and their differences, or half of what an integer type holds.
fn whole(dtype: DataType) -> i64 {
    let digits = match dtype {
        DataType::F16 => 10,
        DataType::BF16 => 7,
        DataType::F32 => 23,
        dtype if dtype.is_float() => 52,
        dtype => dtype.bits().unwrap_or(8).min(32) - 2,
    };
    1 << digits
}

/// An integer of any size that the type holds; every number of binary digits is equally likely.
fn integer(dtype: DataType, random: &mut Random) -> f64 {
    let bits = dtype.bits().unwrap_or(8) as f64;
    let signed = dtype.is_signed_integer();
    let digits = (bits - f64::from(u8::from(signed))).min(WIDE_INTEGER);
    let size = (random.uniform() * digits).exp2().floor();
    match signed && random.below(2) == 1 {
        true => -size,
        false => size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_integers_reach_both_ends_of_a_type() {
        let mut random = Random::new(0, "ends");
        let mut extremes = |dtype| {
            let numbers = Regime::Wide.tensor(dtype, &[4096], &mut random);
            let numbers = numbers.to_f64().unwrap();
            let ends = |f: fn(f64, f64) -> f64| numbers.iter().copied().fold(0.0, f);
            (ends(f64::min), ends(f64::max))
        };
        let (low, high) = extremes(DataType::I8);
        assert!(low < -100.0 && high > 100.0);
        let (low, high) = extremes(DataType::U8);
        assert!(low == 0.0 && high > 200.0);
        let (low, high) = extremes(DataType::I64);
        assert!(low < -2f64.powi(31) && high > 2f64.powi(31));
    }
}
