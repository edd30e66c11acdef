//! Relative sites as text.

use crate::report::{
    AlibiReport, KindReport, LutReport, PositionsReport, ProductReport, RelativeBiasReport,
    RelativeGatherReport, SiteReport,
};

/// What a relative site shows, whatever its family.
struct Shown {
    /// What the operator reads.
    reads: String,
    /// How it depends on the distance.
    distances: String,
    queries: String,
    keys: String,
    /// What lies along the axes of `y`.
    axes: Option<String>,
}

/// What the table of `phasor inspect` shows of one site: names of columns and cells. None of another family.
pub(super) fn cells(kind: &KindReport) -> Vec<(&'static str, String)> {
    let Some(shown) = shown(kind) else {
        return Vec::new();
    };
    vec![
        ("reads", shown.reads),
        ("distances", shown.distances),
        ("queries", shown.queries),
        ("keys", shown.keys),
    ]
}

/// What `phasor explain` shows of one site: names and texts of its lines. None of another family.
pub(super) fn lines(site: &SiteReport) -> Vec<(&'static str, String)> {
    let Some(shown) = shown(&site.kind) else {
        return Vec::new();
    };
    let mut tensor = format!("`{}` {}, {}", site.y, site.shape, site.dtype);
    if let Some(axes) = shown.axes {
        tensor += &format!(", along {axes}");
    }
    vec![
        ("tensor", tensor),
        ("reads", shown.reads),
        ("distance", shown.distances),
        ("queries", shown.queries),
        ("keys", shown.keys),
    ]
}

fn shown(kind: &KindReport) -> Option<Shown> {
    match kind {
        KindReport::RelativeBias(bias) => Some(of_bias(bias)),
        KindReport::RelativeGather(gather) => Some(of_gather(gather)),
        KindReport::Alibi(alibi) => Some(of_alibi(alibi)),
        _ => None,
    }
}

fn of_bias(bias: &RelativeBiasReport) -> Shown {
    Shown {
        reads: format!("table `{}`, {}", bias.table, heads(bias.heads)),
        distances: lut(&bias.lut, "rows"),
        queries: positions(&bias.query),
        keys: positions(&bias.key),
        axes: Some(axes(&bias.layout)),
    }
}

fn of_gather(gather: &RelativeGatherReport) -> Shown {
    let rows = if gather.by_key { "keys" } else { "queries" };
    Shown {
        reads: match (&gather.scores, &gather.product) {
            (Some(scores), _) => format!("scores `{scores}` of {rows}"),
            (None, Some(product)) => format!("{} of {rows}", self::product(product)),
            (None, None) => String::new(),
        },
        distances: lut(&gather.lut, "columns"),
        queries: positions(&gather.query),
        keys: positions(&gather.key),
        axes: None,
    }
}

/// `products of `x` with rows 3..10 of `table``.
fn product(product: &ProductReport) -> String {
    let rows = match (product.first, product.rows, product.middle) {
        (Some(first), Some(rows), _) => format!("rows {first}..{} of ", first + rows),
        (.., Some(middle)) => format!("rows around {middle} of "),
        _ => String::new(),
    };
    format!("products of `{}` with {rows}`{}`", product.x, product.table)
}

fn of_alibi(alibi: &AlibiReport) -> Shown {
    let sign = if alibi.negated { "-" } else { "" };
    Shown {
        reads: format!("slopes {sign}`{}`, {}", alibi.slopes, heads(alibi.heads)),
        distances: if alibi.absolute {
            "times their magnitude".to_owned()
        } else {
            "times each".to_owned()
        },
        queries: positions(&alibi.query),
        keys: positions(&alibi.key),
        axes: Some(axes(&alibi.layout)),
    }
}

fn heads(count: usize) -> String {
    super::count(count, "head")
}

/// `-128..128 in 32 rows`.
fn lut(lut: &LutReport, of: &str) -> String {
    match (lut.reach, lut.buckets) {
        (Some(reach), Some(buckets)) => {
            let of = if buckets == 1 {
                of.trim_end_matches('s')
            } else {
                of
            };
            format!("-{reach}..{reach} in {buckets} {of}")
        }
        _ => format!("all {of} in order"),
    }
}

fn positions(positions: &PositionsReport) -> String {
    match (&positions.value, positions.axis) {
        (Some(value), Some(axis)) => format!("along axis {axis} of `{value}`"),
        (Some(value), None) => format!("`{value}`"),
        (None, _) => "constant".to_owned(),
    }
}

fn axes(layout: &[&'static str]) -> String {
    format!("[{}]", layout.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::DataType;
    use crate::recognize::relative_testing::{alibi, bias, counted, gather, held};
    use crate::recognize::{BiasAxis, Kind, Lut, Positions};

    fn texts(kind: &Kind) -> String {
        let kind = match kind {
            Kind::RelativeBias(bias) => KindReport::RelativeBias(bias.into()),
            Kind::RelativeGather(gather) => KindReport::RelativeGather(gather.into()),
            Kind::Alibi(alibi) => KindReport::Alibi(alibi.into()),
            _ => panic!("another family"),
        };
        let cells = cells(&kind).into_iter().map(|(_, cell)| cell);
        cells.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn sites_say_what_is_read_and_by_which_distances() {
        let positions = || [counted("x", 1), held("p", DataType::I64, &[0], 1)];
        let lut = || Lut::Known(vec![4, 4, 1, 0, 2, 3, 3]);
        let layout = [BiasAxis::Head, BiasAxis::Query, BiasAxis::Key];
        for (kind, wanted) in [
            (
                bias(("t", 12), lut(), positions(), &layout),
                "table `t`, 12 heads; -3..3 in 5 rows; along axis 1 of `x`; `p`",
            ),
            (
                gather(
                    "s",
                    Lut::Columns {
                        even: false,
                        reversed: false,
                    },
                    positions(),
                    true,
                ),
                "scores `s` of keys; all columns in order; along axis 1 of `x`; `p`",
            ),
            (
                gather("s", Lut::Known(vec![0]), positions(), false),
                "scores `s` of queries; -0..0 in 1 column; along axis 1 of `x`; `p`",
            ),
            (
                alibi(
                    ("s", 1, 1),
                    [true, true],
                    [Positions::Known(vec![0]), counted("x", 1)],
                    &layout,
                ),
                "slopes -`s`, 1 head; times their magnitude; constant; along axis 1 of `x`",
            ),
        ] {
            assert_eq!(texts(&kind), wanted);
        }
    }
}
