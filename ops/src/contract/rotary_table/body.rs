//! `RotaryTable` in standard ONNX operators.
//!
//! A model has one function of a name. In whatever trait all uses agree, the body is written for that; for the rest it asks the
//! attributes, the shapes and the types. Neither knows the rank of `positions`.

use super::{ATTRIBUTES, INPUTS, OUTPUTS, RotaryTableAttributes, SPEC};
use crate::contract::body::{BodyBuilder, CAST_LIKE_OPSET};
use crate::contract::spec::names;
use crate::contract::{ContractError, ElementType, FunctionBody};

/// ONNX's number for booleans.
const BOOL: i64 = 9;

/// As many coordinates are added up one by one; more of them by the host's own sum.
const MOST_TERMS: usize = 16;

/// Pi in pieces of 22 bits, whose products with numbers of half turns of up to 31 bits are exact, and the rest of it.
const PI_PIECES: [f64; 4] = [
    3.141_592_025_756_836,
    6.278_328_328_335_192e-7,
    1.244_674_393_933_997_7e-13,
    4.044_532_497_591_901e-21,
];

/// Half of pi as a double, and the rest of it.
const HALF_PI: [f64; 2] = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17];

/// 2^41 + 1: splits a double into its upper 12 bits and the rest, by Veltkamp's method. Of a float's 24 bits each half has 12.
const SPLITTER: f64 = 2_199_023_255_553.0;

/// One node of a model, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct RotaryTableUse {
    /// Its attributes.
    pub attributes: RotaryTableAttributes,
    /// Shape of `frequencies`.
    pub frequencies: Option<Frequencies>,
    /// Element type of `frequencies`.
    pub table_dtype: ElementType,
}

/// Shape of `frequencies`, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frequencies {
    /// `[F]`
    One,
    /// `[P, F]` with this `P`.
    Streams(usize),
}

/// How the terms of an angle are found.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    One,
    Streams { axis: i64, count: usize },
}

/// The traits in which all uses agree.
struct Agreed {
    layout: Option<Layout>,
    table: Option<ElementType>,
    precise: Option<bool>,
    amplitude: Option<f32>,
}

/// The trait that all uses have; `None` without uses.
fn agreed<T: PartialEq>(
    uses: &[RotaryTableUse],
    of: impl Fn(&RotaryTableUse) -> Option<T>,
) -> Option<T> {
    let (first, rest) = uses.split_first()?;
    let first = of(first)?;
    rest.iter()
        .all(|u| of(u).as_ref() == Some(&first))
        .then_some(first)
}

fn layout_of(u: &RotaryTableUse) -> Option<Layout> {
    match u.frequencies? {
        Frequencies::One => Some(Layout::One),
        Frequencies::Streams(count) if (1..=MOST_TERMS).contains(&count) => {
            let axis = u.attributes.axis;
            Some(Layout::Streams { axis, count })
        }
        Frequencies::Streams(_) => None,
    }
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// [`ContractError::Unsupported`] for an opset older than 13, and for uses with several element types of `frequencies` at one
/// older than 15.
pub fn function_body(opset: i64, uses: &[RotaryTableUse]) -> Result<FunctionBody, ContractError> {
    let mut builder = BodyBuilder::new(opset)?;
    let traits = Agreed {
        layout: agreed(uses, layout_of),
        table: agreed(uses, |u| Some(u.table_dtype.arithmetic())),
        precise: agreed(uses, |u| Some(u.attributes.precise)),
        amplitude: agreed(uses, |u| Some(u.attributes.amplitude)),
    };
    if traits.table.is_none() && opset < CAST_LIKE_OPSET {
        return Err(ContractError::Unsupported(format!(
            "one function body for several element types needs opset {CAST_LIKE_OPSET}, the model has {opset}"
        )));
    }
    Writer::new(&mut builder, traits).write();
    Ok(builder.finish(&SPEC))
}

/// An angle: half turns, and what is left in `[-pi/2, pi/2]`.
struct Reduced {
    rest: String,
    /// 1 or -1, by the number of half turns.
    sign: String,
}

/// Writes one body.
struct Writer<'a> {
    b: &'a mut BodyBuilder,
    traits: Agreed,
    positions: String,
    frequencies: String,
    /// Shape of the outputs, where angles are computed in another.
    shape: Option<String>,
}

impl<'a> Writer<'a> {
    /// Brings the inputs to the shapes in which products are written.
    fn new(b: &'a mut BodyBuilder, traits: Agreed) -> Self {
        let [positions, frequencies] = names(&INPUTS);
        let (positions, frequencies, shape) = match traits.layout {
            Some(_) => (positions.to_owned(), frequencies.to_owned(), None),
            None => {
                let (p, f, shape) = folded(b, positions, frequencies);
                (p, f, Some(shape))
            }
        };
        Self {
            b,
            traits,
            positions,
            frequencies,
            shape,
        }
    }

