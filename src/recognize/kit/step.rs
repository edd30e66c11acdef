//! Steps by which values are made that the graph does not hold.

/// How a value is made from others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::recognize) enum Step {
    /// Elements along some axes, by start, end and step.
    Slice {
        axes: Vec<i64>,
        starts: Vec<i64>,
        ends: Vec<i64>,
        steps: Vec<i64>,
    },
    /// Without these axes of size 1.
    Squeeze(Vec<i64>),
    /// With these axes of size 1 (positions in the result).
    Unsqueeze(Vec<i64>),
    /// With another shape, as `Reshape` spells it.
    Reshape(Vec<i64>),
    /// With its axes in another order.
    Transpose(Vec<i64>),
    /// Joined along the last axis.
    Concat,
    /// The sum of two.
    Sum,
    /// The product of two.
    Product,
    /// The quotient of two.
    Quotient,
    /// Times the number of these bits, in its type.
    Times(u64),
    /// The sizes of its axes.
    Sizes,
    /// Divided by integers, one for each element.
    Over(Vec<i64>),
    /// Repeated along each axis, as often as the second says.
    Tile,
    /// The negative.
    Neg,
    /// True where it is false.
    Not,
    /// Integers more, one for each element, with one axis at least.
    Plus(Vec<i64>),
    /// What is left of an integer, with one axis at least.
    From(i64),
}
