//! Rotary sites as text.

use crate::report::{RotaryReport, SiteReport, Table};

/// What the table of `phasor inspect` shows of one site: names of columns and cells.
pub(super) fn cells(rotary: &RotaryReport) -> Vec<(&'static str, String)> {
    let mut layout = rotary.pairing.to_owned();
    if rotary.output_pairing != rotary.pairing {
        layout = format!("{layout} -> {}", rotary.output_pairing);
    }
    if rotary.inverse {
        layout += ", inverse";
    }
    let end = rotary.rotary_offset + rotary.rotary_dim;
    let mut angles = rotary.angles.to_owned();
    if let Some(table) = &rotary.angle_table {
        angles = format!("table {} of `{}`", table.table + 1, table.positions);
    }
    if rotary.amplitude != 1.0 {
        angles += &format!(" x {:.4}", rotary.amplitude);
    }
    vec![
        ("layout", layout),
        (
            "channels",
            format!("{}..{end} of {}", rotary.rotary_offset, rotary.head_dim),
        ),
        ("angles", angles),
    ]
}

/// What `phasor explain` shows of one site: names and texts of its lines.
pub(super) fn lines(site: &SiteReport, rotary: &RotaryReport) -> Vec<(&'static str, String)> {
    let tensor = format!("`{}` {}, {}", rotary.x, site.shape, site.dtype);
    let mut layout = format!("{} pairs", rotary.pairing);
    if rotary.output_pairing != rotary.pairing {
        layout += &format!(", left {}", rotary.output_pairing);
    }
    let end = rotary.rotary_offset + rotary.rotary_dim;
    layout += &format!(
        ", channels {}..{end} of {}",
        rotary.rotary_offset, rotary.head_dim
    );
    if rotary.inverse {
        layout += ", by the negated angle";
    }
    let mut angles = rotary.angles.to_owned();
    if rotary.amplitude != 1.0 {
        angles += &format!(", scaled by {:.6}", rotary.amplitude);
    }
    let table = |table: &Table| match &table.unsqueeze[..] {
        [] => format!("`{}`", table.value),
        axes => format!("`{}` with unit axes at {axes:?}", table.value),
    };
    let tables = format!(
        "cos {}, sin {}, {}",
        table(&rotary.cos),
        table(&rotary.sin),
        rotary.table_dtype
    );
    vec![
        ("tensor", tensor),
        ("layout", layout),
        ("angles", angles),
        ("tables", tables),
    ]
}
