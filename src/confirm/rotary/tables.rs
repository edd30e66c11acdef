//! Runs the graph from positions to cosines and sines, and compares these with the reference of `RotaryTable`.
//!
//! Positions reach a million. There, one rounding of a product moves an angle by a hundredth, so another order of operations,
//! another type, or a frequency that differs in its last bit shows. In half precision, rounding the tables would hide that: there
//! nearly all entries must be equal after rounding, and not only close.

use prost::Message;
use rustc_hash::FxHashMap;

use crate::engine::random::Random;
use crate::onnx::{DataType, Tensor};
use crate::recognize::{
    AngleTable, Frequencies, Pairing, Refusal, Rotary, Site, Stage, TABLE_RULE, TableInput,
    TableUse,
};

use phasor_ops::contract::rotary_table::{CONTRACT, RotaryTableAttributes};
use phasor_ops::contract::{Call, Dense, ElementType, Operand, View};

use super::super::Confirmed;
use super::super::claim::reference;
use super::super::cut::{Cut, cut};
use super::super::failure::Failure;
use super::super::numbers::Regime;
use super::super::prober::Prober;
use super::super::sizes::{Binding, Room};
use super::unsqueezed;

/// Runs with other numbers for each set of sizes.
const SEEDS: u64 = 3;
/// Lengths of sequences beyond what half precision (2,048) and 16 bits (65,536) count.
const LONG: [i64; 2] = [2_100, 66_000];
/// Positions of the second run are below this. Those of the third are any that their type holds.
const MAX_POSITION: i64 = 1 << 20;
/// Positions of the first run are below this.
const FEW_POSITIONS: i64 = 64;
/// Share of entries that may differ in half precision: the graph's own cosine, rounded in `float` first, may round to the next
/// number.
const MOVED: f64 = 0.01;

/// Numbers with their shape.
struct Array {
    values: Vec<f64>,
    shape: Vec<usize>,
}

/// Sites that agree in this read a table in the same way.
type Reading = (TableUse, TableInput, TableInput, Pairing, DataType, bool);

/// Results of the tables probed so far.
#[derive(Default)]
pub(in crate::confirm) struct ProbedTables(FxHashMap<Reading, Result<Confirmed, Box<Refusal>>>);

impl ProbedTables {
    /// Confirms that a site's cosines and sines are those of the table. A result of an earlier site that reads it in the same way
    /// is reused.
    pub(in crate::confirm) fn probe(
        &mut self,
        prober: &mut Prober<'_>,
        table: &AngleTable,
        (site, rotary): (&Site, &Rotary),
        used: &TableUse,
    ) -> Result<Confirmed, Box<Refusal>> {
        let reading = (
            used.clone(),
            rotary.cos.clone(),
            rotary.sin.clone(),
            rotary.pairing,
            rotary.table_dtype,
            rotary.inverse,
        );
        if let Some(result) = self.0.get(&reading) {
            return result.clone().map(|seen| Confirmed { probes: 0, ..seen });
        }
        let result = prober.table(table, (site, rotary), used);
        self.0.insert(reading, result.clone());
        result
    }
}

