// The parameters of the kernels: one struct per operator family, passed by value. `ops/src/cuda` has the same structs, and a test
// there compares every field with this file.
//
// Addresses and all sizes that a tensor may have are numbers of 64 bits. No struct has padding.
#pragma once

// The largest number of merged axes before the last (`MAX_RANK - 1` in `ops/src/contract/broadcast.rs`).
#define PHASOR_AXES 15

// An axis over which tasks are numbered, and how far a step of it moves: in rows of the result, of the tensor, and of its tables.
struct RotaryAxis {
    unsigned long long size;
    unsigned long long row;
    unsigned long long x_row;
    unsigned long long cos;
    unsigned long long sin;
};

// A tensor that is turned, and how its rows are divided. A task is `loops` rows with the same angles: those with the numbers
// `head`, `head + chunks`, `head + 2 * chunks`, and so on below `heads`, along the axis `head_axis`, of which `axes` has `chunks`.
struct RotaryTensor {
    unsigned long long x;
    unsigned long long y;
    unsigned long long channels;
    unsigned long long offset;
    // Number of pairs.
    unsigned long long half;
    // Threads that a row keeps busy: for each vector of pairs, then for each two vectors of channels that are copied.
    unsigned long long lanes;
    unsigned long long tasks;
    unsigned long long heads;
    // How far a step along the heads moves, in rows of the result and of the tensor.
    unsigned long long head_row;
    unsigned long long head_x_row;
    unsigned long long chunks;
    unsigned int loops;
    // Number of axes.
    unsigned int rank;
    // `PHASOR_AXES` where all rows have angles of their own.
    unsigned int head_axis;
    // Whether tables have an entry per channel, rather than one per pair.
    unsigned int by_channel;
    // Outermost first.
    RotaryAxis axes[PHASOR_AXES];
};

struct RotaryParams {
    unsigned long long cos;
    unsigned long long sin;
    // Blocks of the first tensor; those after it belong to the second.
    unsigned int border;
    // Pairs are neighbours in the input, in the output.
    unsigned int interleaved;
    unsigned int interleaved_out;
    unsigned int inverse;
    RotaryTensor tensors[2];
};

// Types of positions, in `AnglesParams`.
#define PHASOR_I64 0
#define PHASOR_I32 1
#define PHASOR_F32 2
#define PHASOR_F64 3

// Number of words of 64 bits with the digits of 2/pi: three words of zeros, and as many digits as every double needs.
#define PHASOR_DIGITS 22

// Angles are positions times frequencies, which are in double. Two functions of each are stored, the sine and the cosine in either
// order. A row has `used` frequencies, stores the second function of the first `pairs` of them, and ends with zeros.
struct AnglesParams {
    unsigned long long positions;
    unsigned long long frequencies;
    // Where the two functions of the first angle go.
    unsigned long long first;
    unsigned long long second;
    unsigned long long rows;
    // How far positions are apart: row `outer * inner + i`, with `i` below `inner`, has the positions
    // `(outer * streams + p) * inner + i`, which is `apart` more after `inner` rows than the number of rows, and product `p` the
    // frequencies from `p * frequency_step` on.
    unsigned long long inner;
    unsigned long long apart;
    unsigned long long frequency_step;
    // Elements from a row of results to the next.
    unsigned long long stride;
    unsigned long long pairs;
    unsigned long long used;
    // Threads that a row keeps busy: for each vector of frequencies, then for each vector of zeros.
    unsigned long long lanes;
    // A task is up to `loops` rows: `task`, `task + tasks`, `task + 2 * tasks`, and so on below `rows`, which are `step` elements apart, and
    // in positions `tasks` and as much more, with `i` that much further.
    unsigned long long step;
    unsigned long long tasks_apart;
    unsigned long long tasks_inside;
    // The position whose rows are zero, if `padded`, in the type of positions: an integer, or the bits of a number.
    unsigned long long padding;
    unsigned int tasks;
    unsigned int loops;
    // Blocks side by side in a row.
    unsigned int lane_blocks;
    // How many products an angle adds up.
    unsigned int streams;
    // The type of positions; any other number where there are no products.
    unsigned int kind;
    unsigned int padded;
    // Products are exact.
    unsigned int exact;
    // An `Order` of `trig.cuh`.
    unsigned int of_first;
    unsigned int of_second;
    unsigned int swapped;
    // The functions of an angle are neighbours, and `second` is not looked at.
    unsigned int interleaved;
    float amplitude;
    unsigned long long digits[PHASOR_DIGITS];
};

// How planes of queries and keys are cut into tiles of `rows` queries and `columns` keys, numbered by column, then by row, then by plane.
struct RelativeTiles {
    unsigned long long query_positions;
    unsigned long long key_positions;
    unsigned long long lut;
    // How far the lookup table reaches to either side, below 2^31.
    unsigned long long reach;
    unsigned long long queries;
    unsigned long long keys;
    unsigned int row_tiles;
    unsigned int column_tiles;
    unsigned int rows;
    unsigned int columns;
    // Whether positions, and entries of the lookup table, have 64 bits rather than 32.
    unsigned int wide;
    // Number of entries of the lookup table that are kept in shared memory: all or none.
    unsigned int staged;
};

// A plane is a head of a batch.
struct RelativeBiasParams {
    RelativeTiles tiles;
    // The table, or the slopes.
    unsigned long long table;
    unsigned long long bias;
    unsigned long long table_rows;
    // How far the positions of a batch are from those of the next, in elements.
    unsigned long long query_step;
    unsigned long long key_step;
    unsigned int heads;
    // Of slopes: whether distances lose their sign.
    unsigned int absolute;
};

// An axis over which planes are numbered, and how far a step of it moves, in rows of positions.
struct RelativeAxis {
    unsigned long long size;
    unsigned long long query;
    unsigned long long key;
};

// A plane is a matrix.
struct RelativeGatherParams {
    RelativeTiles tiles;
    unsigned long long scores;
    unsigned long long output;
    // Columns of `scores`.
    unsigned int width;
    // Number of axes.
    unsigned int rank;
    // Outermost first.
    RelativeAxis axes[PHASOR_AXES];
};

static_assert(sizeof(RotaryTensor) == 104 + 40 * PHASOR_AXES, "as in ops/src/cuda/rotary/params.rs");
static_assert(sizeof(RotaryParams) == 32 + 2 * sizeof(RotaryTensor), "as in ops/src/cuda/rotary/params.rs");
static_assert(sizeof(AnglesParams) == 176 + 8 * PHASOR_DIGITS, "as in ops/src/cuda/angles/params.rs");
static_assert(sizeof(RelativeTiles) == 72, "as in ops/src/cuda/relative/params.rs");
static_assert(sizeof(RelativeBiasParams) == sizeof(RelativeTiles) + 48, "as in ops/src/cuda/relative_bias/params.rs");
static_assert(sizeof(RelativeGatherParams) == sizeof(RelativeTiles) + 24 + 24 * PHASOR_AXES, "as in ops/src/cuda/relative_gather/params.rs");
