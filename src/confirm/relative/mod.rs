//! The claims of relative sites: every element of `y` is what the operator reads, or computes, for its query and its key.
//!
//! A cut starts from table, scores or slopes with random positions, which are negative, beyond the reach of the lookup table, and in
//! no order. Where the graph relies on more than the operator does, such as on keys that are never after the query, the positions
//! are those that it computes itself. Scores that the graph does not hold are computed from vectors and a table, both of random
//! numbers. Positions that are counted along an axis depend on its size alone.

mod layout;
mod positions;
mod product;
#[cfg(test)]
mod tests;

use crate::onnx::DataType;
use crate::recognize::{Alibi, Lut, Product, RelativeBias, RelativeGather, Rows, Scores, Site};

use phasor_ops::contract::alibi_bias::AlibiAttributes;
use phasor_ops::contract::relative_gather::RelativeGatherAttributes;
use phasor_ops::contract::{
    Call, Contract, Dense, ElementType, Operand, View, alibi_bias, relative_bias, relative_gather,
};

use super::claim::{Claim, Numbers, reference};
use super::failure::Failure;
use super::numbers::Draw;
use positions::Tensors;

/// The largest random position. A distance stays within what `float16` holds.
const FAR: i64 = 1 << 14;
/// The same for slopes, by which distances are multiplied in their type.
const FAR_ALIBI: i64 = 1 << 7;
/// The most elements of an axis that is made long enough to have every distance of a lookup table.
const MAX_LONG: i64 = 600;
/// Distances that differ, where the lookup table depends on the number of columns.
const FEW: i64 = 4;

/// The claim of a bias that is read from a table.
pub(super) struct BiasClaim<'a> {
    pub site: &'a Site,
    pub bias: &'a RelativeBias,
}

/// The claim of scores that are gathered by distance.
pub(super) struct GatherClaim<'a> {
    pub site: &'a Site,
    pub gather: &'a RelativeGather,
}

/// The claim of a bias that is linear in the distance.
pub(super) struct AlibiClaim<'a> {
    pub site: &'a Site,
    pub alibi: &'a Alibi,
}

impl<'a> BiasClaim<'a> {
    fn tensors(&self) -> Tensors<'a> {
        Tensors::new(vec![&self.bias.table], &self.bias.query, &self.bias.key)
    }
}

impl<'a> GatherClaim<'a> {
    fn tensors(&self) -> Tensors<'a> {
        let data = self.gather.scores.tensors();
        Tensors::new(data, &self.gather.query, &self.gather.key)
    }
}

impl<'a> AlibiClaim<'a> {
    fn tensors(&self) -> Tensors<'a> {
        Tensors::new(vec![&self.alibi.slopes], &self.alibi.query, &self.alibi.key)
    }
}

impl Claim for BiasClaim<'_> {
    fn operands(&self) -> Vec<&str> {
        self.tensors().operands()
    }

    fn measured(&self) -> Vec<&str> {
        self.tensors().measured()
    }

    fn starts(&self) -> Vec<Vec<&str>> {
        self.tensors().starts()
    }

    fn origin(&self) -> Option<&str> {
        None
    }

    fn long(&self) -> Vec<i64> {
        long(&self.bias.lut)
    }

    fn numbers(&self, tensor: &str) -> Draw {
        let tensors = self.tensors();
        tensors.draw(tensor, self.site.dtype, (reach(&self.bias.lut), FAR))
    }

    fn key(&self) -> String {
        let RelativeBias {
            axes, lut, layout, ..
        } = self.bias;
        let types = self.site.dtype;
        format!(
            "bias{axes:?}{lut:?}{layout:?}{types:?}{}",
            self.tensors().key()
        )
    }

    fn expected(&self, operands: &[Numbers<'_>]) -> Result<Dense, Failure> {
        let (data, query, key) = self.tensors().read(operands)?;
        let (table, sizes) = layout::rows(data[0], self.bias.axes)?;
        let lut = entries(&self.bias.lut, sizes[0]);
        let call = Call::default();
        let bias = run(
            relative_bias::CONTRACT,
            &call,
            (&table, &sizes),
            Some(&lut),
            [&query, &key],
        )?;
        layout::laid(bias, &self.bias.layout)
    }

    /// Elements are copied.
    fn tolerance(&self) -> f64 {
        0.0
    }
}

