//! The kit of the tests on relative sites: graphs in ONNX's textual syntax with sites that a test claims of them, and sites in the
//! words of the table tests.
//!
//! * `bias(table) [1, n, q, k] by 2 1 0*3, q at pos, k at 0..x.1`: axes of `y` (`b` batch, `n` heads, `q` queries, `k` keys, 1 unit),
//!   rows of the distances, of which `0*3` are three equal ones, and positions.
//!   `table[n, r]` has rows along its second axis.
//! * `gather(scores) by key by columns`, or `by even columns` where their number is even, or `by reversed columns`.
//! * `gather(x * table[2..7] over 8)`: products of 8 terms with these rows of the table; `table` with all, `table[around 4]` with those
//!   around one. `x[0, 2, 1, 3]` has its axes in this order.
//! * `alibi(-slopes) [n, q, k] absolute met`: negated slopes, distances without their sign, and a tensor that has as many queries and
//!   keys.
//! * `pos[0, 3]` keeps these axes of `pos`, `0..x.1` counts along axis 1 of `x`, and `2 1 0` are known positions.

pub(crate) mod graphs;
pub(crate) mod products;

use super::{
    Alibi, BiasAxis, Lut, Positions, Product, RelativeBias, RelativeGather, Rows, Scores, TableAxes,
};
use crate::facts::Facts;
use crate::onnx::{DataType, ModelFile};
use crate::recognize::{Analysis, Kind, Proof, Site};
use crate::symbolic::testing::file;

/// A graph, and what would be found in it if these tensors were sites of these kinds. Nothing is proven.
pub(crate) fn claimed(text: &str, sites: Vec<(&str, Kind)>) -> (ModelFile, Analysis) {
    let file = file(text);
    let facts = Facts::of(&file);
    let index = file.index();
    let mut analysis = Analysis::default();
    for id in index.values() {
        let name = index.name(id);
        if let Some(shape) = facts.get(name).and_then(|fact| fact.shape.clone()) {
            analysis.shapes.insert(name.to_owned(), shape);
        }
    }
    for (y, kind) in sites {
        let id = index.id(y).expect("a value");
        let (node, _) = index.producer(id).expect("a computed value");
        let fact = facts.get(y).expect("a fact");
        analysis.sites.push(Site {
            rule: "claimed",
            node,
            node_name: y.to_owned(),
            y: y.to_owned(),
            dtype: fact.dtype.expect("a type"),
            shape: format!("{:?}", fact.shape),
            proof: Proof::Exact,
            assumes_finite: false,
            kind,
        });
    }
    (file, analysis)
}

/// A tensor of positions, of which these axes are kept.
pub(crate) fn held(name: &str, dtype: DataType, axes: &[usize], rank: usize) -> Positions {
    Positions::Value {
        name: name.to_owned(),
        dtype,
        axes: axes.to_vec(),
        rank,
    }
}

/// Positions along an axis.
pub(crate) fn counted(tensor: &str, axis: usize) -> Positions {
    Positions::Counted {
        tensor: tensor.to_owned(),
        axis,
    }
}

/// A bias of a table.
pub(crate) fn bias(
    (table, heads): (&str, usize),
    lut: Lut,
    [query, key]: [Positions; 2],
    layout: &[BiasAxis],
) -> Kind {
    Kind::RelativeBias(RelativeBias {
        table: table.to_owned(),
        axes: TableAxes::PLAIN,
        heads,
        lut,
        query,
        key,
        layout: layout.to_vec(),
    })
}

/// Scores by distance.
pub(crate) fn gather(scores: &str, lut: Lut, [query, key]: [Positions; 2], by_key: bool) -> Kind {
    Kind::RelativeGather(RelativeGather {
        scores: Scores::Tensor(scores.to_owned()),
        lut,
        query,
        key,
        by_key,
    })
}

/// Products of vectors with rows of a table, by distance.
pub(crate) fn product(
    product: Product,
    lut: Lut,
    [query, key]: [Positions; 2],
    by_key: bool,
) -> Kind {
    Kind::RelativeGather(RelativeGather {
        scores: Scores::Product(product),
        lut,
        query,
        key,
        by_key,
    })
}