impl Prober<'_> {
    /// Confirms that a site's cosines and sines are those of the table.
    fn table(
        &mut self,
        table: &AngleTable,
        (site, rotary): (&Site, &Rotary),
        used: &TableUse,
    ) -> Result<Confirmed, Box<Refusal>> {
        let names = [&table.positions[..], &rotary.cos.value, &rotary.sin.value];
        self.over_sizes((&names, Room::default()), &LONG, |prober, binding| {
            prober.table_under(table, rotary, used, binding)
        })
        .map_err(|failure| {
            let reason = match failure {
                Failure::Differs(how) => format!(
                    "the angles are positions times frequencies, but the graph computes them in another order or type: \
                     {how}, so it keeps its own tables"
                ),
                Failure::NotRun(cause) => format!(
                    "the angles are positions times frequencies, but that could not be run on numbers, so the graph keeps its own tables: {cause}"
                ),
                Failure::TooLarge(what) => format!(
                    "the angles are positions times frequencies, but that is too large to be run on numbers, so the graph keeps its own tables: {what}"
                ),
                Failure::Unaffordable => "the angles are positions times frequencies, but the budget was spent before that could be run on numbers, so the graph keeps its own tables".to_owned(),
            };
            refusal(site, rotary, reason)
        })
    }

    /// All seeds under one assignment of sizes: largest difference and number of runs.
    fn table_under(
        &mut self,
        table: &AngleTable,
        rotary: &Rotary,
        used: &TableUse,
        binding: &Binding,
    ) -> Result<(f64, usize), Failure> {
        let own = used.frequencies.as_deref();
        let given: Vec<&str> = [&used.positions[..]].into_iter().chain(own).collect();
        let wanted = [&rotary.cos.value[..], &rotary.sin.value];
        let cut = cut(&self.whole, binding, &given, &wanted).map_err(Failure::NotRun)?;
        let held = given.iter().chain(&wanted).copied();
        let held = held.filter(|value| self.whole.shapes.contains_key(*value));
        let computed = self.room(held, &cut, binding)?;
        let key = {
            let mut key = cut.model.encode_to_vec();
            key.extend(format!("{table:?}{used:?}{:?}", cut.given).bytes());
            key.extend(
                format!("{:?}{:?}{:?}", rotary.attributes(), rotary.cos, rotary.sin).bytes(),
            );
            key.extend(format!("{binding:?}").bytes());
            key
        };
        // A long sequence is run once, with the positions that no short run had.
        let count = Tensor::count(&self.shape(&used.positions, binding)?).unwrap_or(usize::MAX);
        let seeds = if count >= LONG[0] as usize {
            SEEDS - 1..SEEDS
        } else {
            0..SEEDS
        };
        let runs = seeds.end - seeds.start;
        let counted = |worst: Result<f64, Failure>| worst.map(|diff| (diff, runs as usize));
        if let Some(known) = self.known.get(&key) {
            return counted(known.clone());
        }
        self.pay(&cut, computed, runs)?;
        let mut worst = Ok(0.0f64);
        for seed in seeds {
            worst = worst.and_then(|worst| {
                let diff = self.table_run(table, rotary, used, (binding, &cut), seed)?;
                Ok(worst.max(diff))
            });
        }
        self.known.insert(key, worst.clone());
        counted(worst)
    }

    /// One run: the largest difference of the graph's cosines and sines from the table's.
    fn table_run(
        &self,
        table: &AngleTable,
        rotary: &Rotary,
        used: &TableUse,
        (binding, cut): (&Binding, &Cut),
        seed: u64,
    ) -> Result<f64, Failure> {
        let mut random = Random::new(seed, "angles");
        let shape = self.shape(&used.positions, binding)?;
        let positions = positions(table.positions_dtype, &shape, seed, &mut random);
        let unread = |name: &str| Failure::NotRun(format!("cosine and sine do not read `{name}`"));
        let mut inputs = match cut.given.first() {
            Some(Some(name)) => vec![(name.clone(), positions.clone())],
            _ => return Err(unread(&used.positions)),
        };
        let frequencies = match &table.frequencies {
            Frequencies::Numbers(rows) => Array {
                shape: match rows.len() {
                    1 => vec![table.width],
                    streams => vec![streams, table.width],
                },
                values: rows.concat(),
            },
            // Random ones: agreement then means that the graph multiplies by whatever the tensor holds.
            Frequencies::Value { name, .. } => {
                let name = used.frequencies.as_ref().unwrap_or(name);
                let values: Vec<f64> = (0..table.width).map(|_| random.signed()).collect();
                let shape = self.shape(name, binding)?;
                let tensor = Tensor::from_f64_as(table.dtype, &shape, &values);
                let Some(Some(input)) = cut.given.get(1) else {
                    return Err(unread(name));
                };
                let values = tensor.to_f64().unwrap_or(values);
                inputs.push((input.clone(), tensor));
                Array {
                    values,
                    shape: vec![table.width],
                }
            }
        };
        for (original, name) in &cut.leaves {
            inputs.push((
                name.clone(),
                self.leaf(original, binding, Regime::Common, &mut random)?,
            ));
        }
        let outputs = self.compute(cut, binding, &inputs)?;
        let expected = expected(table, (rotary, used), &positions, &frequencies)?;
        let scale = f64::from(table.amplitude.abs()).max(1.0);
        let mut worst = 0.0f64;
        for (expected, (output, input)) in expected
            .iter()
            .zip(outputs.iter().zip([&rotary.cos, &rotary.sin]))
        {
            let found = Array {
                values: output
                    .to_f64()
                    .ok_or_else(|| Failure::NotRun("no numbers came back".to_owned()))?,
                shape: unsqueezed(&output.shape, input),
            };
            worst = worst.max(compare(expected, &found, rotary, scale)?);
        }
        Ok(worst)
    }
}

/// Positions for a run: few, many, or any that the type holds. Each range shows other faults: rounded angles show at large
/// positions, and types that are too narrow at negative or huge ones.
fn positions(dtype: DataType, shape: &[usize], seed: u64, random: &mut Random) -> Tensor {
    let count = shape.iter().product();
    let mut below = |limit: i64| {
        let values: Vec<f64> = (0..count).map(|_| random.below(limit) as f64).collect();
        Tensor::from_f64_as(dtype, shape, &values)
    };
    match seed {
        0 => below(FEW_POSITIONS),
        1 => below(MAX_POSITION),
        _ => Regime::Wide.tensor(dtype, shape, random),
    }
}