impl Claim for GatherClaim<'_> {
    fn operands(&self) -> Vec<&str> {
        self.tensors().operands()
    }

    fn measured(&self) -> Vec<&str> {
        self.tensors().measured()
    }

    fn starts(&self) -> Vec<Vec<&str>> {
        match &self.gather.scores {
            // The rows are those of the distances that the graph computes, and no others.
            Scores::Product(Product {
                rows: Rows::Around { .. },
                ..
            }) => vec![self.tensors().computed()],
            _ => self.tensors().starts(),
        }
    }

    fn origin(&self) -> Option<&str> {
        None
    }

    fn long(&self) -> Vec<i64> {
        long(&self.gather.lut)
    }

    fn numbers(&self, tensor: &str) -> Draw {
        let tensors = self.tensors();
        let dtype = match &self.gather.scores {
            Scores::Product(product) if product.table == tensor => product.table_dtype,
            _ => self.site.dtype,
        };
        tensors.draw(tensor, dtype, (reach(&self.gather.lut), FAR))
    }

    fn key(&self) -> String {
        let RelativeGather { lut, by_key, .. } = self.gather;
        let types = self.site.dtype;
        let scores = match &self.gather.scores {
            Scores::Tensor(_) => String::new(),
            Scores::Product(product) => {
                let Product {
                    order,
                    rows,
                    table_dtype,
                    ..
                } = product;
                format!("{order:?}{rows:?}{table_dtype:?}")
            }
        };
        let tensors = self.tensors().key();
        format!("gather{scores}{lut:?}{by_key}{types:?}{tensors}")
    }

    fn expected(&self, operands: &[Numbers<'_>]) -> Result<Dense, Failure> {
        let (data, query, key) = self.tensors().read(operands)?;
        let made;
        let scores = match &self.gather.scores {
            Scores::Tensor(_) => data[0],
            Scores::Product(of) => {
                made = product::of(of, data[0], data[1])?;
                (&made.values[..], &made.shape[..])
            }
        };
        let columns = scores.1.last().copied().unwrap_or(0);
        let lut = entries(&self.gather.lut, columns);
        let attributes = RelativeGatherAttributes {
            by_key: self.gather.by_key,
        };
        let call = Call {
            attributes: attributes.values().to_vec(),
            ..Call::default()
        };
        run(
            relative_gather::CONTRACT,
            &call,
            scores,
            Some(&lut),
            [&query, &key],
        )
    }

    /// Elements are copied. Of a product each of its `terms` products and sums is rounded, by at most half a unit in the last place of
    /// a partial sum; none of these is taken to be larger than the largest result.
    fn tolerance(&self) -> f64 {
        match &self.gather.scores {
            Scores::Tensor(_) => 0.0,
            Scores::Product(product) => 2.0 * product.terms as f64 * rounding(self.site.dtype),
        }
    }
}

