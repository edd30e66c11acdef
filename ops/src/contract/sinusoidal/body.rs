//! `SinusoidalEmbedding` in standard ONNX operators.
//!
//! A model has one function of a name. The body is written for the traits that all uses share; for the others it asks the
//! attributes, the shapes and the types. Neither knows the rank of `positions`.

use super::attributes::{AMPLITUDE, COS_FIRST, INTERLEAVED, PADDING_POSITION, PRECISE, WIDTH};
use super::spec::{EMBEDDING, FREQUENCIES, POSITIONS, TARGET_TYPE};
use super::{INPUTS, SPEC, SinusoidalAttributes};
use crate::contract::angle::{AngleBody, Terms};
use crate::contract::body::{BOOL, BodyBuilder, Restore, agreed, casts};
use crate::contract::spec::names;
use crate::contract::{ContractError, ElementType, FunctionBody};

/// One node of a model, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct SinusoidalUse {
    /// Its attributes.
    pub attributes: SinusoidalAttributes,
    /// Number of frequencies.
    pub frequencies: Option<usize>,
    /// Element type of `frequencies`.
    pub dtype: ElementType,
}

/// Where elements of a row go, with a known number of frequencies unless a row is whole.
#[derive(Clone, Copy, PartialEq)]
struct Layout {
    interleaved: bool,
    cos_first: bool,
    end: End,
}

/// What is done to the end of a row.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Whole,
    /// Only this many elements are kept.
    Cut(i64),
    /// This many zeros are added.
    Padded(i64),
}

/// The traits in which all uses agree.
struct Agreed {
    layout: Option<Layout>,
    amplitude: Option<f32>,
    padding: Option<Option<i64>>,
}

fn layout_of(u: &SinusoidalUse) -> Option<Layout> {
    let SinusoidalAttributes {
        interleaved,
        cos_first,
        width,
        ..
    } = u.attributes;
    let end = if width == 0 {
        End::Whole
    } else {
        let whole = i64::try_from(u.frequencies?).ok()?.checked_mul(2)?;
        let width = i64::try_from(width).ok()?;
        match width - whole {
            0 => End::Whole,
            more @ 1.. => End::Padded(more),
            _ => End::Cut(width),
        }
    };
    Some(Layout {
        interleaved,
        cos_first,
        end,
    })
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// [`ContractError::Unsupported`] for an opset older than 13, and for embeddings of several element types at one older than 15.
pub fn function_body(opset: i64, uses: &[SinusoidalUse]) -> Result<FunctionBody, ContractError> {
    let mut builder = BodyBuilder::new(opset)?;
    let traits = Agreed {
        layout: agreed(uses, layout_of),
        amplitude: agreed(uses, |u| Some(u.attributes.amplitude)),
        padding: agreed(uses, |u| Some(u.attributes.padding_position)),
    };
    let arithmetic = agreed(uses, |u| Some(u.dtype.arithmetic()));
    // Where uses differ in arithmetic, all of it is done in double, after angles of either kind.
    let work = arithmetic.unwrap_or(ElementType::F64);
    let (_, restore) = casts(uses.iter().map(|u| u.dtype), work, opset, true)?;
    let [positions, frequencies, like] = names(&INPUTS);
    let values = AngleBody {
        positions: positions.to_owned(),
        frequencies: frequencies.to_owned(),
        like,
        terms: Terms::One,
        arithmetic,
        precise: agreed(uses, |u| Some(u.attributes.precise)),
        precise_attribute: PRECISE.spec(),
        b: &mut builder,
    }
    .cos_sin();
    Writer {
        b: &mut builder,
        traits,
        work,
    }
    .write(values, restore);
    Ok(builder.finish(&SPEC))
}

/// Writes what follows sines and cosines.
struct Writer<'a> {
    b: &'a mut BodyBuilder,
    traits: Agreed,
    /// The type of the arithmetic.
    work: ElementType,
}

