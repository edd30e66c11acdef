// RelativePositionBias and AlibiBias.
//
// A block makes a tile of the bias of one head, and each thread V neighbours of a row at a time. Where positions rise by one, the
// block keeps the tile's diagonals in shared memory: two accesses of 16 bytes bring what V rows of a thread need, each row one
// element further on. Elsewhere, and for one or two queries, a thread keeps V positions of keys and looks up each of its elements,
// in shared memory if the lookup table is small and there are more queries.
//
// Kernels: named by the size of an element where elements are copied from a table, by its type where they are computed. `whole`
// stores 16 bytes per access, `scalar` is for all sizes and addresses.
#include "relative.cuh"

namespace relative_bias {

using namespace relative;

// The biases of one head, from a table and a lookup table.
template <typename T>
struct Buckets {
    const RelativeTiles& tiles;
    // The head's column of the table.
    const T* column;
    u64 heads;
    u64 rows;

    PHASOR_DEVICE Buckets(const RelativeBiasParams& params, u32 head)
        : tiles(params.tiles),
          column(reinterpret_cast<const T*>(params.table) + head),
          heads(params.heads),
          rows(params.table_rows) {}

    PHASOR_DEVICE Packed<T, 1> of_slot(u32 slot) const {
        const u64 row = u64(integer(tiles.lut, tiles.wide != 0, slot));
        return row < rows ? load_constant<1>(column + row * heads) : nothing<T>();
    }

    PHASOR_DEVICE Packed<T, 1> of_distance(i64 distance) const { return of_pair(0, distance); }
    PHASOR_DEVICE Packed<T, 1> of_pair(i64 query, i64 key) const { return of_slot(slot(query, key, u32(tiles.reach))); }
};

// The same, from the table's elements in the order of the lookup table.
template <typename T>
struct Staged {
    const T* staged;
    u32 reach;

    PHASOR_DEVICE Packed<T, 1> of_pair(i64 query, i64 key) const { return load<1>(staged + slot(query, key, reach)); }
};

// The biases of one head, by its slope.
template <typename T>
struct Slope {
    Arithmetic<T> slope;
    bool absolute;

    PHASOR_DEVICE Slope(const RelativeBiasParams& params, u32 head) : absolute(params.absolute != 0) {
        Arithmetic<T> slopes[1];
        unpack(load_constant<1>(reinterpret_cast<const T*>(params.table) + head), slopes);
        slope = slopes[0];
    }

    PHASOR_DEVICE Packed<T, 1> of_distance(i64 distance) const {
        typedef Arithmetic<T> A;
        const A rounded = nearest(distance, A());
        const A bias[1] = {product(slope, absolute && rounded < 0 ? -rounded : rounded)};
        Packed<T, 1> packed = {};
        pack(bias, packed);
        return packed;
    }

    PHASOR_DEVICE Packed<T, 1> of_pair(i64 query, i64 key) const { return of_distance(distance(query, key)); }
};

// Rows of a tile by its diagonals; `bias` is its first element.
template <int V, typename T>
PHASOR_DEVICE void by_diagonals(const RelativeTiles& tiles, const Tile& tile, const T* table, T* bias) {
    const u32 column = threadIdx.x * V;
    if (column >= tile.columns) {
        return;
    }
PHASOR_ROLLED
    for (u32 row = threadIdx.y * V; row < tile.rows; row += blockDim.y * V) {
        const T* from = table + corner(tiles, row, column, V);
        const Packed<T, V> low = load<V>(from);
        const Packed<T, V> high = load<V>(from + V);
        T* to = bias + (row * tiles.keys + column);
PHASOR_UNROLL
        for (int i = 0; i < V; i++) {
            if (row + i < tile.rows) {
                store(to, window(low, high, V - 1 - i));
            }
            to += tiles.keys;
        }
    }
}

// Rows of a tile, element by element.
template <int V, bool QUICK, typename T, typename Source>
PHASOR_DEVICE void by_pairs(const Tile& tile, const Positions& positions, const Source& source, T* bias) {
    const u32 column = threadIdx.x * V;
    if (column >= tile.columns) {
        return;
    }
    const Neighbours<V, T, QUICK> neighbours(positions, column);
PHASOR_ROLLED
    for (u32 row = threadIdx.y; row < tile.rows; row += blockDim.y) {
        store(bias + (row * positions.tiles.keys + column), neighbours.of(positions.query(row), source));
    }
}

// Queries for which a table of diagonals would cost more lookups than it saves.
const u64 FEW = 2;

// What a block has: its tile, and where its positions and its part of the bias lie.
template <typename T>
struct Work {
    Tile tile;
    u32 batch;
    u32 head;

