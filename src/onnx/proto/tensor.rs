//! Tensors. `TensorProto` implements [`prost::Message`] by hand: its number fields stay encoded ([`Packed`]).

use bytes::{Buf, BufMut, Bytes};
use prost::DecodeError;
use prost::encoding::{self, DecodeContext, WireType};

use super::{Packed, StringStringEntryProto};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorProto {
    pub dims: Vec<i64>,
    pub data_type: Option<i32>,
    pub segment: Option<tensor_proto::Segment>,
    pub float_data: Packed<f32>,
    pub int32_data: Packed<i32>,
    pub string_data: Vec<Bytes>,
    pub int64_data: Packed<i64>,
    pub name: Option<String>,
    pub raw_data: Option<Bytes>,
    pub double_data: Packed<f64>,
    pub uint64_data: Packed<u64>,
    pub doc_string: Option<String>,
    pub external_data: Vec<StringStringEntryProto>,
    pub data_location: Option<i32>,
    pub metadata_props: Vec<StringStringEntryProto>,
}

impl TensorProto {
    /// The name, empty if absent.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// The element type as ONNX numbers it, 0 if absent.
    pub fn data_type(&self) -> i32 {
        self.data_type.unwrap_or_default()
    }

    /// The raw bytes, empty if absent.
    pub fn raw_data(&self) -> &[u8] {
        self.raw_data.as_deref().unwrap_or_default()
    }

    /// The doc string, empty if absent.
    pub fn doc_string(&self) -> &str {
        self.doc_string.as_deref().unwrap_or_default()
    }

    /// Whether the elements lie in another file.
    pub fn is_external(&self) -> bool {
        self.data_location == Some(tensor_proto::DataLocation::External as i32)
    }
}

pub mod tensor_proto {
    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub struct Segment {
        #[prost(int64, optional, tag = "1")]
        pub begin: Option<i64>,
        #[prost(int64, optional, tag = "2")]
        pub end: Option<i64>,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
    #[repr(i32)]
    pub enum DataLocation {
        Default = 0,
        External = 1,
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SparseTensorProto {
    #[prost(message, optional, tag = "1")]
    pub values: Option<TensorProto>,
    #[prost(message, optional, tag = "2")]
    pub indices: Option<TensorProto>,
    #[prost(int64, repeated, packed = "false", tag = "3")]
    pub dims: Vec<i64>,
}

/// Calls `$emit!(kind, tag, field)` for every field, in the order of the tags.
macro_rules! fields {
    ($emit:ident) => {
        $emit!(ints, 1, dims);
        $emit!(int32, 2, data_type);
        $emit!(message, 3, segment);
        $emit!(packed, 4, float_data);
        $emit!(packed, 5, int32_data);
        $emit!(bytes_list, 6, string_data);
        $emit!(packed, 7, int64_data);
        $emit!(string, 8, name);
        $emit!(bytes, 9, raw_data);
        $emit!(packed, 10, double_data);
        $emit!(packed, 11, uint64_data);
        $emit!(string, 12, doc_string);
        $emit!(messages, 13, external_data);
        $emit!(int32, 14, data_location);
        $emit!(messages, 16, metadata_props);
    };
}

impl prost::Message for TensorProto {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        macro_rules! emit {
            (ints, $tag:literal, $field:ident) => {
                encoding::int64::encode_repeated($tag, &self.$field, buf)
            };
            (packed, $tag:literal, $field:ident) => {
                self.$field.encode($tag, buf)
            };
            (messages, $tag:literal, $field:ident) => {
                self.$field
                    .iter()
                    .for_each(|m| encoding::message::encode($tag, m, buf))
            };
            (bytes_list, $tag:literal, $field:ident) => {
                encoding::bytes::encode_repeated($tag, &self.$field, buf)
            };
            ($kind:ident, $tag:literal, $field:ident) => {
                if let Some(value) = &self.$field {
                    encoding::$kind::encode($tag, value, buf);
                }
            };
        }
        fields!(emit);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        macro_rules! emit {
            (ints, $tag:literal, $field:ident) => {
                if tag == $tag {
                    return encoding::int64::merge_repeated(wire, &mut self.$field, buf, ctx);
                }
            };
            (packed, $tag:literal, $field:ident) => {
                if tag == $tag {
                    return self.$field.merge(wire, buf, ctx);
                }
            };
            (messages, $tag:literal, $field:ident) => {
                if tag == $tag {
                    return encoding::message::merge_repeated(wire, &mut self.$field, buf, ctx);
                }
            };
            (bytes_list, $tag:literal, $field:ident) => {
                if tag == $tag {
                    return encoding::bytes::merge_repeated(wire, &mut self.$field, buf, ctx);
                }
            };
            ($kind:ident, $tag:literal, $field:ident) => {
                if tag == $tag {
                    let value = self.$field.get_or_insert_with(Default::default);
                    return encoding::$kind::merge(wire, value, buf, ctx);
                }
            };
        }
        fields!(emit);
        encoding::skip_field(wire, tag, buf, ctx)
    }

    fn encoded_len(&self) -> usize {
        let mut len = 0;
        macro_rules! emit {
            (ints, $tag:literal, $field:ident) => {
                len += encoding::int64::encoded_len_repeated($tag, &self.$field)
            };
            (packed, $tag:literal, $field:ident) => {
                len += self.$field.encoded_len($tag)
            };
            (messages, $tag:literal, $field:ident) => {
                len += encoding::message::encoded_len_repeated($tag, &self.$field)
            };
            (bytes_list, $tag:literal, $field:ident) => {
                len += encoding::bytes::encoded_len_repeated($tag, &self.$field)
            };
            ($kind:ident, $tag:literal, $field:ident) => {
                len += self
                    .$field
                    .as_ref()
                    .map_or(0, |value| encoding::$kind::encoded_len($tag, value))
            };
        }
        fields!(emit);
        len
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
