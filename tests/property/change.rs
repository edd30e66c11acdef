//! Changes on the way of a tensor: identities in the type, over the reals alone, or none at all.
//!
//! Each is written as models write it: numbers that pass through a narrow type, are clamped, scaled there and back or wrapped, parts
//! that are cut by sizes, and what is chosen by a size. The rotation is left as it is.

use phasor::onnx::DataType;
use proptest::prelude::*;
use proptest::sample::select;

/// Which tensor is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The tensor that is rotated.
    X,
    /// The positions, as integers.
    Positions,
    /// The positions, as floats.
    Floats,
    /// Positions times frequencies.
    Angles,
    /// Cosines and sines alike.
    Tables,
    /// The sines alone.
    Sine,
}

/// What a choice by size asks of the length of the sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    /// Whether it is below a number.
    Below(i64),
    /// Whether it stays positive as an `int32` times a number.
    Product(i64),
    /// Whether it is the same after this type.
    Through(DataType),
    /// Whether a table of so many rows is as long, cut to it.
    Table(i64),
    /// Whether counting from this number up to it takes the difference of both.
    Counted(i64),
    /// Whether halves of it make the whole.
    Halves,
    /// Whether it is at least 0.
    Any,
}

/// One change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// Cast to a type and back.
    Through(DataType),
    /// A number added and taken away.
    Added(f64),
    /// Multiplied by a number and divided by it.
    Multiplied(f64),
    /// Divided by a number and multiplied by it.
    Divided(f64),
    /// Times a power of two, and times its inverse.
    Scaled(i32),
    /// Clamped, by `Clip` or by `Max` and `Min`.
    Clamped(f64, f64, bool),
    /// `Where(v == v, v, 0)`.
    NoNan,
    /// `Where(v < v + 1, v, 0)`.
    BelowNext,
    /// This operator of one operand.
    Function(&'static str),
    /// `(v + v) - v`.
    Twice,
    /// `v + 0 · v`.
    ZeroTimes,
    /// The remainder by a number, as fmod or as modulo.
    Remainder(f64, bool),
    /// Looked up in as many ascending numbers, constant or counted.
    Looked(i64, bool),
    /// The value or its negative, by the sign of a question.
    Chosen(Question, bool),
    /// Times the length of the sequence over that length clamped.
    Ratio(i64),
    /// Times the length of the sequence after this type over that length.
    Narrowed(DataType),
    /// `(v + v · s²) - v · s²`, where `s` is the length of the sequence.
    Cancelled,
    /// `v + 0 · s`, where `s` is the length of the sequence after this type.
    Vanishing(DataType),
    /// The value, or where a question is answered otherwise the value after this type, by `Where` or out of a stack.
    Either(Question, DataType, bool),
    /// Cut along the sequence from the first bound to the second.
    Cut(i64, i64),
    /// Cut along the sequence at the length of the sequence, counted from the start or the end.
    CutBySize(bool),
    /// Rows along the sequence gathered by counting: from the end, or by remainders.
    Rows(Option<i64>),
    /// Split along the sequence into all but one row and the last, and joined.
    Split,
    /// Every axis of size 1 taken away and the first put back.
    Squeezed,
    /// Stretched along the first axis to this size at least.
    Stretched(i64),
    /// Reshaped to rows and back.
    Flat,
    /// Repeated along the first axis as often as the length, clamped to 1.
    Repeated,
    /// Dropped out where there are many elements.
    Dropped,
}

fn changes() -> Vec<Change> {
    use Change::*;
    use DataType::*;
    let mut all: Vec<Change> = [BF16, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32]
        .map(Through)
        .into();
    all.extend(
        [
            1.0,
            0.1,
            1000.0,
            16_777_216.0,
            9_007_199_254_740_993.0,
            4.6e18,
        ]
        .map(Added),
    );
    all.extend([3.0, 1000.0, 35_184_372_088_832.0].map(Multiplied));
    all.extend([2.0, 3.0].map(Divided));
    all.extend([100, -100, 3].map(Scaled));
    all.extend([(0.0, 7.0), (-1.0, 1.0), (-3e37, 3e37)].map(|(a, b)| Clamped(a, b, true)));
    all.extend([(0.0, 1e6), (-9e18, 9e18)].map(|(a, b)| Clamped(a, b, false)));
    all.extend(
        [
            "Abs", "Floor", "Round", "Ceil", "Neg", "Identity", "Sqrt", "Sign",
        ]
        .map(Function),
    );
    all.extend([NoNan, BelowNext, Twice, ZeroTimes, Split, Squeezed]);
    all.extend([Flat, Repeated, Dropped]);
    all.extend([
        Remainder(7.0, false),
        Remainder(4096.0, true),
        Remainder(1e12, false),
    ]);
    all.extend([
        Looked(16, true),
        Looked(4096, true),
        Looked(300, false),
        Looked(20, false),
    ]);
    all.extend([Ratio(2), Ratio(300), Ratio(0), Cancelled]);
    all.extend([Narrowed(F16), Narrowed(BF16), Vanishing(F16)]);
    for stacked in [false, true] {
        let limits = [3, 300].map(Question::Below);
        all.extend(limits.map(|limit| Either(limit, F16, stacked)));
    }
    all.extend([
        Cut(0, 2),
        Cut(0, 300),
        Cut(-2, i64::MAX),
        Cut(-300, i64::MAX),
        Cut(1, 4),
    ]);
    all.extend([
        CutBySize(true),
        CutBySize(false),
        Stretched(1),
        Stretched(2),
    ]);
    all.extend([Rows(None), Rows(Some(7)), Rows(Some(1 << 40))]);
    for branches in [false, true] {
        use Question::*;
        for question in [
            Below(3),
            Below(300),
            Product(1 << 22),
            Product(2),
            Through(F16),
            Through(U8),
            Through(F32),
            Table(2),
            Table(200),
            Counted(0),
            Counted(2),
            Halves,
            Any,
        ] {
            all.push(Chosen(question, branches));
        }
    }
    all
}

/// Up to two changes.
pub(crate) fn any() -> impl Strategy<Value = Vec<(Place, Change)>> {
    let places = vec![
        Place::X,
        Place::X,
        Place::Positions,
        Place::Positions,
        Place::Floats,
        Place::Angles,
        Place::Tables,
        Place::Sine,
    ];
    proptest::collection::vec((select(places), select(changes())), 1..3)
}
