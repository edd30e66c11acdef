//! A repeated number field that stays encoded until somebody asks for its elements.
//!
//! Weights in `float_data` and its siblings may be gigabytes. Each packed run is kept as a view of the buffer it was
//! decoded from; numbers written one by one (legal protobuf, though no exporter does it) are gathered into a run.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, decode_varint, encode_varint};

/// A number type that can be the element of a [`Packed`] field.
pub trait Element: Copy + Send + Sync + 'static {
    /// The wire type of one element outside a packed run.
    const WIRE: WireType;
    /// Reads one element from the front of `run`; `None` if the run ends inside it.
    fn take(run: &mut &[u8]) -> Option<Self>;
    /// Appends one element.
    fn put(self, run: &mut BytesMut);
}

macro_rules! fixed {
    ($t:ty, $wire:ident) => {
        impl Element for $t {
            const WIRE: WireType = WireType::$wire;
            fn take(run: &mut &[u8]) -> Option<Self> {
                let (head, tail) = run.split_first_chunk()?;
                *run = tail;
                Some(<$t>::from_le_bytes(*head))
            }
            fn put(self, run: &mut BytesMut) {
                run.put_slice(&self.to_le_bytes());
            }
        }
    };
}
fixed!(f32, ThirtyTwoBit);
fixed!(f64, SixtyFourBit);

macro_rules! varint {
    ($t:ty, $wide:ty) => {
        impl Element for $t {
            const WIRE: WireType = WireType::Varint;
            fn take(run: &mut &[u8]) -> Option<Self> {
                decode_varint(run).ok().map(|v| v as $t)
            }
            fn put(self, run: &mut BytesMut) {
                encode_varint(self as $wide as u64, run);
            }
        }
    };
}
varint!(i32, i64);
varint!(i64, i64);
varint!(u64, u64);

/// The encoded elements of a repeated number field.
#[derive(Clone, Debug)]
pub struct Packed<T> {
    runs: Vec<Bytes>,
    element: PhantomData<T>,
}

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Self {
            runs: Vec::new(),
            element: PhantomData,
        }
    }
}

impl<T> Packed<T> {
    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.byte_len() == 0
    }

    /// Length of the encoded elements in bytes.
    pub fn byte_len(&self) -> usize {
        self.runs.iter().map(Bytes::len).sum()
    }

    /// The encoded elements, piece by piece.
    pub fn runs(&self) -> &[Bytes] {
        &self.runs
    }

    /// The encoded elements, if they lie in one piece.
    pub fn as_bytes(&self) -> Option<Bytes> {
        match self.runs.as_slice() {
            [] => Some(Bytes::new()),
            [run] => Some(run.clone()),
            _ => None,
        }
    }
}

impl<T: Element> Packed<T> {
    /// Decodes the elements one by one; an element that is cut off or is not a varint ends the iteration with `None` inside.
    pub fn iter(&self) -> impl Iterator<Item = Option<T>> + '_ {
        self.runs.iter().flat_map(|run| {
            let mut rest: &[u8] = run;
            std::iter::from_fn(move || {
                if rest.is_empty() {
                    return None;
                }
                let element = T::take(&mut rest);
                if element.is_none() {
                    rest = &[];
                }
                Some(element)
            })
        })
    }

    /// All elements, or `None` if the encoding is damaged.
    pub fn to_vec(&self) -> Option<Vec<T>> {
        self.iter().collect()
    }

    pub(super) fn encode<B: BufMut>(&self, tag: u32, buf: &mut B) {
        let len = self.byte_len();
        if len > 0 {
            prost::encoding::encode_key(tag, WireType::LengthDelimited, buf);
            encode_varint(len as u64, buf);
            self.runs.iter().for_each(|run| buf.put_slice(run));
        }
    }

    pub(super) fn encoded_len(&self, tag: u32) -> usize {
        match self.byte_len() {
            0 => 0,
            len => {
                prost::encoding::key_len(tag)
                    + prost::encoding::encoded_len_varint(len as u64)
                    + len
            }
        }
    }

    pub(super) fn merge<B: Buf>(
        &mut self,
        wire: WireType,
        buf: &mut B,
        _ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        if wire == WireType::LengthDelimited {
            let len = decode_varint(buf)?;
            if len > buf.remaining() as u64 {
                return Err(damaged());
            }
            self.runs.push(buf.copy_to_bytes(len as usize));
            return Ok(());
        }
        if wire != T::WIRE {
            return Err(damaged());
        }
        let mut one = BytesMut::new();
        match wire {
            WireType::Varint => encode_varint(decode_varint(buf)?, &mut one),
            WireType::ThirtyTwoBit if buf.remaining() >= 4 => one.put(buf.take(4)),
            WireType::SixtyFourBit if buf.remaining() >= 8 => one.put(buf.take(8)),
            _ => return Err(damaged()),
        }
        match self.runs.pop() {
            Some(last) => match last.try_into_mut() {
                Ok(mut run) => {
                    run.unsplit(one);
                    self.runs.push(run.freeze());
                }
                Err(view) => self.runs.extend([view, one.freeze()]),
            },
            None => self.runs.push(one.freeze()),
        }
        Ok(())
    }
}

/// prost offers no public constructor of its error but this one; the caller replaces it by a located error.
fn damaged() -> DecodeError {
    let truncated: &[u8] = &[0x80];
    decode_varint(&mut &*truncated).expect_err("a varint that does not end")
}

impl<T: Element> From<Vec<T>> for Packed<T> {
    fn from(elements: Vec<T>) -> Self {
        let mut run = BytesMut::with_capacity(elements.len() * size_of::<T>());
        elements.into_iter().for_each(|e| e.put(&mut run));
        Self {
            runs: vec![run.freeze()],
            element: PhantomData,
        }
    }
}

impl<T> PartialEq for Packed<T> {
    fn eq(&self, other: &Self) -> bool {
        let flat = |p: &Self| {
            p.runs
                .iter()
                .flat_map(|r| r.iter().copied())
                .collect::<Vec<_>>()
        };
        self.byte_len() == other.byte_len()
            && (self.runs == other.runs || flat(self) == flat(other))
    }
}
