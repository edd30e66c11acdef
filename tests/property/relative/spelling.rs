//! What may differ between two graphs that look up the same bias by distance, or gather the same scores.

use phasor::onnx::DataType;
use proptest::prelude::*;
use proptest::sample::select;

/// One way to write a bias or gathered scores.
#[derive(Clone, Debug)]
pub(crate) struct Spelling {
    pub(crate) task: Task,
    /// Where positions of queries and keys come from.
    pub(crate) sources: [Source; 2],
    /// What positions or distances are multiplied by, and whether it is distances.
    pub(crate) step: (i64, bool),
    pub(crate) difference: Difference,
    /// Whether the graph counts distances from the key to the query.
    pub(crate) backwards: bool,
    /// Whether keys are rows of the plane of distances, and queries columns.
    pub(crate) keys_first: bool,
    /// The type that distances go through on their way.
    pub(crate) through: DataType,
    pub(crate) index: Index,
    /// Whether the last row is for the least index.
    pub(crate) reversed: bool,
    /// The type of the numbers that are copied.
    pub(crate) dtype: DataType,
    /// The number of heads.
    pub(crate) heads: i64,
    pub(crate) after: After,
    /// Whether sizes are symbols.
    pub(crate) symbolic: bool,
    pub(crate) broken: Option<Break>,
}

/// What is read by distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A bias, in this order of axes: `1` has size 1.
    Bias(Table, Pick, &'static str),
    /// Scores: whether their rows are keys, and whether by `GatherND`.
    Scores { by_key: bool, by_nd: bool },
}

/// How a table is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// `[R, N]`
    ByRow,
    /// `[N, R]`, of which columns are gathered.
    ByHead,
    /// `[N, R]`, transposed first.
    Transposed,
    /// `[1, R, N]`
    Wide,
    /// `[R, N]`, multiplied by a number first.
    Scaled,
    /// `[R, N]` in half precision, cast to the type of the bias.
    Narrow,
    /// `[R]`, for one head.
    Vector,
    /// `[R, N]`, of which a one-hot row for every index is multiplied with all rows.
    Masked,
}

/// How rows are taken from a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    Gather,
    GatherNd,
    /// `Gather` with all indices in one axis, and a `Reshape`.
    Flat,
}

/// Where positions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// 0, 1, 2, ... for every element along an axis.
    Counted,
    /// Counted after those of a cache.
    Past,
    /// Counted in float.
    Floats,
    /// An input in int32.
    Given,
    /// An input in int64, clipped.
    Clipped,
    /// An input in int32 with a batch.
    Batched,
}

/// How two positions become a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// `a - b`
    Sub,
    /// `-(b - a)`
    Negated,
    /// `a + -b`
    Added,
}

/// The row for a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    /// Clipped to this, and counted up: by `Clip`, by `Max` and `Min`, or added first.
    Clipped(i64, u8),
    /// Clipped, with negative rows counted from the end.
    Wrapped(i64),
    /// Without its sign, up to this.
    Mirrored(i64),
    /// Not clipped: a longer distance has no row.
    Whole(i64),
    /// -1, 0 or 1.
    Sign,
    /// Half of it, rounded to 0, and clipped.
    Halved(i64),
    /// The buckets of T5: how many, up to which distance, and whether for keys before the query alone.
    Buckets(i64, i64, bool),
}

/// What becomes of the tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    /// It is multiplied by a number.
    Scaled,
    /// Its first query is cut off.
    Cut,
    /// It is moved on, and read before that too.
    ReadTwice,
}

/// What makes a graph another function than one of the distance, or only seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// Positions are added.
    Sum,
    /// Queries are twice as far apart as keys.
    Stride,
    /// A number of every query and key is added to the distance.
    Content,
    /// A number of every query.
    Row,
    /// A number of every query, or one for all of them.
    Stretched,
    /// Only the remainder counts.
    Remainder,
    /// A byte holds the distance.
    Byte,
    /// Its square counts.
    Square,
    /// The index is one too large.
    Beyond,
    /// Far distances have the first row: from this one on.
    Far(i64),
}

impl Index {
    /// The number of rows.
    pub(crate) fn rows(self) -> i64 {
        match self {
            Index::Clipped(reach, _)
            | Index::Wrapped(reach)
            | Index::Whole(reach)
            | Index::Halved(reach) => 2 * reach + 1,
            Index::Mirrored(reach) => reach + 1,
            Index::Sign => 3,
            Index::Buckets(count, ..) => count,
        }
    }
}

impl Spelling {
    /// Whether positions have a batch.
    pub(crate) fn is_batched(&self) -> bool {
        self.sources.contains(&Source::Batched)
    }