    fn write(mut self) {
        let [cos, sin] = names(&OUTPUTS);
        let plain = self.traits.precise == Some(false);
        if plain && self.traits.table == Some(ElementType::F32) {
            let angle = self.rounded();
            let value = self.b.op("Cos", &[&angle]);
            self.finish(value, cos);
            let value = self.b.op("Sin", &[&angle]);
            self.finish(value, sin);
            return;
        }
        let reduced = self.reduced();
        // cos r = sin (pi/2 - |r|), and the difference is exact where the result is small.
        let size = self.b.op("Abs", &[&reduced.rest]);
        let [half_pi, beyond] = HALF_PI.map(|part| self.b.double(part));
        let left = self.b.op("Sub", &[&half_pi, &size]);
        let left = self.b.op("Add", &[&left, &beyond]);
        for (rest, name) in [(left, cos), (reduced.rest, sin)] {
            let value = self.b.op("Sin", &[&rest]);
            let value = self.b.op("Mul", &[&value, &reduced.sign]);
            let value = self.table_typed(&value, ElementType::F64);
            self.finish(value, name);
        }
    }

    /// A value of type `from` in that of `frequencies`.
    fn table_typed(&mut self, value: &str, from: ElementType) -> String {
        match self.traits.table {
            Some(table) if table == from => value.to_owned(),
            Some(table) => self.b.cast(value, table.to_onnx().into()),
            None => self.b.op("CastLike", &[value, INPUTS[1].name]),
        }
    }

    fn doubled(&mut self, value: &str) -> String {
        self.b.cast(value, ElementType::F64.to_onnx().into())
    }

    /// The factor and the shape, and the name. `value` is the last node's.
    fn finish(&mut self, mut value: String, name: &str) {
        if self.traits.amplitude != Some(1.0) {
            let amplitude = match self.traits.amplitude {
                Some(amplitude) => self.b.float(amplitude),
                None => self.b.attribute(ATTRIBUTES[1]),
            };
            let amplitude = self.table_typed(&amplitude, ElementType::F32);
            value = self.b.op("Mul", &[&value, &amplitude]);
        }
        if let Some(shape) = &self.shape {
            self.b.reshape(&value, shape);
        }
        self.b.name_last(name);
    }

    /// The angle as a graph in the type of `frequencies` computes it, in that type.
    fn rounded(&mut self) -> String {
        let positions = self.positions.clone();
        let positions = match self.traits.table {
            Some(table) => self.b.cast(&positions, table.to_onnx().into()),
            None => self.b.op("CastLike", &[&positions, INPUTS[1].name]),
        };
        let frequencies = self.frequencies.clone();
        self.sum(&positions, &frequencies)
    }

    /// The exact angle as two doubles.
    fn exact(&mut self) -> (String, String) {
        let (positions, frequencies) = (self.positions.clone(), self.frequencies.clone());
        let positions = self.doubled(&positions);
        let frequencies = self.doubled(&frequencies);
        let splitter = self.b.double(SPLITTER);
        let large = self.b.op("Mul", &[&frequencies, &splitter]);
        let beyond = self.b.op("Sub", &[&large, &frequencies]);
        let upper = self.b.op("Sub", &[&large, &beyond]);
        let lower = self.b.op("Sub", &[&frequencies, &upper]);
        (self.sum(&positions, &upper), self.sum(&positions, &lower))
    }

