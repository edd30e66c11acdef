//! The messages of `onnx.proto` as a table, for saying where a damaged file is damaged.
//!
//! prost reports neither offsets nor positions in lists. When it refuses a file, [`locate`] walks the bytes again with this
//! table and finds the place. It is not used on sound files.

use std::ops::Range;

use super::wire::{Damage, FIXED32, FIXED64, Fields, LEN, MAX_DEPTH, VARINT};

/// What a field holds. The plural forms are repeated.
#[derive(Clone, Copy)]
enum Kind {
    Int,
    Ints,
    Float,
    Floats,
    Doubles,
    Text,
    Texts,
    Raw,
    Raws,
    One(&'static Schema),
    Many(&'static Schema),
}
use Kind::*;

/// A message: its name, and number, name and kind of each field.
struct Schema(&'static str, &'static [(u32, &'static str, Kind)]);

static MODEL: Schema = Schema(
    "ModelProto",
    &[
        (1, "ir_version", Int),
        (2, "producer_name", Text),
        (3, "producer_version", Text),
        (4, "domain", Text),
        (5, "model_version", Int),
        (6, "doc_string", Text),
        (7, "graph", One(&GRAPH)),
        (8, "opset_import", Many(&OPSET)),
        (14, "metadata_props", Many(&ENTRY)),
        (20, "training_info", Many(&TRAINING)),
        (25, "functions", Many(&FUNCTION)),
        (26, "configuration", Many(&DEVICE)),
    ],
);
static GRAPH: Schema = Schema(
    "GraphProto",
    &[
        (1, "node", Many(&NODE)),
        (2, "name", Text),
        (5, "initializer", Many(&TENSOR)),
        (10, "doc_string", Text),
        (11, "input", Many(&VALUE_INFO)),
        (12, "output", Many(&VALUE_INFO)),
        (13, "value_info", Many(&VALUE_INFO)),
        (14, "quantization_annotation", Many(&ANNOTATION)),
        (15, "sparse_initializer", Many(&SPARSE)),
        (16, "metadata_props", Many(&ENTRY)),
    ],
);
static NODE: Schema = Schema(
    "NodeProto",
    &[
        (1, "input", Texts),
        (2, "output", Texts),
        (3, "name", Text),
        (4, "op_type", Text),
        (5, "attribute", Many(&ATTRIBUTE)),
        (6, "doc_string", Text),
        (7, "domain", Text),
        (8, "overload", Text),
        (9, "metadata_props", Many(&ENTRY)),
        (10, "device_configurations", Many(&NODE_DEVICE)),
    ],
);
static ATTRIBUTE: Schema = Schema(
    "AttributeProto",
    &[
        (1, "name", Text),
        (2, "f", Float),
        (3, "i", Int),
        (4, "s", Raw),
        (5, "t", One(&TENSOR)),
        (6, "g", One(&GRAPH)),
        (7, "floats", Floats),
        (8, "ints", Ints),
        (9, "strings", Raws),
        (10, "tensors", Many(&TENSOR)),
        (11, "graphs", Many(&GRAPH)),
        (13, "doc_string", Text),
        (14, "tp", One(&TYPE)),
        (15, "type_protos", Many(&TYPE)),
        (20, "type", Int),
        (21, "ref_attr_name", Text),
        (22, "sparse_tensor", One(&SPARSE)),
        (23, "sparse_tensors", Many(&SPARSE)),
    ],
);
static TENSOR: Schema = Schema(
    "TensorProto",
    &[
        (1, "dims", Ints),
        (2, "data_type", Int),
        (3, "segment", One(&SEGMENT)),
        (4, "float_data", Floats),
        (5, "int32_data", Ints),
        (6, "string_data", Raws),
        (7, "int64_data", Ints),
        (8, "name", Text),
        (9, "raw_data", Raw),
        (10, "double_data", Doubles),
        (11, "uint64_data", Ints),
        (12, "doc_string", Text),
        (13, "external_data", Many(&ENTRY)),
        (14, "data_location", Int),
        (16, "metadata_props", Many(&ENTRY)),
    ],
);
static SEGMENT: Schema = Schema("TensorProto.Segment", &[(1, "begin", Int), (2, "end", Int)]);
static SPARSE: Schema = Schema(
    "SparseTensorProto",
    &[
        (1, "values", One(&TENSOR)),
        (2, "indices", One(&TENSOR)),
        (3, "dims", Ints),
    ],
);
static FUNCTION: Schema = Schema(
    "FunctionProto",
    &[
        (1, "name", Text),
        (4, "input", Texts),
        (5, "output", Texts),
        (6, "attribute", Texts),
        (7, "node", Many(&NODE)),
        (8, "doc_string", Text),
        (9, "opset_import", Many(&OPSET)),
        (10, "domain", Text),
        (11, "attribute_proto", Many(&ATTRIBUTE)),
        (12, "value_info", Many(&VALUE_INFO)),
        (13, "overload", Text),
        (14, "metadata_props", Many(&ENTRY)),
    ],
);
static VALUE_INFO: Schema = Schema(
    "ValueInfoProto",
    &[
        (1, "name", Text),
        (2, "type", One(&TYPE)),
        (3, "doc_string", Text),
        (4, "metadata_props", Many(&ENTRY)),
    ],
);
static TYPE: Schema = Schema(
    "TypeProto",
    &[
        (1, "tensor_type", One(&TENSOR_TYPE)),
        (4, "sequence_type", One(&ELEMENT_TYPE)),
        (5, "map_type", One(&MAP_TYPE)),
        (6, "denotation", Text),
        (7, "opaque_type", One(&OPAQUE_TYPE)),
        (8, "sparse_tensor_type", One(&TENSOR_TYPE)),
        (9, "optional_type", One(&ELEMENT_TYPE)),
    ],
);
static TENSOR_TYPE: Schema = Schema(
    "TypeProto.Tensor",
    &[(1, "elem_type", Int), (2, "shape", One(&SHAPE))],
);
static ELEMENT_TYPE: Schema = Schema("TypeProto.Sequence", &[(1, "elem_type", One(&TYPE))]);
static MAP_TYPE: Schema = Schema(
    "TypeProto.Map",
    &[(1, "key_type", Int), (2, "value_type", One(&TYPE))],
);
static OPAQUE_TYPE: Schema = Schema(
    "TypeProto.Opaque",
    &[(1, "domain", Text), (2, "name", Text)],
);
static SHAPE: Schema = Schema("TensorShapeProto", &[(1, "dim", Many(&DIMENSION))]);
static DIMENSION: Schema = Schema(
    "TensorShapeProto.Dimension",
    &[
        (1, "dim_value", Int),
        (2, "dim_param", Text),
        (3, "denotation", Text),
    ],
);
static OPSET: Schema = Schema(
    "OperatorSetIdProto",
    &[(1, "domain", Text), (2, "version", Int)],
);
static ENTRY: Schema = Schema(
    "StringStringEntryProto",
    &[(1, "key", Text), (2, "value", Text)],
);
static ANNOTATION: Schema = Schema(
    "TensorAnnotation",
    &[
        (1, "tensor_name", Text),
        (2, "quant_parameter_tensor_names", Many(&ENTRY)),
    ],
);
static TRAINING: Schema = Schema(
    "TrainingInfoProto",
    &[
        (1, "initialization", One(&GRAPH)),
        (2, "algorithm", One(&GRAPH)),
        (3, "initialization_binding", Many(&ENTRY)),
        (4, "update_binding", Many(&ENTRY)),
    ],
);
static DEVICE: Schema = Schema(
    "DeviceConfigurationProto",
    &[
        (1, "name", Text),
        (2, "num_devices", Int),
        (3, "device", Texts),
    ],
);
static NODE_DEVICE: Schema = Schema(
    "NodeDeviceConfigurationProto",
    &[
        (1, "configuration_id", Text),
        (2, "sharding_spec", Many(&SHARDING)),
        (3, "pipeline_stage", Int),
    ],
);
static SHARDING: Schema = Schema(
    "ShardingSpecProto",
    &[
        (1, "tensor_name", Text),
        (2, "device", Ints),
        (3, "index_to_device_group_map", Many(&INT_LIST)),
        (4, "sharded_dim", Many(&SHARDED_DIM)),
    ],
);
static INT_LIST: Schema = Schema(
    "IntIntListEntryProto",
    &[(1, "key", Int), (2, "value", Ints)],
);
static SHARDED_DIM: Schema = Schema(
    "ShardedDimProto",
    &[(1, "axis", Int), (2, "simple_sharding", Many(&SIMPLE_DIM))],
);
static SIMPLE_DIM: Schema = Schema(
    "SimpleShardedDimProto",
    &[
        (1, "dim_value", Int),
        (2, "dim_param", Text),
        (3, "num_shards", Int),
    ],
);

/// A damaged place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Located {
    /// Message and field, such as `GraphProto.node[17].attribute[2].t`.
    pub place: String,
    pub cause: String,
    pub offset: usize,
}

/// The first damage in a model, if this walk finds one.
pub(super) fn locate(data: &[u8]) -> Option<Located> {
    let mut path = Vec::new();
    let damage = walk(&MODEL, data, 0..data.len(), &mut path).err()?;
    // Nearly everything lies in the graph: leave out the way there.
    let (root, rest) = match path.first().map(String::as_str) {
        Some("graph") if path.len() > 1 => (GRAPH.0, &path[1..]),
        _ => (MODEL.0, &path[..]),
    };
    let place = rest
        .iter()
        .fold(root.to_owned(), |place, step| place + "." + step);
    Some(Located {
        place,
        cause: damage.cause,
        offset: damage.offset,
    })
}

/// Whether the file begins with a field of a model.
pub(super) fn begins_like_a_model(data: &[u8]) -> bool {
    let first = match Fields::new(data, 0..data.len()).next() {
        Some(Ok(field)) => Some((field.tag, Some(field.wire))),
        Some(Err(damage)) => damage.tag.map(|tag| (tag, None)),
        None => None,
    };
    let known = |(tag, wire): (u32, Option<u8>)| {
        let field = MODEL.1.iter().find(|f| f.0 == tag);
        field.is_some_and(|f| wire.is_none_or(|wire| fits(f.2, wire)))
    };
    first.is_some_and(known)
}

fn fits(kind: Kind, wire: u8) -> bool {
    match kind {
        Int => wire == VARINT,
        Ints => wire == VARINT || wire == LEN,
        Float => wire == FIXED32,
        Floats => wire == FIXED32 || wire == LEN,
        Doubles => wire == FIXED64 || wire == LEN,
        Text | Texts | Raw | Raws | One(_) | Many(_) => wire == LEN,
    }
}

/// On an error `path` is left pointing at the place.
fn walk(
    schema: &Schema,
    data: &[u8],
    range: Range<usize>,
    path: &mut Vec<String>,
) -> Result<(), Damage> {
    let mut counts = vec![0usize; schema.1.len()];
    for field in Fields::new(data, range) {
        let (tag, found) = match &field {
            Ok(field) => (Some(field.tag), Some(field)),
            Err(damage) => (damage.tag, None),
        };
        let known = schema.1.iter().position(|f| Some(f.0) == tag);
        let Some(known) = known else {
            if field.is_err() {
                path.extend(tag.map(|t| format!("<field {t}>")));
            }
            field?;
            continue;
        };
        let (_, name, kind) = schema.1[known];
        let list = matches!(kind, Many(_) | Texts | Raws);
        path.push(if list {
            format!("{name}[{}]", counts[known])
        } else {
            name.to_owned()
        });
        counts[known] += 1;
        let Some(found) = found else {
            return field.map(|_| ());
        };
        let damage = |cause: &str| {
            Err(Damage {
                tag,
                offset: found.start,
                cause: cause.into(),
            })
        };
        if !fits(kind, found.wire) {
            return damage(&format!("wire type {} does not fit the field", found.wire));
        }
        let body = &data[found.body.clone()];
        match kind {
            Text | Texts if std::str::from_utf8(body).is_err() => {
                return damage("the text is not UTF-8");
            }
            Floats if found.wire == LEN && !body.len().is_multiple_of(4) => {
                return damage("the packed numbers are cut off");
            }
            Doubles if found.wire == LEN && !body.len().is_multiple_of(8) => {
                return damage("the packed numbers are cut off");
            }
            One(_) | Many(_) if path.len() > MAX_DEPTH => {
                return damage(&format!(
                    "messages lie more than {MAX_DEPTH} deep inside each other"
                ));
            }
            One(inner) | Many(inner) => walk(inner, data, found.body.clone(), path)?,
            _ => {}
        }
        path.pop();
    }
    Ok(())
}
