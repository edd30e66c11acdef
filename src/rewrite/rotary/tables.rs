//! Plans `RotaryTable` nodes.
//!
//! Sites whose angles are positions times frequencies read the outputs of one node for each table, instead of the graph's own
//! tables, which are removed if nothing else uses them. If the graph rounds its tables to a narrower type, the node does too; where sites
//! read them in several types, a cast of each output does the same.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::onnx::proto::NodeProto;
use crate::onnx::{DataType, ModelFile};
use crate::recognize::{AngleTable, Frequencies, TABLE_RULE, TableInput};
use crate::rewrite::angles;
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::subject::NewCall;

use phasor_ops::contract::rotary_table::{NAME, RotaryTableAttributes};
use phasor_ops::contract::{Call, ElementType, Operand};

use super::site::RotarySite;

/// Sites with their tables replaced, and the nodes that compute these.
#[derive(Default)]
pub(super) struct Wired {
    /// All sites, with the tables they read.
    pub sites: Vec<RotarySite>,
    /// New nodes, by the node before which they must stand.
    pub nodes: BTreeMap<usize, Vec<NodeProto>>,
}

impl Wired {
    /// Makes the sites of the chosen tables read new nodes; the others keep the graph's tables.
    pub(super) fn new(
        sites: Vec<RotarySite>,
        tables: &[AngleTable],
        chosen: &[usize],
        draft: &mut Draft<'_>,
    ) -> Wired {
        let readers = readers(&sites);
        let mut wired = Wired {
            sites,
            ..Wired::default()
        };
        for &number in chosen {
            if let Some(readers) = readers.get(&number) {
                wired.add(&tables[number], readers, draft);
            }
        }
        wired
    }

    fn add(&mut self, table: &AngleTable, readers: &[usize], draft: &mut Draft<'_>) {
        let Some(first) = readers.iter().map(|&s| self.sites[s].node).min() else {
            return;
        };
        if !sources_stand_before(draft.file, table, first) {
            return;
        }
        let mut nodes = Vec::new();
        let mut put = |draft: &mut Draft<'_>, stem: &str, op: Op<'_>| {
            let output = draft.fresh(stem);
            nodes.push(op.node(&output, vec![output.clone()]));
            output
        };
        let (read, of_read) = (&table.positions, table.positions_dtype);
        let positions = angles::positions(draft, read, of_read, &mut put);
        let frequencies = angles::frequencies(
            draft,
            &table.frequencies,
            table.dtype,
            "phasor_angles_frequencies",
            &mut put,
        );
        let wanted = readers.iter().map(|&s| self.sites[s].rotary.table_dtype);
        let result = result_type(table, wanted);
        let target_type = angles::target_type(draft, result);
        let outputs = ["cos", "sin"].map(|part| draft.fresh(&format!("phasor_angles_{part}")));
        let new = NewCall {
            operator: NAME,
            call: call(table, result),
        };
        let op = Op::calling(TABLE_RULE, new, [positions, frequencies, target_type]);
        let name = draft.fresh("phasor_angles");
        nodes.extend(draft.nodes(op, &name, outputs.to_vec()));
        let mut narrowed: BTreeMap<i32, [String; 2]> = BTreeMap::new();
        for &s in readers {
            let site = &mut self.sites[s];
            let Some(used) = site.rotary.table.take() else {
                continue;
            };
            let dtype = site.rotary.table_dtype;
            let [cos, sin] = match dtype == result {
                true => &outputs,
                false => narrowed.entry(dtype.to_onnx()).or_insert_with(|| {
                    outputs.each_ref().map(|from| {
                        let to = draft.fresh(&format!("{from}_{dtype}"));
                        let cast = Op::new("Cast", [from.clone()]);
                        let cast = cast.with("to", dtype.to_onnx().into());
                        nodes.push(cast.node(&to, vec![to.clone()]));
                        to
                    })
                }),
            };
            site.rotary.cos = input(cos, &used.unsqueeze);
            site.rotary.sin = input(sin, &used.unsqueeze);
            site.rotary.table_width = table.width;
            site.rotary.inverse = used.inverse;
        }
        self.nodes.entry(first).or_default().extend(nodes);
    }
}

/// The sites that can read each table, by its number.
pub(super) fn readers(sites: &[RotarySite]) -> FxHashMap<usize, Vec<usize>> {
    let mut readers: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    for (s, site) in sites.iter().enumerate() {
        if let Some(used) = &site.rotary.table {
            readers.entry(used.table).or_default().push(s);
        }
    }
    readers
}

/// The type of a table's results: the one that sites want, if it is one and its arithmetic is the table's.
pub(super) fn result_type(
    table: &AngleTable,
    mut wanted: impl Iterator<Item = DataType>,
) -> DataType {
    let first = wanted.next().unwrap_or(table.dtype);
    match wanted.all(|other| other == first) {
        true => angles::result_type(table.dtype, first),
        false => table.dtype,
    }
}

/// What the function body of the table's node must serve, with results of type `result`.
pub(super) fn call(table: &AngleTable, result: DataType) -> Call {
    let streams = match &table.frequencies {
        Frequencies::Numbers(rows) => Some(rows.len()).filter(|&rows| rows > 1),
        Frequencies::Value { .. } => None,
    };
    let shape = streams.into_iter().chain([table.width]).map(Some);
    let attributes = RotaryTableAttributes {
        axis: table.axis.unwrap_or(0) as i64,
        amplitude: table.amplitude,
        precise: table.precise,
    };
    Call {
        attributes: attributes.values().to_vec(),
        inputs: vec![
            Operand::default(),
            Operand {
                shape: Some(shape.collect()),
                ..Operand::default()
            },
            Operand {
                dtype: ElementType::from_onnx(result.to_onnx()),
                ..Operand::default()
            },
        ],
    }
}

/// Whether positions and frequencies are computed before the node at `first`, where the table must stand.
pub(super) fn sources_stand_before(file: &ModelFile, table: &AngleTable, first: usize) -> bool {
    let index = file.index();
    let before = |name: &str| {
        let producer = index.id(name).and_then(|id| index.producer(id));
        producer.is_none_or(|(node, _)| node < first)
    };
    table.sources().all(before)
}

fn input(value: &str, unsqueeze: &[usize]) -> TableInput {
    TableInput {
        value: value.to_owned(),
        unsqueeze: unsqueeze.to_vec(),
    }
}
