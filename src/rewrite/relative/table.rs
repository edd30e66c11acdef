//! The table of a site as a value `[R, N]`.

use crate::recognize::{RelativeBias, TableAxes};
use crate::rewrite::draft::{Draft, Op};

/// The table, with the axis of the rows before that of the heads, and no others.
pub(super) fn of(draft: &mut Draft<'_>, at: usize, bias: &RelativeBias) -> String {
    let TableAxes { rank, row, head } = bias.axes;
    let mut table = bias.table.clone();
    if let Some(head) = head.filter(|&head| head < row) {
        let mut order: Vec<i64> = (0..rank as i64).collect();
        order.swap(head, row);
        let stem = format!("{table}_by_row");
        let op = Op::new("Transpose", [table]).with_list("perm", &order);
        table = draft.shared(at, &stem, op);
    }
    if rank == 2 && (row == 0 || head == Some(0)) {
        return table;
    }
    let shape = draft.list(&[-1, bias.heads as i64]);
    let stem = format!("{table}_rows");
    draft.shared(at, &stem, Op::reshape(table, shape, false))
}
