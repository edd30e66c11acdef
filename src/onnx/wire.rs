//! The protobuf wire format, walked field by field with byte offsets.

use std::ops::Range;

/// How many messages may lie inside each other; prost stops at the same depth.
pub(super) const MAX_DEPTH: usize = 100;

/// Wire types.
pub(super) const VARINT: u8 = 0;
pub(super) const FIXED64: u8 = 1;
pub(super) const LEN: u8 = 2;
const GROUP: u8 = 3;
const GROUP_END: u8 = 4;
pub(super) const FIXED32: u8 = 5;

/// One field of a message.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// Field number.
    pub tag: u32,
    /// Wire type.
    pub wire: u8,
    /// Offset of the key.
    pub start: usize,
    /// Where the value lies (for [`LEN`] without its length). The field ends where it ends.
    pub body: Range<usize>,
}

/// What is wrong with the bytes, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Number of the field, if its key could be read.
    pub tag: Option<u32>,
    pub offset: usize,
    pub cause: String,
}

/// The fields of the message that fills `range` of `data`. Ends after the first damage.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    data: &'a [u8],
    range: Range<usize>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(data: &'a [u8], range: Range<usize>) -> Self {
        Self { data, range }
    }

    fn varint(&mut self, tag: Option<u32>) -> Result<u64, Damage> {
        let offset = self.range.start;
        let damage = |cause: &str| Damage {
            tag,
            offset,
            cause: cause.into(),
        };
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            if self.range.is_empty() {
                return Err(damage("a number is cut off"));
            }
            let byte = self.data[self.range.start];
            self.range.start += 1;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(damage("a number is longer than 64 bits"))
    }

    fn read(&mut self, depth: usize) -> Result<Field, Damage> {
        let start = self.range.start;
        let key = self.varint(None)?;
        let wire = (key & 7) as u8;
        let damage = |tag, offset, cause: String| Err(Damage { tag, offset, cause });
        let tag = match u32::try_from(key) {
            Ok(key) if key >> 3 != 0 => key >> 3,
            _ => return damage(None, start, format!("{} is not a field number", key >> 3)),
        };
        let len = match wire {
            VARINT => {
                let from = self.range.start;
                self.varint(Some(tag))?;
                let body = from..self.range.start;
                return Ok(Field {
                    tag,
                    wire,
                    start,
                    body,
                });
            }
            FIXED32 => 4,
            FIXED64 => 8,
            LEN => self.varint(Some(tag))?,
            GROUP => return self.group(tag, start, depth),
            other => return damage(Some(tag), start, format!("wire type {other} in its key")),
        };
        let at = self.range.start;
        if len > self.range.len() as u64 {
            let whole = self.range.end == self.data.len();
            let end = if whole { "file" } else { "enclosing message" };
            let cause = format!("field length {len} runs past the end of the {end}");
            return damage(Some(tag), start, cause);
        }
        self.range.start = at + len as usize;
        let body = at..self.range.start;
        Ok(Field {
            tag,
            wire,
            start,
            body,
        })
    }

    /// Groups are obsolete and none of ONNX's fields is one, but an unknown field may be.
    fn group(&mut self, tag: u32, start: usize, depth: usize) -> Result<Field, Damage> {
        let from = self.range.start;
        let damage = |cause: &str| Damage {
            tag: Some(tag),
            offset: start,
            cause: cause.into(),
        };
        if depth >= MAX_DEPTH {
            return Err(damage("messages lie too deep inside each other"));
        }
        while !self.range.is_empty() {
            let at = self.range.start;
            let key = self.varint(Some(tag))?;
            if key & 7 == u64::from(GROUP_END) {
                if key >> 3 != u64::from(tag) {
                    break;
                }
                return Ok(Field {
                    tag,
                    wire: GROUP,
                    start,
                    body: from..self.range.start,
                });
            }
            self.range.start = at;
            self.read(depth + 1)?;
        }
        Err(damage("a group does not end"))
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.range.is_empty() {
            return None;
        }
        let field = self.read(0);
        if field.is_err() {
            self.range.start = self.range.end;
        }
        Some(field)
    }
}

/// Appends a varint.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
