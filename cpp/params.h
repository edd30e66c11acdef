// The parameters of the kernels: one struct an operator family, passed by value. `ops/src/cuda` has the same structs.
//
// Addresses are numbers of 64 bits; so are all sizes that a tensor may have. No struct has padding.
#pragma once

// The largest number of merged axes before the last (`MAX_RANK - 1` in `ops/src/contract/broadcast.rs`).
#define PHASOR_AXES 15

// An axis over which tasks are numbered, and how far a step of it moves: in rows of the tensor, and of its tables.
struct RotaryAxis {
    unsigned long long size;
    unsigned long long row;
    unsigned long long cos;
    unsigned long long sin;
};

// A tensor that is turned, and how its rows are shared out. A task is `loops` rows with the same angles: those with the numbers
// `head`, `head + chunks`, `head + 2 * chunks`, and so on below `heads`, along the axis `head_axis`, of which `axes` has `chunks`.
struct RotaryTensor {
    unsigned long long x;
    unsigned long long y;
    unsigned long long channels;
    unsigned long long offset;
    // Number of pairs.
    unsigned long long half;
    // Threads that a row keeps busy: for each vector of pairs, then for each vector of channels that are copied.
    unsigned long long lanes;
    unsigned long long tasks;
    unsigned long long heads;
    // How far a step along the heads moves, in rows.
    unsigned long long head_row;
    unsigned long long chunks;
    unsigned int loops;
    // Number of axes.
    unsigned int rank;
    // `PHASOR_AXES` where all rows have angles of their own.
    unsigned int head_axis;
    // Whether tables have an entry a channel, rather than one a pair.
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

static_assert(sizeof(RotaryTensor) == 96 + 32 * PHASOR_AXES, "as in ops/src/cuda/rotary/params.rs");
static_assert(sizeof(RotaryParams) == 32 + 2 * sizeof(RotaryTensor), "as in ops/src/cuda/rotary/params.rs");
