//! `SinusoidalEmbedding` in `f64`, written for reading.

use super::{SinusoidalAttributes, SinusoidalGeometry};
use crate::contract::angle::{Sum, rounded};
use crate::contract::tensor::check_size;
use crate::contract::{ContractError, ElementType};

/// The embedding of type `element`, before and without the roundings after the sine and the cosine. Slices are
/// dense, in row-major order; each has as many elements as its shape says.
///
/// # Errors
/// [`ContractError`] for shapes that do not fit the attributes or each other, or slices that do not fit their shapes.
pub fn reference(
    attributes: &SinusoidalAttributes,
    element: ElementType,
    positions: (&[f64], &[usize]),
    frequencies: (&[f64], &[usize]),
) -> Result<Vec<f64>, ContractError> {
    let geometry = SinusoidalGeometry::new(attributes, positions.1, frequencies.1)?;
    check_size("positions", positions)?;
    check_size("frequencies", frequencies)?;
    let mut embedding = Vec::new();
    for &position in positions.0 {
        if attributes.padding_position.map(|p| p as f64) == Some(position) {
            embedding.extend((0..geometry.width).map(|_| 0.0));
            continue;
        }
        let functions: Vec<[f64; 2]> = frequencies
            .0
            .iter()
            .map(|&frequency| {
                let frequency = rounded(frequency, element);
                let (cos, sin) = if attributes.precise {
                    Sum::product(position, frequency).cos_sin()
                } else {
                    let angle = rounded(rounded(position, element) * frequency, element);
                    (angle.cos(), angle.sin())
                };
                let both = if attributes.cos_first {
                    [cos, sin]
                } else {
                    [sin, cos]
                };
                both.map(|value| value * f64::from(attributes.amplitude))
            })
            .collect();
        let mut row: Vec<f64> = if attributes.interleaved {
            functions.iter().flatten().copied().collect()
        } else {
            let all = |which: usize| functions.iter().map(move |both| both[which]);
            all(0).chain(all(1)).collect()
        };
        row.resize(geometry.width, 0.0);
        embedding.extend(row);
    }
    Ok(embedding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(attributes: SinusoidalAttributes) -> Vec<f64> {
        let frequencies = [1.0, 0.5];
        reference(
            &attributes,
            ElementType::F64,
            (&[3.0], &[]),
            (&frequencies, &[2]),
        )
        .unwrap()
    }

    #[test]
    fn layouts() {
        let plain = SinusoidalAttributes::default();
        let (s, c) = (3f64.sin(), 3f64.cos());
        let (half_s, half_c) = (1.5f64.sin(), 1.5f64.cos());
        assert_eq!(row(plain), [s, half_s, c, half_c]);
        let turned = SinusoidalAttributes {
            cos_first: true,
            ..plain
        };
        assert_eq!(row(turned), [c, half_c, s, half_s]);
        let woven = SinusoidalAttributes {
            interleaved: true,
            amplitude: 2.0,
            width: 3,
            ..plain
        };
        assert_eq!(row(woven), [2.0 * s, 2.0 * c, 2.0 * half_s]);
        let wide = SinusoidalAttributes { width: 6, ..plain };
        assert_eq!(row(wide), [s, half_s, c, half_c, 0.0, 0.0]);
    }

    #[test]
    fn rows_of_the_padding_position_are_zero() {
        let padded = SinusoidalAttributes {
            padding_position: Some(1),
            ..Default::default()
        };
        let frequencies = [f64::NAN];
        let got = reference(
            &padded,
            ElementType::F32,
            (&[1.0, 1.5], &[2]),
            (&frequencies, &[1]),
        )
        .unwrap();
        assert_eq!(got[..2], [0.0, 0.0]);
        assert!(got[2].is_nan());
    }
}
