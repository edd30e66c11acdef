//! Angles, their cosines and sines in standard ONNX operators.

use crate::contract::body::{BOOL, BodyBuilder};
use crate::contract::{AttributeSpec, ElementType};

/// Pi in pieces of 22 bits, whose products with numbers of half turns of up to 31 bits are exact, and the rest of it.
const PI_PIECES: [f64; 4] = [
    3.141_592_025_756_836,
    6.278_328_328_335_192e-7,
    1.244_674_393_933_997_7e-13,
    4.044_532_497_591_901e-21,
];

/// Angles below this are reduced by the pieces: so many half turns have 31 bits.
const REDUCIBLE: f64 = 6_746_518_852.0;

/// Half of pi as a double, and the rest of it.
const HALF_PI: [f64; 2] = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17];

/// 2^41 + 1: splits a double into its upper 12 bits and the rest, by Veltkamp's method. Of a float's 24 bits each half has 12.
const SPLITTER: f64 = 2_199_023_255_553.0;

/// Smaller than every positive number of the other types: cast to one of them, it becomes zero.
const OF_DOUBLE_ALONE: f64 = 1e-300;

/// How the terms of an angle are found.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Terms {
    /// Positions `[...]` times frequencies `[F]`.
    One,
    /// Positions with an axis of `count` coordinates, frequencies `[count, F]`.
    Streams { axis: i64, count: usize },
    /// Positions `[outer, P, inner, 1]`, frequencies `[P, 1, F]`.
    Folded,
}

/// Writes the cosines and sines of a body.
pub(crate) struct AngleBody<'a> {
    pub(crate) b: &'a mut BodyBuilder,
    /// Value of any type of positions.
    pub(crate) positions: String,
    /// Value in double.
    pub(crate) frequencies: String,
    /// A value that has the element type of the results.
    pub(crate) like: &'a str,
    pub(crate) terms: Terms,
    /// The arithmetic type of the results, if it is the same in all uses.
    pub(crate) arithmetic: Option<ElementType>,
    /// How angles are computed, if that is the same in all uses.
    pub(crate) precise: Option<bool>,
    /// The attribute that says so.
    pub(crate) precise_attribute: AttributeSpec,
}

/// Frequencies, rounded to the arithmetic type.
enum Typed {
    Single(String),
    Double(String),
    /// Both, and the boolean that chooses the second.
    Either {
        single: String,
        double: String,
        is_double: String,
    },
}

/// An angle less its half turns: in `[-pi/2, pi/2]`.
struct Reduced {
    /// The angle itself, as one double.
    whole: String,
    rest: String,
    /// 1 or -1, by the number of half turns.
    sign: String,
}

