// RelativeGather.
//
// A block makes a tile of one matrix of the output. Where positions rise by one, it keeps the columns of `scores` for the tile's
// diagonals in shared memory; elsewhere a thread looks up each of its columns, in shared memory if the lookup table is small.
//
// Kernels: `query` is for rows of `scores` that belong to queries. A thread makes V neighbours of a row at a time, for which it
// reads one row of `scores`, at columns that mostly follow each other. `key` is for rows that belong to keys. Neighbours of a row
// then come from different rows of `scores`, neighbours of a column from one, so the threads of a warp read along a column of the
// tile, which goes to shared memory and is stored row by row. Both store 16 bytes per access, and have `scalar` twins for all sizes
// and addresses.
#include "relative.cuh"

namespace relative_gather {

using namespace relative;

// Where scores of a distance are.
struct Columns {
    const RelativeTiles& tiles;
    u32 width;

    // ~0 stands for none: every width is at most that.
    PHASOR_DEVICE u32 column_of(u32 slot) const {
        const u64 column = u64(integer(tiles.lut, tiles.wide != 0, slot));
        return column < width ? u32(column) : ~u32(0);
    }

    PHASOR_DEVICE Packed<u32, 1> of_slot(u32 slot) const {
        Packed<u32, 1> packed = {};
        packed.set_word_at(0, column_of(slot));
        return packed;
    }

    PHASOR_DEVICE Packed<u32, 1> of_distance(i64 distance) const { return of_slot(slot(0, distance, u32(tiles.reach))); }
    PHASOR_DEVICE u32 column_of_pair(i64 query, i64 key) const { return column_of(slot(query, key, u32(tiles.reach))); }
};

// The same, from columns in the order of the lookup table.
struct Staged {
    const u32* staged;
    u32 reach;

    PHASOR_DEVICE u32 column_of_pair(i64 query, i64 key) const { return staged[slot(query, key, reach)]; }
};

template <typename T>
PHASOR_DEVICE Packed<T, 1> score(const T* row, u32 column, u32 width) {
    return column < width ? load_constant<1>(row + column) : nothing<T>();
}

// What a block has: its tile, and where its positions are.
struct Work {
    Tile tile;
    u64 query_row;
    u64 key_row;

    PHASOR_DEVICE explicit Work(const RelativeGatherParams& params) : tile(params.tiles), query_row(0), key_row(0) {
        u32 rest = tile.plane;
PHASOR_ROLLED
        for (u32 i = params.rank; i-- > 0;) {
            const RelativeAxis& axis = params.axes[i];
            // No axis has more steps than there are planes.
            const u32 size = u32(axis.size);
            const u32 at = rest % size;
            rest /= size;
            query_row += at * axis.query;
            key_row += at * axis.key;
        }
    }

    PHASOR_DEVICE Positions positions(const RelativeTiles& tiles) const {
        return {tiles, query_row * tiles.queries + tile.row, key_row * tiles.keys + tile.column};
    }

    // The tile's first element of the output.
    template <typename T>
    PHASOR_DEVICE T* output(const RelativeGatherParams& params) const {
        const RelativeTiles& tiles = params.tiles;
        return reinterpret_cast<T*>(params.output) + ((tile.plane * tiles.queries + tile.row) * tiles.keys + tile.column);
    }
};

// Rows of queries. ---------------------------------------------------------------------------------------------------------------

template <int V, typename T>
PHASOR_DEVICE void rows_by_diagonals(const RelativeGatherParams& params, const Tile& tile, const u32* table, const T* scores, T* output) {
    const RelativeTiles& tiles = params.tiles;
    const u32 width = params.width;
    const u32 column = threadIdx.x * V;
    if (column >= tile.columns) {
        return;
    }
PHASOR_ROLLED
    for (u32 row = threadIdx.y * V; row < tile.rows; row += blockDim.y * V) {
        const u32* at = table + corner(tiles, row, column, V);
        const Packed<u32, V> low = load<V>(at);
        const Packed<u32, V> high = load<V>(at + V);
        const T* from = base(scores + row * u64(width));
        T* to = base(output + (row * tiles.keys + column));
PHASOR_UNROLL
        for (int i = 0; i < V; i++) {
            if (row + i < tile.rows) {
                const Packed<u32, V> columns = window(low, high, V - 1 - i);
                Packed<T, V> found = {};
PHASOR_UNROLL
                for (int j = 0; j < V; j++) {
                    set(found, j, score(from, columns.word_at(j), width));
                }
                store(to, found);
            }
            from = base(from + width);
            to = base(to + tiles.keys);
        }
    }
}

// The scores of a query, by the columns of its pairs.
template <typename T, typename Source>
struct Row {
    const T* scores;
    u32 width;
    const Source& source;