impl Writer<'_> {
    fn write(mut self, ([cos, sin], kind): ([String; 2], ElementType), restore: Restore) {
        let amplitude = (self.traits.amplitude != Some(1.0)).then(|| {
            let amplitude = match self.traits.amplitude {
                Some(amplitude) => self.b.float(amplitude),
                None => self.b.attribute(AMPLITUDE.spec()),
            };
            self.b.converted(amplitude, ElementType::F32, self.work)
        });
        let [cos, sin] = [cos, sin].map(|value| {
            let value = self.b.converted(value, kind, self.work);
            match &amplitude {
                None => value,
                Some(amplitude) => self.b.op("Mul", &[&value, amplitude]),
            }
        });
        let mut row = match self.traits.layout {
            Some(layout) => self.placed(layout, cos, sin),
            None => self.gathered(&cos, &sin),
        };
        if self.traits.padding != Some(None) {
            let padded = self.padded();
            let zero = self.zero();
            row = self.b.op("Where", &[&padded, &zero, &row]);
        }
        let row = self.b.restore(&row, restore, TARGET_TYPE.name);
        self.b.rename(&row, EMBEDDING.name);
    }

    fn zero(&mut self) -> String {
        match self.work {
            ElementType::F64 => self.b.double(0.0),
            _ => self.b.float(0.0),
        }
    }

    /// As many zeros in each row as `count` says, a vector of one.
    fn zeros(&mut self, count: &str) -> String {
        let zero = self.zero();
        let shape = self.row_shape(count);
        self.b.op("Expand", &[&zero, &shape])
    }

    /// The shape of rows of `count` elements, a vector of one.
    fn row_shape(&mut self, count: &str) -> String {
        let leading = self.b.op("Shape", &[POSITIONS.name]);
        self.b.concat(&[&leading, count])
    }

    /// Two a frequency, a vector of one.
    fn whole(&mut self) -> String {
        let count = self.b.op("Shape", &[FREQUENCIES.name]);
        let two = self.b.scalar(2);
        self.b.op("Mul", &[&count, &two])
    }

    /// Rows in a known layout.
    fn placed(&mut self, layout: Layout, cos: String, sin: String) -> String {
        let [first, second] = if layout.cos_first {
            [cos, sin]
        } else {
            [sin, cos]
        };
        let row = if layout.interleaved {
            let last = self.b.vector(&[-1]);
            let [first, second] =
                [first, second].map(|value| self.b.op("Unsqueeze", &[&value, &last]));
            let pairs = self.b.concat(&[&first, &second]);
            let whole = self.whole();
            let shape = self.row_shape(&whole);
            self.b.reshape(&pairs, &shape)
        } else {
            self.b.concat(&[&first, &second])
        };
        match layout.end {
            End::Whole => row,
            End::Cut(width) => self.b.slice(&row, 0, width, 1),
            End::Padded(more) => {
                let more = self.b.vector(&[more]);
                let zeros = self.zeros(&more);
                self.b.concat(&[&row, &zeros])
            }
        }
    }

    /// Rows in the layout that the attributes give, gathered from all sines, all cosines and a zero.
    fn gathered(&mut self, cos: &str, sin: &str) -> String {
        let one = self.b.vector(&[1]);
        let zero = self.zeros(&one);
        let values = self.b.concat(&[sin, cos, &zero]);

        let whole = self.whole();
        let count = self.b.op("Shape", &[FREQUENCIES.name]);
        let [nothing, step, two] = [0, 1, 2].map(|value| self.b.scalar(value));
        let width = self.b.attribute(WIDTH.spec());
        let unsaid = self.b.op("Equal", &[&width, &nothing]);
        let end = self.b.op("Squeeze", &[&whole]);
        let end = self.b.op("Where", &[&unsaid, &end, &width]);
        let place = self.b.op("Range", &[&nothing, &end, &step]);

        let interleaved = self.b.attribute(INTERLEAVED.spec());
        let interleaved = self.b.cast(&interleaved, BOOL);
        let pair = self.b.op("Div", &[&place, &two]);
        let doubled = self.b.op("Mul", &[&pair, &two]);
        let member = self.b.op("Sub", &[&place, &doubled]);
        let woven = self.b.op("Mul", &[&member, &count]);
        let woven = self.b.op("Add", &[&woven, &pair]);
        let from = self.b.op("Where", &[&interleaved, &woven, &place]);

        // With `cos_first` the functions change places: indices move on by half a row and wrap around.
        let cos_first = self.b.attribute(COS_FIRST.spec());
        let shift = self.b.op("Mul", &[&cos_first, &count]);
        let from = self.b.op("Add", &[&from, &shift]);
        let around = self.b.op("Sub", &[&from, &whole]);
        let within = self.b.op("Less", &[&from, &whole]);
        let from = self.b.op("Where", &[&within, &from, &around]);

        let within = self.b.op("Less", &[&place, &whole]);
        let from = self.b.op("Where", &[&within, &from, &whole]);
        self.b.gather(&values, &from)
    }

    /// Which rows are those of the padding position, with an axis for their elements.
    fn padded(&mut self) -> String {
        let double = ElementType::F64.to_onnx().into();
        let positions = self.b.cast(POSITIONS.name, double);
        let hit = match self.traits.padding {
            Some(position) => {
                // Exact: such positions are below 2^53.
                let position = self.b.double(position.unwrap_or_default() as f64);
                self.b.op("Equal", &[&positions, &position])
            }
            None => {
                let position = self.b.attribute(PADDING_POSITION.spec());
                let none = self.b.scalar(0);
                let none = self.b.op("Less", &[&position, &none]);
                let some = self.b.op("Not", &[&none]);
                let position = self.b.cast(&position, double);
                let hit = self.b.op("Equal", &[&positions, &position]);
                self.b.op("And", &[&hit, &some])
            }
        };
        let last = self.b.vector(&[-1]);
        self.b.op("Unsqueeze", &[&hit, &last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::BodyAttribute;
    use crate::contract::body::assert_in_order;
    use std::collections::HashSet;

    fn plain(dtype: ElementType) -> SinusoidalUse {
        SinusoidalUse {
            attributes: SinusoidalAttributes::default(),
            frequencies: Some(4),
            dtype,
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
    fn a_plain_use_is_the_exported_graph() {
        let one = plain(ElementType::F32);
        let body = function_body(13, &[one.clone(), one]).unwrap();
        let types: Vec<_> = body.nodes.iter().map(|n| n.op_type).collect();
        let expected = [
            "Cast",
            "Cast",
            "Constant",
            "Unsqueeze",
            "Mul",
            "Cos",
            "Sin",
            "Concat",
        ];
        assert_eq!(types, expected);
    }

    #[test]
    fn the_body_asks_for_what_differs() {
        let one = plain(ElementType::F32);
        let other = |change: fn(&mut SinusoidalUse)| {
            let mut other = one.clone();
            change(&mut other);
            references(&function_body(17, &[one.clone(), other]).unwrap())
        };
        let layout = HashSet::from(["interleaved", "cos_first", "width"]);
        assert_eq!(
            other(|u| u.attributes.amplitude = 2.0),
            HashSet::from(["amplitude"])
        );
        assert_eq!(
            other(|u| u.attributes.precise = true),
            HashSet::from(["precise"])
        );
        assert_eq!(
            other(|u| u.attributes.padding_position = Some(1)),
            HashSet::from(["padding_position"])
        );
        assert_eq!(other(|u| u.attributes.cos_first = true), layout);
        assert_eq!(other(|u| u.attributes.width = 3), layout);
        assert!(other(|u| u.attributes.width = 8).is_empty());
        assert!(other(|u| u.frequencies = Some(7)).is_empty());
        assert!(other(|u| u.dtype = ElementType::F16).is_empty());
        assert_eq!(references(&function_body(17, &[]).unwrap()).len(), 6);
    }

    #[test]
    fn bodies_are_in_topological_order_with_unique_names() {
        let odd = SinusoidalUse {
            attributes: SinusoidalAttributes {
                interleaved: true,
                cos_first: true,
                amplitude: 1.5,
                width: 7,
                padding_position: Some(1),
                precise: true,
            },
            ..plain(ElementType::F16)
        };
        for uses in [
            vec![],
            vec![plain(ElementType::F32)],
            vec![plain(ElementType::BF16)],
            vec![plain(ElementType::F64)],
            vec![odd.clone()],
            vec![odd, plain(ElementType::F64)],
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
}
