//! Tables in every layout and type of angles, and one change for each condition that breaks it alone.

use super::*;

/// A table of these frequencies, as a framework computes it: rows of sines and cosines in two halves, rounded to `dtype`.
fn table(
    rows: usize,
    frequencies: &[f64],
    (arithmetic, dtype): (DataType, DataType),
) -> Vec<Vec<f64>> {
    let row = |row: usize| {
        let angles = frequencies
            .iter()
            .map(|frequency| rounded(row as f64 * frequency, arithmetic));
        let angles: Vec<f64> = angles.collect();
        let sines = angles.iter().map(|angle| angle.sin());
        let cosines = angles.iter().map(|angle| angle.cos());
        sines
            .chain(cosines)
            .map(|number| rounded(number, dtype))
            .collect()
    };
    (0..rows).map(row).collect()
}

fn read_rows(rows: &[Vec<f64>], dtype: DataType) -> Option<Fitted> {
    let shape = [rows.len(), rows[0].len()];
    let tensor = Tensor::from_f64_as(dtype, &shape, &rows.concat());
    read(Grid {
        tensor: &tensor,
        rows: (shape[0], shape[1]),
        columns: (shape[1], 1),
    })
}

/// Frequencies as they are common, in a type.
fn falling(count: usize, dtype: DataType) -> Vec<f64> {
    let exponent = |k: usize| -(k as f64) / count as f64 * 4.0;
    let numbers = (0..count).map(|k| 10f64.powf(exponent(k)));
    numbers.map(|number| rounded(number, dtype)).collect()
}

const SINGLE: (DataType, DataType) = (DataType::F32, DataType::F32);

#[test]
fn frequencies_are_those_of_the_table() {
    for rows in [64, 1500] {
        let frequencies = falling(16, DataType::F32);
        let fitted = read_rows(&table(rows, &frequencies, SINGLE), DataType::F32).unwrap();
        assert_eq!(
            (fitted.dtype, fitted.difference),
            (DataType::F32, 0.0),
            "{rows}"
        );
        assert_eq!(fitted.frequencies[..4], frequencies[..4]);
        let near = frequencies.iter().zip(&fitted.frequencies);
        assert!(
            near.clone().all(|(a, b)| (a - b).abs() <= 1e-6 * a),
            "{near:?}"
        );
        assert_eq!(fitted.attributes, SinusoidalAttributes::default());
    }
}

#[test]
fn angles_are_in_double_where_float_does_not_do() {
    let frequencies = falling(16, DataType::F64);
    let double = (DataType::F64, DataType::F32);
    let fitted = read_rows(&table(512, &frequencies, double), DataType::F32).unwrap();
    assert_eq!(fitted.dtype, DataType::F64);
    assert!(fitted.difference <= f64::powi(2.0, -24), "{fitted:?}");
    let double = (DataType::F64, DataType::F64);
    let fitted = read_rows(&table(512, &frequencies, double), DataType::F64).unwrap();
    assert_eq!(fitted.dtype, DataType::F64);
}

#[test]
fn half_precision_is_of_angles_in_float() {
    for dtype in [DataType::F16, DataType::BF16] {
        let frequencies = falling(8, DataType::F32);
        let rows = table(64, &frequencies, (DataType::F32, dtype));
        let fitted = read_rows(&rows, dtype).unwrap();
        let most = dtype.epsilon().unwrap() / 2.0;
        assert!(
            fitted.dtype == DataType::F32 && fitted.difference <= most,
            "{fitted:?}"
        );
    }
}