    PHASOR_DEVICE Packed<T, 1> of_pair(i64 query, i64 key) const { return score(scores, source.column_of_pair(query, key), width); }
};

template <int V, bool QUICK, typename T, typename Source>
PHASOR_DEVICE void rows_by_pairs(const RelativeGatherParams& params, const Tile& tile, const Positions& positions, const Source& source,
                                 const T* scores, T* output) {
    const u32 column = threadIdx.x * V;
    if (column >= tile.columns) {
        return;
    }
    const Neighbours<V, T, QUICK> neighbours(positions, column);
PHASOR_ROLLED
    for (u32 row = threadIdx.y; row < tile.rows; row += blockDim.y) {
        const Row<T, Source> of_row = {base(scores + row * u64(params.width)), params.width, source};
        store(output + (row * params.tiles.keys + column), neighbours.of(positions.query(row), of_row));
    }
}

template <int V, typename T>
PHASOR_DEVICE void by_query(const RelativeGatherParams& params) {
    const RelativeTiles& tiles = params.tiles;
    const Work work(params);
    const Tile& tile = work.tile;
    const Positions positions = work.positions(tiles);
    const Columns columns = {tiles, params.width};
    u32* table = shared_memory<u32>();
    const bool regular = diagonals(tile, positions, columns, table);
    const T* scores = reinterpret_cast<const T*>(params.scores) + (tile.plane * tiles.queries + tile.row) * params.width;
    T* output = work.output<T>(params);
    if (regular) {
        rows_by_diagonals<V>(params, tile, table, scores, output);
    } else if (tiles.staged != 0) {
        stage(tiles, columns, table);
        rows_by_pairs<V, true>(params, tile, positions, Staged{table, u32(tiles.reach)}, scores, output);
    } else {
        rows_by_pairs<V, false>(params, tile, positions, columns, scores, output);
    }
}

// Rows of keys. ------------------------------------------------------------------------------------------------------------------

// Columns of a tile, in units of V. In shared memory a row has room for one more, so that the rows of a column, which neighbouring
// threads write to, begin in different banks.
template <int V>
struct Groups {
    enum { COUNT = V == 1 ? 32 : 8, PITCH = (COUNT + 1) * V };
};

// The columns of pairs, by the table of diagonals.
struct Diagonal {
    const RelativeTiles& tiles;
    const u32* table;

    PHASOR_DEVICE i64 query(u32) const { return 0; }
    PHASOR_DEVICE u32 column(i64, u32 i, u32 j) const { return table[j + tiles.rows - 1 - i]; }
};

// The same for positions of any kind.
template <typename Source>
struct Anywhere {
    const Positions& positions;
    Source source;

    PHASOR_DEVICE i64 query(u32 i) const { return positions.query(i); }
    PHASOR_DEVICE u32 column(i64 query, u32, u32 j) const { return source.column_of_pair(query, positions.key(j)); }
};

// Reads the scores of a tile into shared memory. `scores` is the row of its first key.
template <int V, typename T, typename Source>
PHASOR_DEVICE void read(const Tile& tile, u32 width, const Source& source, const T* scores, T* shared) {
PHASOR_ROLLED
    for (u32 i = threadIdx.x; i < tile.rows; i += blockDim.x) {
        const i64 query = source.query(i);
PHASOR_ROLLED
        for (u32 j = threadIdx.y * V; j < tile.columns; j += blockDim.y * V) {
            const T* from = base(scores + j * u64(width));
            Packed<T, V> found = {};
PHASOR_UNROLL
            for (int k = 0; k < V; k++) {
                set(found, k, score(from, source.column(query, i, j + k), width));
                from += width;
            }
            keep(shared + (i * Groups<V>::PITCH + j), found);
        }
    }
}

template <int V, typename T>
PHASOR_DEVICE void by_key(const RelativeGatherParams& params) {
    const RelativeTiles& tiles = params.tiles;
    const Work work(params);
    const Tile& tile = work.tile;
    const Positions positions = work.positions(tiles);
    const Columns columns = {tiles, params.width};
    T* shared = shared_memory<T>();
    // Behind the tile, whose size is a multiple of theirs.
    u32* table = reinterpret_cast<u32*>(shared + tiles.rows * Groups<V>::PITCH);
    const bool regular = diagonals(tile, positions, columns, table);
    const T* scores = reinterpret_cast<const T*>(params.scores) + (tile.plane * tiles.keys + tile.column) * params.width;
    if (regular) {
        read<V>(tile, params.width, Diagonal{tiles, table}, scores, shared);
    } else if (tiles.staged != 0) {
        stage(tiles, columns, table);
        read<V>(tile, params.width, Anywhere<Staged>{positions, {table, u32(tiles.reach)}}, scores, shared);
    } else {
        read<V>(tile, params.width, Anywhere<Columns>{positions, columns}, scores, shared);
    }
    __syncthreads();
    T* output = work.output<T>(params);
PHASOR_ROLLED
    for (u32 n = thread_number(); n < tile.rows * Groups<V>::COUNT; n += thread_count()) {
        const u32 i = n / Groups<V>::COUNT;
        const u32 j = n % Groups<V>::COUNT * V;
        if (j < tile.columns) {
            store(output + (i * tiles.keys + j), load<V>(shared + (i * Groups<V>::PITCH + j)));
        }
    }
}

}  // namespace relative_gather

#define RELATIVE_GATHER(name, made, T)                                                          \
    PHASOR_WIDE_BARRIER_KERNEL(relative_gather_##name, RelativeGatherParams, 256, 4) {          \
        relative_gather::made<Whole<T>::COUNT, T>(params);                                      \
    }                                                                                           \
    PHASOR_WIDE_BARRIER_KERNEL(relative_gather_##name##_scalar, RelativeGatherParams, 256, 4) { \
        relative_gather::made<1, T>(params);                                                    \
    }

RELATIVE_GATHER(16_query, by_query, u16)
RELATIVE_GATHER(16_key, by_key, u16)
RELATIVE_GATHER(32_query, by_query, u32)
RELATIVE_GATHER(32_key, by_key, u32)
RELATIVE_GATHER(64_query, by_query, u64)
RELATIVE_GATHER(64_key, by_key, u64)
