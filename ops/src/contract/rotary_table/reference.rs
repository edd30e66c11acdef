//! `RotaryTable` in `f64`, written for reading.

use super::{RotaryTableAttributes, RotaryTableGeometry};
use crate::contract::angle::{Sum, rounded};
use crate::contract::tensor::check_size;
use crate::contract::{ContractError, ElementType};

/// `cos` and `sin` of the operator for tables of type `table`, before and without the roundings after the cosine and the sine. Slices are dense, in row-major order; each has as many elements as its shape says.
///
/// # Errors
/// [`ContractError`] for shapes that do not fit the attributes or each other, or slices that do not fit their shapes.
pub fn reference(
    attributes: &RotaryTableAttributes,
    table: ElementType,
    positions: &[f64],
    positions_shape: &[usize],
    frequencies: &[f64],
    frequencies_shape: &[usize],
) -> Result<(Vec<f64>, Vec<f64>), ContractError> {
    let geometry = RotaryTableGeometry::new(attributes, positions_shape, frequencies_shape)?;
    check_size("positions", (positions, positions_shape))?;
    check_size("frequencies", (frequencies, frequencies_shape))?;
    let round = |value| rounded(value, table);
    let RotaryTableGeometry {
        rows,
        streams,
        inner,
        width,
        ..
    } = geometry;
    let amplitude = f64::from(attributes.amplitude);
    let (mut cos, mut sin) = (Vec::new(), Vec::new());
    for row in 0..rows {
        for column in 0..width {
            let factors = (0..streams).map(|p| {
                let at = (row / inner * streams + p) * inner + row % inner;
                (positions[at], round(frequencies[p * width + column]))
            });
            let (c, s) = if attributes.precise {
                let angle = factors
                    .map(|(p, f)| Sum::product(p, f))
                    .fold(Sum::ZERO, Sum::add);
                angle.cos_sin()
            } else {
                let products = factors.map(|(p, f)| round(round(p) * f));
                // The first product starts the sum: -0 + 0 would be 0.
                let angle = products.reduce(|a, b| round(a + b)).unwrap_or(0.0);
                (angle.cos(), angle.sin())
            };
            cos.push(c * amplitude);
            sin.push(s * amplitude);
        }
    }
    Ok((cos, sin))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: RotaryTableAttributes = RotaryTableAttributes {
        axis: 0,
        amplitude: 1.0,
        precise: true,
    };

    /// Values by a calculator of 50 digits.
    #[test]
    fn large_angles_are_exact() {
        let f = f64::from(0.7_f32);
        let p = 2_147_483_647.0;
        let (cos, sin) = reference(&EXACT, ElementType::F32, &[p], &[], &[f], &[1]).unwrap();
        assert!(
            (cos[0] + 0.100_212_022_494_078_85).abs() < 1e-15,
            "{:e}",
            cos[0]
        );
        assert!(
            (sin[0] - 0.994_966_105_225_522_9).abs() < 1e-15,
            "{:e}",
            sin[0]
        );
    }

    #[test]
    fn without_precise_products_are_rounded() {
        let f = f64::from(0.1_f32);
        let positions = [16_777_217.0, 12_345.0];
        let plain = RotaryTableAttributes::default();
        let (cos, sin) = reference(&plain, ElementType::F32, &positions, &[2], &[f], &[1]).unwrap();
        for (i, angle) in [16_777_216.0 * 0.1_f32, 12_345.0 * 0.1_f32]
            .into_iter()
            .enumerate()
        {
            assert_eq!(
                (cos[i], sin[i]),
                (f64::from(angle).cos(), f64::from(angle).sin())
            );
        }
        let (wide, _) = reference(&plain, ElementType::F64, &positions, &[2], &[f], &[1]).unwrap();
        assert_eq!(wide[1], (12_345.0 * f).cos());
    }

    #[test]
    fn streams_add_up() {
        let positions = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
        let frequencies = [0.5, 0.25, 0.125, 0.0];
        let attributes = RotaryTableAttributes {
            amplitude: 2.0,
            ..Default::default()
        };
        let (cos, _) = reference(
            &attributes,
            ElementType::F32,
            &positions,
            &[2, 3],
            &frequencies,
            &[2, 2],
        )
        .unwrap();
        let expected: Vec<f64> = [1.75, 0.25, 3.5, 0.5, 5.25, 0.75]
            .map(|angle: f64| 2.0 * angle.cos())
            .to_vec();
        assert_eq!(cos, expected);
        let last = RotaryTableAttributes {
            axis: -1,
            ..attributes
        };
        let turned = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0];
        let (again, _) = reference(
            &last,
            ElementType::F32,
            &turned,
            &[3, 2],
            &frequencies,
            &[2, 2],
        )
        .unwrap();
        assert_eq!(again, expected);
    }
}
