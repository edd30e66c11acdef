//! `RotaryTable` in standard ONNX operators.
//!
//! A model has one function of a name. The body is written for the traits that all uses share; for the others it asks the
//! attributes, the shapes and the types. Neither knows the rank of `positions`.

use super::attributes::{AMPLITUDE, AXIS, PRECISE};
use super::spec::TARGET_TYPE;
use super::{INPUTS, OUTPUTS, RotaryTableAttributes, SPEC};
use crate::contract::angle::{AngleBody, Terms};
use crate::contract::body::{BOOL, BodyBuilder, Restore, agreed, casts};
use crate::contract::spec::names;
use crate::contract::{ContractError, ElementType, FunctionBody};

/// The body adds up to this many coordinates one by one; more are added by the host's own sum.
const MOST_TERMS: usize = 16;

/// One node of a model, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct RotaryTableUse {
    /// Its attributes.
    pub attributes: RotaryTableAttributes,
    /// Shape of `frequencies`.
    pub frequencies: Option<Frequencies>,
    /// Element type of the tables.
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

/// The traits in which all uses agree.
struct Agreed {
    terms: Option<Terms>,
    arithmetic: Option<ElementType>,
    precise: Option<bool>,
    amplitude: Option<f32>,
}

fn terms_of(u: &RotaryTableUse) -> Option<Terms> {
    match u.frequencies? {
        Frequencies::One => Some(Terms::One),
        Frequencies::Streams(count) if (1..=MOST_TERMS).contains(&count) => {
            let axis = u.attributes.axis;
            Some(Terms::Streams { axis, count })
        }
        Frequencies::Streams(_) => None,
    }
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// [`ContractError::Unsupported`] for an opset older than 13, and for tables of several element types at one older than 15.
pub fn function_body(opset: i64, uses: &[RotaryTableUse]) -> Result<FunctionBody, ContractError> {
    let mut builder = BodyBuilder::new(opset)?;
    let traits = Agreed {
        terms: agreed(uses, terms_of),
        arithmetic: agreed(uses, |u| Some(u.table_dtype.arithmetic())),
        precise: agreed(uses, |u| Some(u.attributes.precise)),
        amplitude: agreed(uses, |u| Some(u.attributes.amplitude)),
    };
    // Where uses differ in arithmetic, all of it is done in double, after angles of either kind.
    let work = traits.arithmetic.unwrap_or(ElementType::F64);
    let (_, restore) = casts(uses.iter().map(|u| u.table_dtype), work, opset, true)?;
    write(&mut builder, traits, work, restore);
    Ok(builder.finish(&SPEC))
}

/// Writes one body, with products by the amplitude in type `work`.
fn write(b: &mut BodyBuilder, traits: Agreed, work: ElementType, restore: Restore) {
    let [positions, frequencies, _] = names(&INPUTS);
    let (positions, frequencies, shape) = match traits.terms {
        Some(_) => (positions.to_owned(), frequencies.to_owned(), None),
        None => {
            let (p, f, shape) = folded(b, positions, frequencies);
            (p, f, Some(shape))
        }
    };
    let (values, kind) = AngleBody {
        b,
        positions,
        frequencies,
        like: TARGET_TYPE.name,
        terms: traits.terms.unwrap_or(Terms::Folded),
        arithmetic: traits.arithmetic,
        precise: traits.precise,
        precise_attribute: PRECISE.spec(),
    }
    .cos_sin();
    for (mut value, name) in values.into_iter().zip(names(&OUTPUTS)) {
        value = b.converted(value, kind, work);
        if traits.amplitude != Some(1.0) {
            let amplitude = match traits.amplitude {
                Some(amplitude) => b.float(amplitude),
                None => b.attribute(AMPLITUDE.spec()),
            };
            let amplitude = b.converted(amplitude, ElementType::F32, work);
            value = b.op("Mul", &[&value, &amplitude]);
        }
        value = b.restore(&value, restore, TARGET_TYPE.name);
        if let Some(shape) = &shape {
            value = b.reshape(&value, shape);
        }
        b.rename(&value, name);
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

    let axis = b.attribute(AXIS.spec());
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
    // Never empty: some hosts have no product of an empty tensor.
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
        assert_eq!(body.nodes.len(), 7, "{body:?}");
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
}
