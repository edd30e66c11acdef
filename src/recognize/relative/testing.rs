//! Relative sites in the words of the table tests.
//!
//! * `bias(table) [1, n, q, k] by 2 1 0*3, q at pos, k at 0..x.1`: axes of `y` (`b` batch, `n` heads, `q` queries, `k` keys, 1 unit),
//!   rows of the distances, of which `0*3` are three equal ones, and positions.
//! * `gather(scores) by key by columns`, or `by even columns` where their number is even.
//! * `alibi(-slopes) [n, q, k] absolute`: negated slopes, distances without their sign.
//! * `pos[0, 3]` keeps these axes of `pos`, `0..x.1` counts along axis 1 of `x`, and `2 1 0` are known positions.

use super::{BiasAxis, Lut, Positions};
use crate::recognize::Kind;

/// A relative site; nothing for another.
pub(in crate::recognize) fn written(kind: &Kind) -> String {
    match kind {
        Kind::RelativeBias(site) => format!(
            "bias({}) {} by {}, {}",
            site.table,
            axes(&site.layout),
            columns(&site.lut),
            both(&site.query, &site.key)
        ),
        Kind::RelativeGather(site) => format!(
            "gather({}) {}by {}, {}",
            site.scores,
            if site.by_key { "by key " } else { "" },
            columns(&site.lut),
            both(&site.query, &site.key)
        ),
        Kind::Alibi(site) => format!(
            "alibi({}{}) {}{}, {}",
            if site.negated { "-" } else { "" },
            site.slopes,
            axes(&site.layout),
            if site.absolute { " absolute" } else { "" },
            both(&site.query, &site.key)
        ),
        _ => String::new(),
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
        Lut::Columns { even: false } => "columns".to_owned(),
        Lut::Columns { even: true } => "even columns".to_owned(),
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