    /// The angle, reduced to half a turn in double.
    fn reduced(&mut self) -> Reduced {
        let rounded = (self.traits.precise != Some(true)).then(|| {
            let angle = self.rounded();
            match self.traits.table {
                Some(ElementType::F64) => angle,
                _ => self.doubled(&angle),
            }
        });
        let exact = (self.traits.precise != Some(false)).then(|| self.exact());
        let (high, low) = match (rounded, exact) {
            (Some(rounded), None) => (rounded, None),
            (None, Some((high, low))) => (high, Some(low)),
            (rounded, exact) => {
                let precise = self.b.attribute(ATTRIBUTES[2]);
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
        Reduced { rest, sign }
    }

    /// The sum of products over the coordinates, both factors in one type.
    fn sum(&mut self, positions: &str, frequencies: &str) -> String {
        match self.traits.layout {
            Some(Layout::One) => {
                let last = self.b.vector(&[-1]);
                let positions = self.b.op("Unsqueeze", &[positions, &last]);
                self.b.op("Mul", &[&positions, frequencies])
            }
            Some(Layout::Streams { axis, count }) => {
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
            None => {
                let products = self.b.op("Mul", &[positions, frequencies]);
                let streams = self.b.vector(&[1]);
                self.b.sum_along(&products, &streams)
            }
        }
    }
}

/// Positions as `[outer, P, inner, 1]`, frequencies as `[P, 1, F]`, and the shape of the outputs, whatever the ranks. One row of
/// frequencies is a `P` of 1 behind all axes.
fn folded(b: &mut BodyBuilder, positions: &str, frequencies: &str) -> (String, String, String) {
    let zero = b.vector(&[0]);
    let one = b.vector(&[1]);
    let sizes = b.op("Shape", &[positions]);
    let rank = b.op("Shape", &[&sizes]);
    let frequency_sizes = b.op("Shape", &[frequencies]);
    let frequency_rank = b.op("Shape", &[&frequency_sizes]);
    let streams = b.op("Sub", &[&frequency_rank, &one]);
    let several = b.cast(&streams, BOOL);

    let axis = b.attribute(ATTRIBUTES[0]);
    let axis = b.op("Reshape", &[&axis, &one]);
    let counted = b.op("Add", &[&axis, &rank]);
    let negative = b.op("Less", &[&axis, &zero]);
    let axis = b.op("Where", &[&negative, &counted, &axis]);
    let axis = b.op("Where", &[&several, &axis, &rank]);
    let next = b.op("Add", &[&axis, &streams]);
    let outer_sizes = b.op("Slice", &[&sizes, &zero, &axis]);
    let inner_sizes = b.op("Slice", &[&sizes, &next, &rank]);

    let outer = product(b, &outer_sizes, &one);
    let inner = product(b, &inner_sizes, &one);
    let padded = b.concat(&[&one, &frequency_sizes]);
    let count = b.gather(&padded, &streams);
    let width = b.gather(&frequency_sizes, &streams);

    let shape = b.concat(&[&outer, &count, &inner, &one]);
    let positions = b.reshape(positions, &shape);
    let shape = b.concat(&[&count, &one, &width]);
    let frequencies = b.reshape(frequencies, &shape);
    let shape = b.concat(&[&outer_sizes, &inner_sizes, &width]);
    (positions, frequencies, shape)
}

/// The product of sizes, of rank 1.
fn product(b: &mut BodyBuilder, sizes: &str, one: &str) -> String {
    // Never empty: of nothing, some hosts make no product.
    let padded = b.concat(&[one, sizes]);
    b.op("ReduceProd", &[&padded])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::BodyAttribute;
    use crate::contract::body::assert_in_order;
    use std::collections::HashSet;

    fn plain(table_dtype: ElementType) -> RotaryTableUse {
        RotaryTableUse {
            attributes: RotaryTableAttributes::default(),
            frequencies: Some(Frequencies::One),
            table_dtype,
        }
    }

    fn references(body: &FunctionBody) -> HashSet<&'static str> {
        body.nodes
            .iter()
            .flat_map(|n| &n.attributes)
            .filter_map(|(_, a)| match a {
                BodyAttribute::Reference(spec) => Some(spec.name),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn the_body_asks_for_what_differs() {
        let one = plain(ElementType::F32);
        let body = function_body(13, &[one.clone(), one.clone()]).unwrap();
        assert!(references(&body).is_empty());
        assert_eq!(body.nodes.len(), 6, "{body:?}");
        let other = |change: fn(&mut RotaryTableUse)| {
            let mut other = one.clone();
            change(&mut other);
            references(&function_body(17, &[one.clone(), other]).unwrap())
        };
        assert_eq!(
            other(|u| u.attributes.amplitude = 2.0),
            HashSet::from(["amplitude"])
        );
        assert_eq!(
            other(|u| u.attributes.precise = true),
            HashSet::from(["precise"])
        );
        assert_eq!(
            other(|u| u.frequencies = Some(Frequencies::Streams(3))),
            HashSet::from(["axis"])
        );
        assert!(
            other(|u| u.attributes.axis = 2).is_empty(),
            "one row has no axis"
        );
        assert_eq!(references(&function_body(17, &[]).unwrap()).len(), 3);
    }

    #[test]
    fn bodies_are_in_topological_order_with_unique_names() {
        let exact = RotaryTableUse {
            attributes: RotaryTableAttributes {
                axis: -1,
                amplitude: 1.5,
                precise: true,
            },
            frequencies: Some(Frequencies::Streams(2)),
            ..plain(ElementType::F32)
        };
        for uses in [
            vec![],
            vec![plain(ElementType::F32)],
            vec![plain(ElementType::F64)],
            vec![exact.clone()],
            vec![exact, plain(ElementType::F64)],
        ] {
            for opset in [15, 18, 23] {
                assert_in_order(&function_body(opset, &uses).unwrap());
            }
        }
    }

    #[test]
    fn opsets_without_the_means_are_refused() {
        let (f32, f64) = (plain(ElementType::F32), plain(ElementType::F64));
        assert!(function_body(12, std::slice::from_ref(&f32)).is_err());
        assert!(function_body(13, &[f32.clone(), f64.clone()]).is_err());
        assert!(function_body(15, &[f32, f64]).is_ok());
    }

    #[test]
    fn pieces_of_pi_have_few_bits() {
        for piece in &PI_PIECES[..3] {
            assert_eq!(piece.to_bits().trailing_zeros().min(31), 31, "{piece:e}");
        }
        assert_eq!(PI_PIECES.iter().sum::<f64>(), std::f64::consts::PI);
    }
}
