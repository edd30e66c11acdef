//! `RelativeGather` in standard ONNX operators.
//!
//! A model has one function of a name. In whatever trait all uses agree, the body is written for that; for the rest it asks the
//! attribute and the shapes.

use super::{ATTRIBUTES, INPUTS, OUTPUTS, RelativeGatherAttributes, SPEC};
use crate::contract::body::{BOOL, BodyBuilder, INT64};
use crate::contract::relative::body::entries;
use crate::contract::spec::names;
use crate::contract::{BodyAttribute, ContractError, FunctionBody};

/// One node of a model, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelativeGatherUse {
    /// Its attributes.
    pub attributes: RelativeGatherAttributes,
    /// Rank of `scores`, at least 2.
    pub rank: Option<usize>,
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// [`ContractError::Unsupported`] for an opset older than 13.
pub fn function_body(
    opset: i64,
    uses: &[RelativeGatherUse],
) -> Result<FunctionBody, ContractError> {
    let mut builder = BodyBuilder::new(opset)?;
    let agreed = uses
        .split_first()
        .filter(|(first, rest)| rest.iter().all(|u| u.attributes == first.attributes));
    let by_key = agreed.map(|(first, _)| first.attributes.by_key);
    let rank = agreed.and_then(|(first, rest)| {
        first
            .rank
            .filter(|rank| rest.iter().all(|u| u.rank == Some(*rank)))
    });
    let mut writer = Writer {
        b: &mut builder,
        sizes: String::new(),
    };
    writer.sizes = writer.b.op("Shape", &[INPUTS[0].name]);
    match (by_key, rank) {
        (Some(false), _) => {
            writer.rows(false);
        }
        (Some(true), Some(rank)) => writer.transposed(rank),
        _ => writer.numbered(by_key),
    }
    builder.name_last(OUTPUTS[0].name);
    Ok(builder.finish(&SPEC))
}

/// Writes one body.
struct Writer<'a> {
    b: &'a mut BodyBuilder,
    /// Shape of `scores`.
    sizes: String,
}