/// A linear bias: the slopes, with their number of axes and of heads, whether they are negated, and whether distances have no sign.
pub(crate) fn alibi(
    (slopes, slopes_rank, heads): (&str, usize, usize),
    [negated, absolute]: [bool; 2],
    [query, key]: [Positions; 2],
    layout: &[BiasAxis],
) -> Kind {
    Kind::Alibi(Alibi {
        slopes: slopes.to_owned(),
        slopes_rank,
        negated,
        heads,
        query,
        key,
        absolute,
        layout: layout.to_vec(),
        met: false,
    })
}

/// A relative site; nothing for another.
pub(in crate::recognize) fn written(kind: &Kind) -> String {
    match kind {
        Kind::RelativeBias(site) => format!(
            "bias({}{}) {} by {}, {}",
            site.table,
            table_axes(site.axes),
            axes(&site.layout),
            columns(&site.lut),
            both(&site.query, &site.key)
        ),
        Kind::RelativeGather(site) => format!(
            "gather({}) {}by {}, {}",
            scores(&site.scores),
            if site.by_key { "by key " } else { "" },
            columns(&site.lut),
            both(&site.query, &site.key)
        ),
        Kind::Alibi(site) => format!(
            "alibi({}{}) {}{}{}, {}",
            if site.negated { "-" } else { "" },
            site.slopes,
            axes(&site.layout),
            if site.absolute { " absolute" } else { "" },
            if site.met { " met" } else { "" },
            both(&site.query, &site.key)
        ),
        _ => String::new(),
    }
}

fn scores(scores: &Scores) -> String {
    match scores {
        Scores::Tensor(name) => name.clone(),
        Scores::Product(product) => {
            let Product {
                x,
                order,
                table,
                terms,
                rows,
                ..
            } = product;
            let rows = match rows {
                Rows::All => String::new(),
                Rows::Part { first, count } => format!("[{first}..{}]", first + count),
                Rows::Around { middle } => format!("[around {middle}]"),
            };
            let x = match order.is_empty() {
                true => x.clone(),
                false => format!("{x}{order:?}"),
            };
            format!("{x} * {table}{rows} over {terms}")
        }
    }
}

/// The axes of a table, unless they are rows and heads.
fn table_axes(axes: TableAxes) -> String {
    let letter = |axis: usize| match axis {
        axis if axis == axes.row => "r",
        axis if Some(axis) == axes.head => "n",
        _ => "1",
    };
    let letters: Vec<&str> = (0..axes.rank).map(letter).collect();
    match &letters[..] {
        ["r", "n"] => String::new(),
        _ => format!("[{}]", letters.join(", ")),
    }
}

fn axes(layout: &[BiasAxis]) -> String {
    let letter = |axis: &BiasAxis| match axis {
        BiasAxis::Unit => "1",
        BiasAxis::Batch => "b",
        BiasAxis::Head => "n",
        BiasAxis::Query => "q",
        BiasAxis::Key => "k",
    };
    let letters: Vec<&str> = layout.iter().map(letter).collect();
    format!("[{}]", letters.join(", "))
}

fn columns(lut: &Lut) -> String {
    match lut {
        Lut::Known(entries) => runs(entries),
        Lut::Columns { even, reversed } => format!(
            "{}{}columns",
            if *reversed { "reversed " } else { "" },
            if *even { "even " } else { "" }
        ),
    }
}

fn both(query: &Positions, key: &Positions) -> String {
    format!("q at {}, k at {}", positions(query), positions(key))
}

fn positions(positions: &Positions) -> String {
    match positions {
        Positions::Value {
            name, axes, rank, ..
        } if axes.len() == *rank => name.clone(),
        Positions::Value { name, axes, .. } => format!("{name}{axes:?}"),
        Positions::Counted { tensor, axis } => format!("0..{tensor}.{axis}"),
        Positions::Known(numbers) => runs(numbers),
    }
}

/// Numbers in order; equal ones in a row are written once.
fn runs(numbers: &[i64]) -> String {
    let runs = numbers.chunk_by(|a, b| a == b);
    let run = |run: &[i64]| match run.len() {
        1 => run[0].to_string(),
        count => format!("{}*{count}", run[0]),
    };
    runs.map(run).collect::<Vec<_>>().join(" ")
}