    /// The same without what does not go together.
    fn settled(mut self) -> Spelling {
        if self.sources.contains(&Source::Floats) {
            // A float of any length is rounded, and a multiple of it once more.
            self.sources = [Source::Floats; 2];
            self.step = (1, false);
        }
        if let Index::Buckets(_, _, true) = self.index {
            // Of known sizes all keys may come after all queries, which have one bucket.
            self.symbolic = true;
        }
        if let Task::Bias(table, pick, order) = &mut self.task {
            match *table {
                Table::Vector => {
                    // A vector of the model whose sizes are known is folded.
                    self.symbolic = true;
                    self.heads = 1;
                }
                Table::Narrow => self.dtype = DataType::F32,
                // An index outside the table takes zeros. One below 0 is not proven to be a row, and neither is a logarithm.
                Table::Masked
                    if matches!(
                        self.index,
                        Index::Wrapped(_) | Index::Whole(_) | Index::Buckets(..)
                    ) =>
                {
                    *table = Table::ByRow;
                }
                // A constant as well.
                Table::Masked => self.symbolic = true,
                _ => {}
            }
            if matches!(table, Table::ByHead | Table::Wide | Table::Vector) {
                *pick = Pick::Gather;
            }
            *order = match (self.sources.contains(&Source::Batched), order.contains('B')) {
                (true, false) => "BNQK",
                (false, true) => "1NQK",
                _ => *order,
            };
        }
        if let Task::Scores { by_key, .. } = self.task {
            self.keys_first = by_key;
            for source in &mut self.sources {
                if *source == Source::Batched {
                    *source = Source::Given;
                }
            }
        }
        self
    }
}

/// Spellings with one of these breaks.
pub(crate) fn any(broken: Vec<Option<Break>>) -> impl Strategy<Value = Spelling> {
    let sources = vec![
        Source::Counted,
        Source::Counted,
        Source::Past,
        Source::Floats,
        Source::Given,
        Source::Clipped,
        Source::Batched,
    ];
    let where_from = (select(sources.clone()), select(sources), 0..4u8);
    let difference = (
        select(vec![
            Difference::Sub,
            Difference::Negated,
            Difference::Added,
        ]),
        any_of_bool(),
        any_of_bool(),
    );
    let steps = select(vec![(1, false), (1, false), (3, false), (2, true)]);
    let through = select(vec![
        DataType::I64,
        DataType::I64,
        DataType::I32,
        DataType::F32,
        DataType::F64,
    ]);
    let index = (index(), any_of_bool());
    let numbers = (
        select(vec![
            DataType::F32,
            DataType::F32,
            DataType::F16,
            DataType::F64,
        ]),
        select(vec![1, 2, 3]),
    );
    let after = select(vec![
        After::Nothing,
        After::Nothing,
        After::Scaled,
        After::Cut,
        After::ReadTwice,
    ]);
    let rest = (after, any_of_bool(), select(broken));
    let parts = (
        task(),
        where_from,
        difference,
        steps,
        through,
        index,
        numbers,
        rest,
    );
    parts.prop_map(
        |(
            task,
            (query, key, same),
            (difference, backwards, keys_first),
            step,
            through,
            index,
            numbers,
            rest,
        )| {
            // Mostly both are of one kind.
            let key = if same == 0 { key } else { query };
            Spelling {
                task,
                sources: [query, key],
                step,
                difference,
                backwards,
                keys_first,
                through,
                index: index.0,
                reversed: index.1,
                dtype: numbers.0,
                heads: numbers.1,
                after: rest.0,
                symbolic: rest.1,
                broken: rest.2,
            }
            .settled()
        },
    )
}

fn any_of_bool() -> impl Strategy<Value = bool> {
    proptest::bool::ANY
}

fn task() -> impl Strategy<Value = Task> {
    let table = select(vec![
        Table::ByRow,
        Table::ByRow,
        Table::ByRow,
        Table::ByHead,
        Table::Transposed,
        Table::Wide,
        Table::Scaled,
        Table::Narrow,
        Table::Vector,
        Table::Masked,
    ]);
    let pick = select(vec![Pick::Gather, Pick::Gather, Pick::GatherNd, Pick::Flat]);
    let order = select(vec![
        "1NQK", "NQK", "QKN", "QNK", "NQK1", "1N1QK", "NKQ", "BNQK", "BQKN",
    ]);
    let bias = (table, pick, order).prop_map(|(table, pick, order)| Task::Bias(table, pick, order));
    let scores = (any_of_bool(), any_of_bool());
    let scores = scores.prop_map(|(by_key, by_nd)| Task::Scores { by_key, by_nd });
    prop_oneof![2 => bias, 1 => scores]
}

fn index() -> impl Strategy<Value = Index> {
    let buckets = select(vec![(8, 16), (12, 40), (32, 128)]);
    prop_oneof![
        (1..6i64, 0..3u8).prop_map(|(reach, how)| Index::Clipped(reach, how)),
        (1..6i64).prop_map(Index::Wrapped),
        (1..6i64).prop_map(Index::Mirrored),
        (18..24i64).prop_map(Index::Whole),
        Just(Index::Sign),
        (1..4i64).prop_map(Index::Halved),
        (buckets, any_of_bool())
            .prop_map(|((count, far), before)| Index::Buckets(count, far, before)),
    ]
}