impl Writer<'_> {
    /// Gathers from each row; with `by_key` the result has a row a key, a column a query.
    fn rows(&mut self, by_key: bool) -> String {
        let columns = self.columns(by_key);
        let [scores, _, query, key] = names(&INPUTS);
        let shape = self.shape(if by_key { [key, query] } else { [query, key] });
        let columns = self.b.op("Expand", &[&columns, &shape]);
        self.gather_elements(scores, &columns)
    }

    /// The same with `by_key` for one rank, turned to a row a query.
    fn transposed(&mut self, rank: usize) {
        let gathered = self.rows(true);
        let mut order: Vec<i64> = (0..).take(rank).collect();
        if let [.., row, column] = &mut order[..] {
            std::mem::swap(row, column);
        }
        let order = vec![("perm", BodyAttribute::Ints(order))];
        self.b.op_with("Transpose", &[&gathered], order);
    }

    /// For every rank, and both values of `by_key` where it is not given: gathers from the elements of a matrix, in one row.
    fn numbered(&mut self, by_key: Option<bool>) {
        let [scores, _, query, key] = names(&INPUTS);
        let columns = self.columns(false);
        let columns = self.b.cast(&columns, INT64);
        let row = self.row_numbers(by_key);
        let width = self.b.vector(&[-1]);
        let width = self.b.gather(&self.sizes, &width);
        let start = self.b.op("Mul", &[&row, &width]);
        let element = self.b.op("Add", &[&start, &columns]);
        let shape = self.shape([query, key]);
        let element = self.b.op("Expand", &[&element, &shape]);

        let joined = self.joined(&shape);
        let element = self.b.reshape(&element, &joined);
        let joined = self.joined(&self.sizes.clone());
        let scores = self.b.reshape(scores, &joined);
        let gathered = self.gather_elements(&scores, &element);
        self.b.reshape(&gathered, &shape);
    }

    /// The column of `scores` for every query and key, a row a query, or a key.
    fn columns(&mut self, by_key: bool) -> String {
        let [_, lut, query, key] = names(&INPUTS);
        let (row, column) = (self.b.vector(&[-1]), self.b.vector(&[-2]));
        let (of_query, of_key) = if by_key { (column, row) } else { (row, column) };
        let query = self.b.op("Unsqueeze", &[query, &of_query]);
        let key = self.b.op("Unsqueeze", &[key, &of_key]);
        entries(self.b, lut, &query, &key)
    }

    /// The row of `scores` for every query and key: it broadcasts to a row a query, a column a key.
    fn row_numbers(&mut self, by_key: Option<bool>) -> String {
        let [_, _, query, key] = names(&INPUTS);
        let of_key = self.count_up(key);
        if by_key == Some(true) {
            return of_key;
        }
        let of_query = self.count_up(query);
        let last = self.b.vector(&[-1]);
        let of_query = self.b.op("Unsqueeze", &[&of_query, &last]);
        let by_key = self.b.attribute(ATTRIBUTES[0]);
        let by_key = self.b.cast(&by_key, BOOL);
        self.b.op("Where", &[&by_key, &of_key, &of_query])
    }

    /// From 0 on, as many as the last axis of `positions` has.
    fn count_up(&mut self, positions: &str) -> String {
        let (zero, one) = (self.b.scalar(0), self.b.scalar(1));
        let count = self.b.last_size(positions);
        self.b.op("Range", &[&zero, &count, &one])
    }

    /// The leading axes of `scores`, and as many rows and columns as there are positions.
    fn shape(&mut self, positions: [&str; 2]) -> String {
        let last = self.b.vector(&[-1]);
        let [rows, columns] = positions.map(|positions| {
            let sizes = self.b.op("Shape", &[positions]);
            self.b.gather(&sizes, &last)
        });
        let lead = self.b.slice(&self.sizes, 0, -2, 1);
        self.b.concat(&[&lead, &rows, &columns])
    }

    /// `shape` with its last two axes as one.
    fn joined(&mut self, shape: &str) -> String {
        let lead = self.b.slice(shape, 0, -2, 1);
        let (row, column) = (self.b.vector(&[-2]), self.b.vector(&[-1]));
        let rows = self.b.gather(shape, &row);
        let columns = self.b.gather(shape, &column);
        let elements = self.b.op("Mul", &[&rows, &columns]);
        self.b.concat(&[&lead, &elements])
    }

    fn gather_elements(&mut self, data: &str, indices: &str) -> String {
        let last = vec![("axis", BodyAttribute::Int(-1))];
        self.b.op_with("GatherElements", &[data, indices], last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::body::assert_in_order;

    fn of(by_key: bool, rank: Option<usize>) -> RelativeGatherUse {
        RelativeGatherUse {
            attributes: RelativeGatherAttributes { by_key },
            rank,
        }
    }

    fn count(uses: &[RelativeGatherUse], op_type: &str) -> usize {
        let body = function_body(13, uses).unwrap();
        body.nodes.iter().filter(|n| n.op_type == op_type).count()
    }

    fn asks_the_attribute(uses: &[RelativeGatherUse]) -> bool {
        let body = function_body(17, uses).unwrap();
        let mut attributes = body.nodes.iter().flat_map(|n| &n.attributes);
        attributes.any(|(_, a)| matches!(a, BodyAttribute::Reference(_)))
    }

    #[test]
    fn the_body_is_as_plain_as_its_uses() {
        for (uses, transposes, reshapes, asks) in [
            (vec![of(false, None)], 0, 0, false),
            (vec![of(false, Some(3)), of(false, Some(4))], 0, 0, false),
            (vec![of(true, Some(4)), of(true, Some(4))], 1, 0, false),
            (vec![of(true, Some(3)), of(true, Some(4))], 0, 3, false),
            (vec![of(true, None)], 0, 3, false),
            (vec![of(true, Some(3)), of(false, Some(3))], 0, 3, true),
            (vec![], 0, 3, true),
        ] {
            assert_eq!(count(&uses, "Transpose"), transposes, "{uses:?}");
            assert_eq!(count(&uses, "Reshape"), reshapes, "{uses:?}");
            assert_eq!(asks_the_attribute(&uses), asks, "{uses:?}");
            for opset in [13, 14, 18, 23] {
                assert_in_order(&function_body(opset, &uses).unwrap());
            }
        }
        assert!(function_body(12, &[]).is_err());
    }
}