/// Cosines and sines of the table as the site reads them: with its unit axes, and the sines negated if graph and table turn in
/// opposite directions.
fn expected(
    table: &AngleTable,
    (rotary, used): (&Rotary, &TableUse),
    positions: &Tensor,
    frequencies: &Array,
) -> Result<[Array; 2], Failure> {
    let attributes = RotaryTableAttributes {
        axis: table.axis.unwrap_or(0) as i64,
        amplitude: table.amplitude,
        precise: false,
    };
    let call = Call {
        attributes: attributes.values().to_vec(),
        inputs: vec![
            Operand::default(),
            Operand::default(),
            Operand {
                dtype: ElementType::from_onnx(table.dtype.to_onnx()),
                ..Operand::default()
            },
        ],
    };
    let positions_read = positions.to_f64().unwrap_or_default();
    let view = |values, shape| View { values, shape };
    let inputs = [
        view(&positions_read, &positions.shape),
        view(&frequencies.values, &frequencies.shape),
        view(&[0.0], &[]),
    ];
    let outputs = reference(CONTRACT, &call, &inputs)?;
    let mut shape = positions.shape.clone();
    if let Some(axis) = table.axis {
        shape.remove(axis);
    }
    shape.push(table.width);
    for &axis in &used.unsqueeze {
        shape.insert(axis.min(shape.len()), 1);
    }
    let sign = if used.inverse == rotary.inverse {
        1.0
    } else {
        -1.0
    };
    let [cos, mut sin] = <[Dense; 2]>::try_from(outputs)
        .map_err(|_| Failure::NotRun("no cosines and sines came back".to_owned()))?;
    sin.values.iter_mut().for_each(|s| *s *= sign);
    Ok([cos, sin].map(|Dense { values, .. }| Array {
        values,
        shape: shape.clone(),
    }))
}

/// Largest difference of the graph's table from the expected one, with both broadcast against each other.
///
/// # Errors
/// Shapes that do not broadcast, and differences that rounding does not explain.
fn compare(expected: &Array, found: &Array, rotary: &Rotary, scale: f64) -> Result<f64, Failure> {
    let unfit = || {
        Failure::Differs(format!(
            "cosine or sine have shape {:?} where the table has {:?}",
            found.shape, expected.shape
        ))
    };
    let rank = expected.shape.len().max(found.shape.len());
    let padded = |shape: &[usize]| {
        let mut all = vec![1; rank - shape.len()];
        all.extend_from_slice(shape);
        all
    };
    let (left, right) = (padded(&expected.shape), padded(&found.shape));
    let (Some(&pairs), Some(&width)) = (left.last(), right.last()) else {
        return Err(unfit());
    };
    let fits = |(&a, &b): (&usize, &usize)| a == b || a == 1 || b == 1;
    if !left[..rank - 1].iter().zip(&right[..rank - 1]).all(fits) || width % pairs != 0 {
        return Err(unfit());
    }
    let pair_of = |channel: usize| match rotary.pairing {
        _ if width == pairs => channel,
        Pairing::Half => channel % pairs,
        Pairing::Interleaved => channel / 2,
    };
    let lead: Vec<usize> = (0..rank - 1)
        .map(|axis| left[axis].max(right[axis]))
        .collect();
    let row = |mut at: usize, shape: &[usize]| {
        let (mut row, mut step) = (0, 1);
        for axis in (0..rank - 1).rev() {
            if shape[axis] != 1 {
                row += at % lead[axis] * step;
            }
            step *= shape[axis];
            at /= lead[axis];
        }
        row
    };
    let (mut worst, mut moved, mut count) = (0.0f64, 0usize, 0usize);
    let exact = Tensor::from_f64_as(
        rotary.table_dtype,
        &[expected.values.len()],
        &expected.values,
    );
    let exact = exact.to_f64().unwrap_or_default();
    for at in 0..lead.iter().product() {
        for channel in 0..width {
            let k = row(at, &left) * pairs + pair_of(channel);
            let (Some(want), Some(rounded), Some(have)) = (
                expected.values.get(k),
                exact.get(k),
                found.values.get(row(at, &right) * width + channel),
            ) else {
                return Err(unfit());
            };
            count += 1;
            moved += usize::from(rounded != have);
            let diff = (want - have).abs() / scale;
            worst = if diff.is_nan() {
                f64::INFINITY
            } else {
                worst.max(diff)
            };
        }
    }
    let narrow = matches!(rotary.table_dtype, DataType::F16 | DataType::BF16);
    let moved = narrow && moved as f64 > MOVED * count as f64 + 1.0;
    if worst <= tolerance(rotary.table_dtype) && !moved {
        Ok(worst)
    } else {
        Err(Failure::Differs(format!(
            "cosine or sine differ by {worst:.1e} at some position"
        )))
    }
}

/// Largest difference of a cosine that rounding to this type explains.
fn tolerance(dtype: DataType) -> f64 {
    match dtype {
        DataType::F64 => 1e-12,
        DataType::F16 => 6e-4,
        DataType::BF16 => 5e-3,
        _ => 1e-6,
    }
}

fn refusal(site: &Site, rotary: &Rotary, reason: String) -> Box<Refusal> {
    Box::new(Refusal {
        rule: TABLE_RULE,
        stage: Stage::Confirmation,
        node: site.node_name.clone(),
        value: rotary.cos.value.clone(),
        reason,
        hint: None,
        lost: None,
    })
}
