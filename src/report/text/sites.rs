//! Sites as tables, one for each family.

use super::{attention, columns, confirmed, indented, proven, relative, rotary, sinusoidal};
use crate::report::{KindReport, SiteReport};

/// The tables of `phasor inspect`. Sites of a family have the same columns.
pub(super) fn tables(sites: &[SiteReport]) -> String {
    let mut tables: Vec<(Vec<&str>, comfy_table::Table)> = Vec::new();
    for site in sites {
        let (names, cells): (Vec<&str>, Vec<String>) = row(site).into_iter().unzip();
        let known = tables.iter().position(|(columns, _)| *columns == names);
        let at = known.unwrap_or_else(|| {
            tables.push((names.clone(), columns(&names)));
            tables.len() - 1
        });
        tables[at].1.add_row(cells);
    }
    tables.iter().map(|(_, table)| indented(table)).collect()
}

/// Names of columns and cells of one site.
fn row(site: &SiteReport) -> Vec<(&'static str, String)> {
    let own = match &site.kind {
        KindReport::Rotary(rotary) => rotary::cells(rotary),
        KindReport::RelativeBias(_) | KindReport::RelativeGather(_) | KindReport::Alibi(_) => {
            relative::cells(&site.kind)
        }
        KindReport::Sinusoidal(sinusoidal) => sinusoidal::cells(sinusoidal),
        KindReport::Attention(attention) => attention::cells(attention),
        #[cfg(test)]
        KindReport::Toy { x } => vec![("x", x.clone())],
    };
    let head = [
        ("node", site.node.clone()),
        ("rule", site.rule.to_owned()),
        ("shape", site.shape.clone()),
    ];
    let tail = [
        ("type", site.dtype.clone()),
        ("proof", proven(site)),
        ("confirmed", confirmed(site.max_diff, site.probes)),
    ];
    head.into_iter().chain(own).chain(tail).collect()
}