impl Claim for AlibiClaim<'_> {
    fn operands(&self) -> Vec<&str> {
        self.tensors().operands()
    }

    fn measured(&self) -> Vec<&str> {
        self.tensors().measured()
    }

    /// Slopes may be a part of the constant that the graph cuts the bias from: then the cut starts from nothing.
    fn starts(&self) -> Vec<Vec<&str>> {
        let mut starts = self.tensors().starts();
        starts.push(Vec::new());
        starts
    }

    fn origin(&self) -> Option<&str> {
        None
    }

    fn numbers(&self, tensor: &str) -> Draw {
        let reach = FAR_ALIBI / 2;
        self.tensors()
            .draw(tensor, self.site.dtype, (reach, FAR_ALIBI))
    }

    fn key(&self) -> String {
        let Alibi {
            negated,
            absolute,
            layout,
            ..
        } = self.alibi;
        let types = self.site.dtype;
        format!(
            "alibi{negated}{absolute}{layout:?}{types:?}{}",
            self.tensors().key()
        )
    }

    fn expected(&self, operands: &[Numbers<'_>]) -> Result<Dense, Failure> {
        let (data, query, key) = self.tensors().read(operands)?;
        let (slopes, _) = data[0];
        let sign = if self.alibi.negated { -1.0 } else { 1.0 };
        let slopes: Vec<f64> = slopes.iter().map(|slope| sign * slope).collect();
        let attributes = AlibiAttributes {
            absolute: self.alibi.absolute,
        };
        let call = Call {
            attributes: attributes.values().to_vec(),
            inputs: vec![Operand {
                dtype: ElementType::from_onnx(self.site.dtype.to_onnx()),
                shape: None,
                ..Operand::default()
            }],
        };
        let heads = [slopes.len()];
        let bias = run(
            alibi_bias::CONTRACT,
            &call,
            (&slopes, &heads),
            None,
            [&query, &key],
        )?;
        layout::laid(bias, &self.alibi.layout)
    }

    fn met(&self) -> bool {
        self.alibi.met
    }

    /// Four roundings, each half a unit in the last place: of two positions, of their distance, and of the product. Positions are small
    /// enough that in most types only the last one rounds.
    fn tolerance(&self) -> f64 {
        match self.site.dtype {
            DataType::F64 => 5e-16,
            DataType::F16 => 2e-3,
            DataType::BF16 => 8e-3,
            _ => 2.5e-7,
        }
    }
}

/// By how much a number of a type is rounded at most, relative to it.
fn rounding(dtype: DataType) -> f64 {
    let digits = match dtype {
        DataType::F64 => 53,
        DataType::F16 => 11,
        DataType::BF16 => 8,
        _ => 24,
    };
    f64::powi(2.0, -digits)
}

/// How far a lookup table reaches.
fn reach(lut: &Lut) -> i64 {
    match lut {
        Lut::Known(entries) => entries.len() as i64 / 2,
        Lut::Columns { .. } => FEW,
    }
}

/// Lengths at which consecutive positions have every distance of a lookup table: to either side of each other, and to one.
fn long(lut: &Lut) -> Vec<i64> {
    match lut {
        Lut::Known(_) => {
            let lengths = [reach(lut) + 1, 2 * reach(lut) + 5].into_iter();
            lengths.filter(|&length| length <= MAX_LONG).collect()
        }
        Lut::Columns { .. } => Vec::new(),
    }
}

/// The entries of a lookup table for this number of rows or columns.
fn entries(lut: &Lut, count: usize) -> Vec<f64> {
    let all = 0..count as i64;
    let entries: Vec<i64> = match lut {
        Lut::Known(entries) => entries.clone(),
        Lut::Columns { even, reversed } => {
            let last = even.then_some(count as i64 - 1);
            let mut all: Vec<i64> = all.chain(last).collect();
            if *reversed {
                all.reverse();
            }
            all
        }
    };
    entries.iter().map(|&entry| entry as f64).collect()
}

/// What the reference of an operator gives for its first input, the lookup table if it has one, and positions of queries and keys.
fn run(
    contract: &dyn Contract,
    call: &Call,
    (first, shape): Numbers<'_>,
    lut: Option<&[f64]>,
    positions: [&Dense; 2],
) -> Result<Dense, Failure> {
    let entries = lut.map_or(0, <[f64]>::len);
    let lut_shape = [entries];
    let lut = lut.map(|values| View {
        values,
        shape: &lut_shape,
    });
    let positions = positions.map(|tensor| View {
        values: &tensor.values,
        shape: &tensor.shape,
    });
    let first = View {
        values: first,
        shape,
    };
    let inputs: Vec<View<'_>> = [first].into_iter().chain(lut).chain(positions).collect();
    Ok(reference(contract, call, &inputs)?.swap_remove(0))
}