#[test]
fn layouts_factors_and_zeros() {
    let frequencies = [0.5, 0.125, 0.25];
    let plain = table(32, &frequencies, SINGLE);
    let changed = |change: &dyn Fn(usize, &[f64]) -> Vec<f64>| {
        let rows: Vec<Vec<f64>> = plain
            .iter()
            .enumerate()
            .map(|(k, row)| change(k, row))
            .collect();
        let fitted = read_rows(&rows, DataType::F32).unwrap();
        (fitted.frequencies, fitted.attributes)
    };
    let with = |change: &dyn Fn(&mut SinusoidalAttributes)| {
        let mut attributes = SinusoidalAttributes::default();
        change(&mut attributes);
        (frequencies.to_vec(), attributes)
    };
    let reordered = |order: [usize; 6]| move |_: usize, row: &[f64]| order.map(|k| row[k]).to_vec();
    assert_eq!(
        changed(&reordered([3, 4, 5, 0, 1, 2])),
        with(&|a| a.cos_first = true)
    );
    assert_eq!(
        changed(&reordered([0, 3, 1, 4, 2, 5])),
        with(&|a| a.interleaved = true)
    );
    let both = |a: &mut SinusoidalAttributes| (a.interleaved, a.cos_first) = (true, true);
    assert_eq!(changed(&reordered([3, 0, 4, 1, 5, 2])), with(&both));
    let scaled = |_: usize, row: &[f64]| row.iter().map(|number| -0.5 * number).collect();
    assert_eq!(changed(&scaled), with(&|a| a.amplitude = -0.5));
    let wider = |_: usize, row: &[f64]| [row, &[0.0]].concat();
    assert_eq!(changed(&wider), with(&|a| a.width = 7));
    for zero in [0, 1, 2, 4, 31] {
        let padded = |k: usize, row: &[f64]| match k == zero {
            true => vec![0.0; row.len()],
            false => row.to_vec(),
        };
        assert_eq!(
            changed(&padded),
            with(&|a| a.padding_position = Some(zero as i64))
        );
    }
    // The sine of a negative frequency is negated.
    let negated = |_: usize, row: &[f64]| vec![-row[0], row[1], row[2], row[3], row[4], row[5]];
    let (frequencies, attributes) = changed(&negated);
    assert_eq!(frequencies, [-0.5, 0.125, 0.25]);
    assert_eq!(attributes, SinusoidalAttributes::default());
}

#[test]
fn every_element_counts() {
    let frequencies = falling(4, DataType::F32);
    let rows = table(64, &frequencies, SINGLE);
    assert!(read_rows(&rows, DataType::F32).is_some());
    for (row, column) in [(0, 0), (0, 7), (1, 2), (33, 4), (63, 7)] {
        let mut rows = rows.clone();
        rows[row][column] += 1e-6;
        assert_eq!(read_rows(&rows, DataType::F32), None, "{row} {column}");
        rows[row][column] = f64::NAN;
        assert_eq!(read_rows(&rows, DataType::F32), None, "{row} {column}");
    }
}

#[test]
fn what_is_no_table() {
    let frequencies = falling(4, DataType::F32);
    let rows = table(64, &frequencies, SINGLE);
    let without = |rows: &[Vec<f64>]| assert_eq!(read_rows(rows, DataType::F32), None);
    // From another row on.
    without(&rows[1..]);
    // Two rows of zeros.
    let mut padded = rows.clone();
    padded[3].fill(0.0);
    padded[5].fill(0.0);
    without(&padded);
    // A row that is passed over, or is another one.
    let mut short = rows.clone();
    short.remove(20);
    without(&short);
    let mut exchanged = rows.clone();
    exchanged.swap(20, 21);
    without(&exchanged);
    // Sine and cosine of different frequencies, cosines only, one frequency, and too few rows.
    let faster: Vec<f64> = frequencies
        .iter()
        .map(|frequency| 1.5 * frequency)
        .collect();
    let others = table(64, &faster, SINGLE);
    let mixed = rows
        .iter()
        .zip(&others)
        .map(|(a, b)| [&a[..4], &b[4..]].concat());
    without(&mixed.collect::<Vec<_>>());
    without(
        &rows
            .iter()
            .map(|row| [&row[4..], &row[4..]].concat())
            .collect::<Vec<_>>(),
    );
    without(&table(64, &[0.5, 0.5], SINGLE));
    without(&table(64, &[0.5], SINGLE));
    without(&rows[..4]);
    without(&vec![vec![0.0, 0.0, 1.0, 1.0]; 8]);
    without(&vec![vec![0.0; 4]; 8]);
}
