//! `AlibiBias` in `f64`, written for reading.

use super::{AlibiAttributes, slope_count};
use crate::contract::relative::{BiasGeometry, distance};
use crate::contract::tensor::check_size;
use crate::contract::{ContractError, ElementType};

/// The bias for slopes of type `element`, before the last rounding to that type. Slices are dense, in row-major order; each has a
/// shape.
///
/// # Errors
/// [`ContractError`] for shapes that do not fit each other or their slices.
pub fn reference(
    attributes: &AlibiAttributes,
    element: ElementType,
    slopes: (&[f64], &[usize]),
    query_positions: (&[i64], &[usize]),
    key_positions: (&[i64], &[usize]),
) -> Result<Vec<f64>, ContractError> {
    let heads = slope_count(slopes.1)?;
    let geometry = BiasGeometry::new(heads, query_positions.1, key_positions.1)?;
    check_size("slopes", slopes)?;
    check_size("query_positions", query_positions)?;
    check_size("key_positions", key_positions)?;
    let mut bias = Vec::new();
    for b in 0..geometry.batch {
        for slope in slopes.0 {
            for i in 0..geometry.queries {
                for j in 0..geometry.keys {
                    let query = query_positions.0[b * geometry.query_step + i];
                    let key = key_positions.0[b * geometry.key_step + j];
                    let distance = distance(query, key);
                    // From the integer in one rounding.
                    let distance = match element.arithmetic() {
                        ElementType::F64 => distance as f64,
                        _ => f64::from(distance as f32),
                    };
                    let distance = if attributes.absolute {
                        distance.abs()
                    } else {
                        distance
                    };
                    let product = slope * distance;
                    bias.push(match element.arithmetic() {
                        ElementType::F64 => product,
                        // The product of two floats is exact in double, so this is its only rounding.
                        _ => f64::from(product as f32),
                    });
                }
            }
        }
    }
    Ok(bias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_signed_or_not() {
        let of = |absolute| {
            reference(
                &AlibiAttributes { absolute },
                ElementType::F32,
                (&[0.5, -2.0], &[2]),
                (&[3], &[1]),
                (&[1, 3, 4], &[3]),
            )
            .unwrap()
        };
        assert_eq!(of(false), [-1.0, 0.0, 0.5, 4.0, 0.0, -2.0]);
        assert_eq!(of(true), [1.0, 0.0, 0.5, -4.0, 0.0, -2.0]);
    }

    #[test]
    fn integers_are_rounded_once() {
        // 2^24 + 1 lies between two floats, and the difference of the ends of int64 beyond it.
        let one = |element, key, query| {
            let plain = AlibiAttributes::default();
            reference(
                &plain,
                element,
                (&[1.0], &[1]),
                (&[query], &[1]),
                (&[key], &[1]),
            )
            .unwrap()[0]
        };
        assert_eq!(one(ElementType::BF16, 16_777_217, 0), 16_777_216.0);
        assert_eq!(one(ElementType::F64, 16_777_217, 0), 16_777_217.0);
        assert_eq!(one(ElementType::F64, i64::MAX, i64::MIN), 2f64.powi(63));
        assert_eq!(one(ElementType::F32, i64::MIN, i64::MAX), -(2f64.powi(63)));
    }
}
