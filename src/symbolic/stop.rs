//! Why a node is not interpreted: every reason there is, with the text that reports print.

macro_rules! stops {
    ($($stop:ident => $text:literal,)+) => {
        /// Why an operation could not be interpreted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Stop {
            $(#[doc = $text] $stop,)+
        }

        impl Stop {
            /// The reason in words, as a part of a sentence.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Stop::$stop => $text,)+
                }
            }
        }
    };
}

stops! {
    // Of nodes and what they read.
    UnknownOperator => "an operator the analysis does not know",
    ForeignDomain => "an operator of a foreign domain",
    UnknownRank => "an input of unknown rank",
    UnreadConstant => "a constant whose data cannot be read",
    AbsentInput => "a required input is absent",
    DynamicAxes => "axes that are not constant",
    AxisOutOfRange => "an axis out of range",
    Unsound => "a value that does not fit together",

    // Of expressions that grow.
    LongSum => "the sum has too many terms",
    LongProduct => "the product has too many terms",
    HighDegree => "the product has too many factors",

    // Of axes that become opaque, and of where roots lie.
    EmptyAxis => "an empty axis",
    NoRule => "elements that follow no rule along a position axis",
    EqualUpToRounding => "elements that are equal up to rounding",
    OtherPosition => "an element that depends on another position",
    TwoPositionAxes => "two position axes of one value",
    RootOnTwoAxes => "one root along two axes",
    RootOnThreeAxes => "one root along three axes",

    // Of elementwise operators, and of numbers in their types.
    NoBroadcast => "operands whose sizes do not broadcast",
    NoOperand => "no operand",
    NotTwoOperands => "not two operands",
    NotThreeOperands => "not three operands",
    UnrelatedSum => "a sum of unrelated activations",
    NotLinear => "a function of activations that is not linear",
    Dequantised => "a cast of channels that are stored in 8 bits",
    RoundedChoice => "a choice between numbers that are equal up to rounding",
    RoundedDecision => "a decision by a number that was rounded",
    IntegerOverflow => "an integer that may leave the range of its type",
    CastToUnknown => "a cast to an unknown type",
    CastNotNumeric => "a cast that is not numeric",

    // Of constants, ranges and shapes.
    ConstantWithoutName => "a constant without a name",
    ConstantOfUnknownType => "a constant of an unknown type",
    ConstantNotFinite => "a constant that is not finite",
    ConstantNotNumeric => "a constant that is not numeric",
    UnknownShape => "a shape that is not known",
    FillUnreadable => "a fill value that cannot be read",
    FillEmpty => "a fill value without an element",
    FillNotFinite => "a fill value that is no finite number",
    RangeOfUnknownBounds => "a range with unknown bounds",
    RangeNotScalar => "a range whose bound is not a scalar",
    RangeOfUnknownStep => "a range with an unknown step",
    RangeOfUnknownLength => "a range of unknown length",

    // Of convolutions.
    ConvolutionOverflow => "a convolution whose size overflows",

    // Of sums and products of matrices.
    DenseLayer => "a dense layer",
    VectorProduct => "a product with a vector",
    SumOfUnknownLength => "a sum of unknown length",
    EmptySum => "an empty sum",
    SumOverEverything => "a sum over everything",
    SumOverSeveralAxes => "a sum over several axes",
    SumOverMany => "a long sum",
    SumOverOpaqueAxis => "a sum over an axis of unknown size",
    EinsumWithoutEquation => "no equation",
    EinsumImplicit => "an implicit equation",
    EinsumNotOfTwo => "an einsum of other than two operands",
    EinsumEllipsis => "an einsum with more than one ellipsis in a term",
    EinsumEllipses => "an einsum whose ellipses stand for different numbers of axes",
    EinsumDiagonal => "an einsum with a diagonal",
    EinsumRank => "an einsum of other rank",
    EinsumOverSeveralAxes => "an einsum over several axes",

    // Of operators that move axes.
    DropoutInTraining => "dropout that may be in training",
    PermutationRank => "a permutation of other rank",
    ChannelsFromWithin => "channels brought to the end that were not told apart",
    AbsentAxes => "axes that are absent",
    AxisInsertedTwice => "an axis inserted twice",
    SqueezeOfAnyAxis => "a squeeze of every axis that happens to have size 1",
    SqueezeOfLongAxis => "a squeezed axis that may be longer than 1",

    // Of reshapes.
    ReshapeToUnknown => "a reshape to an unknown shape",
    CopiedAxisAbsent => "a copied axis that is not there",
    ReshapeWithoutMatch => "a reshape whose axes do not match",
    SplitIntoHeads => "channels split into heads",
    ReshapeMixesChannels => "a reshape that mixes elements of several axes",

    // Of expansions, repeats and concatenations.
    ExpandToUnknown => "an expansion to an unknown shape",
    UnknownRepeats => "unknown repeats",
    RepeatsRank => "repeats of other rank",
    RepeatOfOpaqueAxis => "a repeat along an axis of unknown size",
    NothingToConcatenate => "nothing to concatenate",
    ConcatWithoutAxis => "no axis",
    ConcatRank => "concatenated values of other rank",
    ConcatAlongOpaqueAxis => "a concatenation along an axis of unknown size",
    ConcatSizesMayDiffer => "concatenated values whose sizes may differ",
    ConcatTooWide => "a concatenation too wide to tell apart",
    ConcatShape => "concatenated values of other shape",

    // Of slices and splits.
    UnknownBounds => "a slice with unknown bounds",
    BoundsLength => "slice bounds of other length",
    ReversedUnknownSize => "an axis of unknown size reversed",
    UnitAxisCut => "a unit axis cut by unknown bounds",
    BoundOfUnknownSign => "a slice with a bound of unknown sign",
    NegativeSize => "an axis of negative size",
    StepZero => "a slice with step 0",
    PastTheEnd => "a position past the end of an axis",
    UnknownSizeSplit => "an axis of unknown size split evenly",
    ImpossibleParts => "parts of impossible sizes",
    OutputWithoutName => "an output without a name",
    ToldApartSplit => "an axis that is told apart split by unknown sizes",

    // Of indices.
    IndexIntoScalar => "an index into a scalar",
    IndexOutOfRange => "a constant index out of range",
    LookupTooWide => "a lookup too wide to tell apart",
    IndexIntoActivation => "a dynamic index into an activation",
    IndexRank => "an index of other rank",
    IndexSmaller => "an index smaller than the data",
    IndexNotConstant => "an index that is not constant",
    IndexScalar => "a scalar index",
    IndexBatched => "batched GatherND",
    SeveralDynamicIndices => "several dynamic indices",
    IndexOfUnknownWidth => "an index of unknown width",
    IndexWidth => "an index of other width",
    IndexIntoOpaqueAxes => "constant indices into axes of unknown size",
    SeveralConstantRows => "several constant rows of a table",
    RowFromUnknownEnd => "a row counted from an unknown end",

    // Of writes by index.
    ScatterAccumulates => "a scatter that accumulates",
    ScatterIntoOpaqueAxes => "a scatter into axes of unknown size",
    ScatterNotConstant => "scatter indices that are not constant",
    UpdatesRank => "updates of other rank",
    UpdatesShape => "updates of other shape",
    UpdatesVary => "updates that vary along an index axis of unknown size",

    // Of reductions and searches of known numbers.
    NotToldApart => "elements not told apart",
    ElementsNotConstant => "elements that are not constant",
    EmptyAxisReduced => "an empty axis reduced",
    TooManyToSearch => "too many elements to look through",

    // Of branches.
    UnknownCondition => "a condition that is not known",
    AbsentBranch => "an absent branch",
    BranchNoGraph => "a branch that is no graph",

    // Of streams of positions.
    StreamsToldApartTwice => "streams that are told apart twice",
    PositionsAlongStreams => "positions along the streams",
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