    PHASOR_DEVICE explicit Work(const RelativeBiasParams& params) : tile(params.tiles) {
        batch = tile.plane / params.heads;
        head = tile.plane - batch * params.heads;
    }

    PHASOR_DEVICE Positions positions(const RelativeBiasParams& params) const {
        return {params.tiles, batch * params.query_step + tile.row, batch * params.key_step + tile.column};
    }

    PHASOR_DEVICE T* bias(const RelativeBiasParams& params) const {
        const RelativeTiles& tiles = params.tiles;
        return reinterpret_cast<T*>(params.bias) + ((tile.plane * tiles.queries + tile.row) * tiles.keys + tile.column);
    }
};

template <int V, typename T>
PHASOR_DEVICE void bucketed(const RelativeBiasParams& params) {
    const Work<T> work(params);
    const Positions positions = work.positions(params);
    const Buckets<T> buckets(params, work.head);
    T* table = shared_memory<T>();
    if (params.tiles.queries <= FEW) {
        by_pairs<V, true>(work.tile, positions, buckets, work.bias(params));
    } else if (diagonals(work.tile, positions, buckets, table)) {
        by_diagonals<V>(params.tiles, work.tile, table, work.bias(params));
    } else if (params.tiles.staged != 0) {
        stage(params.tiles, buckets, table);
        by_pairs<V, true>(work.tile, positions, Staged<T>{table, u32(params.tiles.reach)}, work.bias(params));
    } else {
        by_pairs<V, false>(work.tile, positions, buckets, work.bias(params));
    }
}

template <int V, typename T>
PHASOR_DEVICE void linear(const RelativeBiasParams& params) {
    const Work<T> work(params);
    const Positions positions = work.positions(params);
    const Slope<T> slope(params, work.head);
    T* table = shared_memory<T>();
    if (params.tiles.queries > FEW && diagonals(work.tile, positions, slope, table)) {
        by_diagonals<V>(params.tiles, work.tile, table, work.bias(params));
    } else {
        by_pairs<V, true>(work.tile, positions, slope, work.bias(params));
    }
}

}  // namespace relative_bias

#define RELATIVE_BIAS(name, T, made)                                        \
    PHASOR_WIDE_BARRIER_KERNEL(name##_whole, RelativeBiasParams, 256, 4) {  \
        relative_bias::made<Whole<T>::COUNT, T>(params);                    \
    }                                                                       \
    PHASOR_WIDE_BARRIER_KERNEL(name##_scalar, RelativeBiasParams, 256, 4) { \
        relative_bias::made<1, T>(params);                                  \
    }

RELATIVE_BIAS(relative_bias_16, u16, bucketed)
RELATIVE_BIAS(relative_bias_32, u32, bucketed)
RELATIVE_BIAS(relative_bias_64, u64, bucketed)
RELATIVE_BIAS(alibi_bias_f32, float, linear)
RELATIVE_BIAS(alibi_bias_f16, f16, linear)
RELATIVE_BIAS(alibi_bias_bf16, bf16, linear)
RELATIVE_BIAS(alibi_bias_f64, double, linear)