impl AngleBody<'_> {
    /// Cosines and sines, and the type that they have: double, or float where that is enough.
    pub(crate) fn cos_sin(&mut self) -> ([String; 2], ElementType) {
        let frequencies = self.typed();
        if self.precise == Some(false) && self.arithmetic == Some(ElementType::F32) {
            let angle = self.rounded(&frequencies);
            let values = ["Cos", "Sin"].map(|function| self.b.op(function, &[&angle]));
            return (values, ElementType::F32);
        }
        let reduced = self.reduced(&frequencies);
        // cos r = sin (pi/2 - |r|), and the difference is exact where the result is small.
        let size = self.b.op("Abs", &[&reduced.rest]);
        let [half_pi, beyond] = HALF_PI.map(|part| self.b.double(part));
        let left = self.b.op("Sub", &[&half_pi, &size]);
        let left = self.b.op("Add", &[&left, &beyond]);
        let values = [left, reduced.rest].map(|rest| {
            let value = self.b.op("Sin", &[&rest]);
            self.b.op("Mul", &[&value, &reduced.sign])
        });
        let size = self.b.op("Abs", &[&reduced.whole]);
        let limit = self.b.double(REDUCIBLE);
        let is_reducible = self.b.op("Less", &[&size, &limit]);
        let [cos, sin] = self.unreduced(&reduced.whole);
        let values = [(&values[0], cos), (&values[1], sin)];
        let values = values.map(|(near, far)| self.b.op("Where", &[&is_reducible, near, &far]));
        (values, ElementType::F64)
    }

    /// Cosine and sine of an angle as the host reduces it. A cosine is 1 - 2 sin^2 of half the angle, which is exact.
    fn unreduced(&mut self, angle: &str) -> [String; 2] {
        let half = self.b.double(0.5);
        let half = self.b.op("Mul", &[angle, &half]);
        let sine = self.b.op("Sin", &[&half]);
        let square = self.b.op("Mul", &[&sine, &sine]);
        let twice = self.b.op("Add", &[&square, &square]);
        let one = self.b.double(1.0);
        let cosine = self.b.op("Sub", &[&one, &twice]);
        [cosine, self.b.op("Sin", &[angle])]
    }

    fn doubled(&mut self, value: &str) -> String {
        self.b.cast(value, ElementType::F64.to_onnx().into())
    }

    fn in_float(&mut self, value: &str) -> String {
        self.b.cast(value, ElementType::F32.to_onnx().into())
    }

    fn typed(&mut self) -> Typed {
        let double = self.frequencies.clone();
        if self.arithmetic == Some(ElementType::F64) {
            return Typed::Double(double);
        }
        let single = self.in_float(&double);
        if self.arithmetic.is_some() {
            return Typed::Single(single);
        }
        let tiny = self.b.double(OF_DOUBLE_ALONE);
        let tiny = self.b.op("CastLike", &[&tiny, self.like]);
        Typed::Either {
            single,
            double,
            is_double: self.b.cast(&tiny, BOOL),
        }
    }

    /// The angle as a graph in the arithmetic type computes it: in that type, or in double where it is not known.
    fn rounded(&mut self, frequencies: &Typed) -> String {
        match frequencies {
            Typed::Single(single) => self.rounded_in(ElementType::F32, single),
            Typed::Double(double) => self.rounded_in(ElementType::F64, double),
            Typed::Either {
                single,
                double,
                is_double,
            } => {
                let single = self.rounded_in(ElementType::F32, single);
                let single = self.doubled(&single);
                let double = self.rounded_in(ElementType::F64, double);
                self.b.op("Where", &[is_double, &double, &single])
            }
        }
    }

    fn rounded_in(&mut self, to: ElementType, frequencies: &str) -> String {
        let positions = self.b.cast(&self.positions, to.to_onnx().into());
        self.sum(&positions, frequencies)
    }

    /// The exact angle as two doubles.
    fn exact(&mut self, frequencies: &Typed) -> (String, String) {
        let positions = self.positions.clone();
        let positions = self.doubled(&positions);
        let frequencies = match frequencies {
            Typed::Single(single) => self.doubled(single),
            Typed::Double(double) => double.clone(),
            Typed::Either {
                single,
                double,
                is_double,
            } => {
                let single = self.doubled(single);
                self.b.op("Where", &[is_double, double, &single])
            }
        };
        let splitter = self.b.double(SPLITTER);
        let large = self.b.op("Mul", &[&frequencies, &splitter]);
        let beyond = self.b.op("Sub", &[&large, &frequencies]);
        let upper = self.b.op("Sub", &[&large, &beyond]);
        let lower = self.b.op("Sub", &[&frequencies, &upper]);
        (self.sum(&positions, &upper), self.sum(&positions, &lower))
    }

    /// The angle, reduced to half a turn in double.
    fn reduced(&mut self, frequencies: &Typed) -> Reduced {
        let rounded = (self.precise != Some(true)).then(|| {
            let angle = self.rounded(frequencies);
            match self.arithmetic {
                Some(ElementType::F32) => self.doubled(&angle),
                _ => angle,
            }
        });
        let exact = (self.precise != Some(false)).then(|| self.exact(frequencies));
        let (high, low) = match (rounded, exact) {
            (Some(rounded), None) => (rounded, None),
            (None, Some((high, low))) => (high, Some(low)),
            (rounded, exact) => {
                let precise = self.b.attribute(self.precise_attribute);
                let precise = self.b.cast(&precise, BOOL);
                let (high, low) = exact.unwrap_or_default();
                let zero = self.b.double(0.0);
                let rounded = rounded.unwrap_or_default();
                (
                    self.b.op("Where", &[&precise, &high, &rounded]),
                    Some(self.b.op("Where", &[&precise, &low, &zero])),
                )
            }
        };
        let whole = match &low {
            None => high.clone(),
            Some(low) => self.b.op("Add", &[&high, low]),
        };
        let per_turn = self.b.double(std::f64::consts::FRAC_1_PI);
        let turns = self.b.op("Mul", &[&whole, &per_turn]);
        let turns = self.b.op("Round", &[&turns]);
        let mut rest = high;
        for (index, piece) in PI_PIECES.into_iter().enumerate() {
            let piece = self.b.double(piece);
            let taken = self.b.op("Mul", &[&turns, &piece]);
            rest = self.b.op("Sub", &[&rest, &taken]);
            // Between the pieces the sum is exact: neither part is much larger than the other.
            if let (0, Some(low)) = (index, &low) {
                rest = self.b.op("Add", &[&rest, low]);
            }
        }
        let two = self.b.double(2.0);
        let one = self.b.double(1.0);
        let half = self.b.op("Div", &[&turns, &two]);
        let half = self.b.op("Floor", &[&half]);
        let even = self.b.op("Mul", &[&half, &two]);
        let odd = self.b.op("Sub", &[&turns, &even]);
        let odd = self.b.op("Mul", &[&odd, &two]);
        let sign = self.b.op("Sub", &[&one, &odd]);
        Reduced { whole, rest, sign }
    }

    /// The sum of products over the coordinates, both factors in one type.
    fn sum(&mut self, positions: &str, frequencies: &str) -> String {
        match self.terms {
            Terms::One => {
                let last = self.b.vector(&[-1]);
                let positions = self.b.op("Unsqueeze", &[positions, &last]);
                self.b.op("Mul", &[&positions, frequencies])
            }
            Terms::Streams { axis, count } => {
                let last = self.b.vector(&[-1]);
                let mut sum: Option<String> = None;
                for index in (0..).take(count) {
                    let index = self.b.scalar(index);
                    let position = self.b.gather_along(positions, &index, axis);
                    let position = self.b.op("Unsqueeze", &[&position, &last]);
                    let frequency = self.b.gather_along(frequencies, &index, 0);
                    let product = self.b.op("Mul", &[&position, &frequency]);
                    sum = Some(match sum {
                        None => product,
                        Some(sum) => self.b.op("Add", &[&sum, &product]),
                    });
                }
                sum.unwrap_or_default()
            }
            Terms::Folded => {
                let products = self.b.op("Mul", &[positions, frequencies]);
                let streams = self.b.vector(&[1]);
                self.b.sum_along(&products, &streams)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_pi_have_few_bits() {
        for piece in &PI_PIECES[..3] {
            assert_eq!(piece.to_bits().trailing_zeros().min(31), 31, "{piece:e}");
        }
        assert_eq!(PI_PIECES.iter().sum::<f64>(), std::f64::consts::PI);
    }
}
