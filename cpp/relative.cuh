// What the operators on relative positions share: positions, lookup tables, elements that are moved as they are, and tiles.
//
// Planes of queries and keys are cut into tiles, one per block. Positions are in the memory of the device and unknown to the host,
// so each block examines those of its tile. Mostly they rise by one, in rows and in columns. Then everything depends on column
// minus row alone, and the block looks it up once per diagonal, into shared memory. It fills this table of diagonals while it
// examines the positions, and discards the table where they do not rise by one.
#pragma once

#include "element.cuh"
#include "params.h"

namespace relative {

// Elements. ----------------------------------------------------------------------------------------------------------------------

// The element for an entry of the lookup table that is out of range: NaN in every type of this size.
template <typename T>
PHASOR_DEVICE Packed<T, 1> nothing() {
    Packed<T, 1> nan = {};
    nan.set_word_at(0, sizeof(T) == 2 ? 0x7fff : sizeof(T) == 4 ? 0x7fffffff : 0xffffffff);
    if (sizeof(T) == 8) {
        nan.set_word_at(1, 0x7fffffff);
    }
    return nan;
}

// Makes `one` element `i`; elements are set in order.
template <typename T, int V>
PHASOR_DEVICE void set(Packed<T, V>& packed, int i, const Packed<T, 1>& one) {
    if (sizeof(T) == 2) {
        const u32 half = one.word_at(0);
        packed.set_word_at(i / 2, i % 2 == 0 ? half : packed.word_at(i / 2) | half << 16);
        return;
    }
    const int words = int(sizeof(T)) / 4;
PHASOR_UNROLL
    for (int word = 0; word < words; word++) {
        packed.set_word_at(i * words + word, one.word_at(word));
    }
}

// The V elements of `low` and `high` together from element `from` on, which is below V.
template <typename T, int V>
PHASOR_DEVICE Packed<T, V> window(const Packed<T, V>& low, const Packed<T, V>& high, int from) {
    // None where V is one of 16 bits.
    const int words = V * int(sizeof(T)) / 4;
    const int first = from * int(sizeof(T)) / 4;
    const bool between = from * int(sizeof(T)) % 4 != 0;
    Packed<T, V> found = low;
PHASOR_UNROLL
    for (int i = 0; i < words; i++) {
        const int at = first + i;
        const int behind = between ? at + 1 : at;
        const u32 word = at < words ? low.word_at(at) : high.word_at(at - words);
        const u32 next = behind < words ? low.word_at(behind) : high.word_at(behind - words);
        found.set_word_at(i, between ? word >> 16 | next << 16 : word);
    }
    return found;
}

// Drops the first element, and makes `one` the last.
template <typename T, int V>
PHASOR_DEVICE void append(Packed<T, V>& packed, const Packed<T, 1>& one) {
    Packed<T, V> next = {};
    set(next, 0, one);
    packed = V == 1 ? next : window(packed, next, 1);
}

// Into shared memory.
template <int V, typename T>
PHASOR_DEVICE void keep(T* to, const Packed<T, V>& kept) {
    typedef typename Packed<T, V>::Part Part;
    Part* parts = aligned(reinterpret_cast<Part*>(to));
PHASOR_UNROLL
    for (int i = 0; i < Packed<T, V>::PARTS; i++) {
        parts[i] = kept.parts[i];
    }
}

// Positions. ---------------------------------------------------------------------------------------------------------------------

// Element `index` of a tensor of integers, of 64 bits if `wide`, else of 32.
PHASOR_DEVICE i64 integer(u64 tensor, bool wide, u64 index) {
    if (!wide) {
        return int(load_constant<1>(reinterpret_cast<const u32*>(tensor) + index).word_at(0));
    }
    const Packed<u64, 1> whole = load_constant<1>(reinterpret_cast<const u64*>(tensor) + index);
    return i64(u64(whole.word_at(1)) << 32 | whole.word_at(0));
}

// `key - query`, or the number of 64 bits nearest to it.
PHASOR_DEVICE i64 distance(i64 query, i64 key) {
    const i64 lowest = i64(u64(1) << 63);
    const i64 apart = i64(u64(key) - u64(query));
    const bool beyond = ((key ^ query) & (key ^ apart)) < 0;
    return !beyond ? apart : key < 0 ? lowest : ~lowest;
}

// Which of the `2 * reach + 1` entries of a lookup table is for a pair of positions.
PHASOR_DEVICE u32 slot(i64 query, i64 key, u32 reach) {
    const bool ahead = key > query;
    // It has room for all there are.
    const u64 apart = ahead ? u64(key) - u64(query) : u64(query) - u64(key);
    const u32 near = apart < reach ? u32(apart) : reach;
    return ahead ? reach + near : reach - near;
}

// Tiles. -------------------------------------------------------------------------------------------------------------------------

// Entries of a table that a thread looks up at a time: each is two accesses to memory, of which the second waits for the first.
const u32 AHEAD = 4;

// The number of this thread in its block, and how many there are.
PHASOR_DEVICE u32 thread_number() { return threadIdx.y * blockDim.x + threadIdx.x; }
PHASOR_DEVICE u32 thread_count() { return blockDim.y * blockDim.x; }

// The tile of this block.
struct Tile {
    u32 plane;
    // The first query and the first key.
    u64 row;
    u64 column;
    // How many there are, at most those of a whole tile.
    u32 rows;
    u32 columns;

    PHASOR_DEVICE explicit Tile(const RelativeTiles& tiles) {
        const u32 band = blockIdx.x / tiles.column_tiles;
        plane = band / tiles.row_tiles;
        row = u64(band - plane * tiles.row_tiles) * tiles.rows;
        column = u64(blockIdx.x - band * tiles.column_tiles) * tiles.columns;
        rows = clipped(tiles.rows, tiles.queries - row);
        columns = clipped(tiles.columns, tiles.keys - column);
    }

    PHASOR_DEVICE static u32 clipped(u32 size, u64 left) { return left < size ? u32(left) : size; }
};

// The positions of a tile: `query` and `key` are the numbers of its first ones.
struct Positions {
    const RelativeTiles& tiles;
    u64 first_query;
    u64 first_key;

    PHASOR_DEVICE i64 query(u32 i) const { return integer(tiles.query_positions, tiles.wide != 0, first_query + i); }
    PHASOR_DEVICE i64 key(u32 j) const { return integer(tiles.key_positions, tiles.wide != 0, first_key + j); }

    // Whether this thread sees that they do not all rise by one, or that they lie where 64 bits may not hold a distance.
    PHASOR_DEVICE bool irregular(const Tile& tile) const {
        bool found = far(query(0)) | far(key(0));
PHASOR_ROLLED
        for (u32 i = thread_number(); i + 1 < tile.rows; i += thread_count()) {
            found |= u64(query(i + 1)) != u64(query(i)) + 1;
        }
PHASOR_UNROLL_4
        for (u32 j = thread_number(); j + 1 < tile.columns; j += thread_count()) {
            found |= u64(key(j + 1)) != u64(key(j)) + 1;
        }
        return found;
    }

    PHASOR_DEVICE static bool far(i64 position) {
        const u64 most = u64(1) << 61;
        return u64(position) + most > 2 * most;
    }
};

// V neighbours of a row of a tile, for the pairs of a query with the keys from `first` on.
//
// What is quick to get is read for all of them at once. Where each needs several accesses to memory, that would take too many
// registers.
template <int V, typename T, bool QUICK>
struct Neighbours {
    const Positions& positions;
    u32 first;
    // Where they are kept.
    i64 keys[V];

    PHASOR_DEVICE Neighbours(const Positions& positions, u32 first) : positions(positions), first(first) {
PHASOR_UNROLL
        for (int i = 0; i < V; i++) {
            keys[i] = QUICK ? positions.key(first + i) : 0;
        }
    }

    template <typename Source>
    PHASOR_DEVICE Packed<T, V> of(i64 query, const Source& source) const {
        Packed<T, V> found = {};
        if (QUICK) {
PHASOR_UNROLL
            for (int i = 0; i < V; i++) {
                set(found, i, source.of_pair(query, keys[i]));
            }
        } else {
PHASOR_ROLLED
            for (u32 i = 0; i < V; i++) {
                append(found, source.of_pair(query, positions.key(first + i)));
            }
        }
        return found;
    }
};

// The table of a tile's diagonals: entry `column - row + tiles.rows - 1` is for those of that row and column, counted within the tile.
// It has `tiles.rows + tiles.columns` entries, which is one more than there are diagonals.
//
// A thread that works on V rows from a multiple of V on, in V columns likewise, needs 2V - 1 entries, of which those from `corner` on
// are the last row's.
PHASOR_DEVICE u32 corner(const RelativeTiles& tiles, u32 row, u32 column, int v) { return column + tiles.rows - u32(v) - row; }

// Fills the table by `source.of_distance`; returns whether it may be used.
template <typename T, typename Source>
PHASOR_DEVICE bool diagonals(const Tile& tile, const Positions& positions, const Source& source, T* table) {
    const RelativeTiles& tiles = positions.tiles;
    const bool irregular = positions.irregular(tile);
    const u64 first = u64(positions.key(0)) - u64(positions.query(0)) - (tiles.rows - 1);
    const u32 count = tiles.rows + tiles.columns;
PHASOR_ROLLED
    for (u32 i = thread_number(); i < count; i += AHEAD * thread_count()) {
        Packed<T, 1> found[AHEAD];
PHASOR_UNROLL
        for (u32 j = 0; j < AHEAD; j++) {
            const u32 at = i + j * thread_count();
            // The last one again where there are no more.
            found[j] = source.of_distance(i64(first + (at < count ? at : count - 1)));
        }
PHASOR_UNROLL
        for (u32 j = 0; j < AHEAD; j++) {
            const u32 at = i + j * thread_count();
            if (at < count) {
                keep(table + at, found[j]);
            }
        }
    }
    return !__syncthreads_or(irregular);
}

// Copies the element for each entry of the lookup table to shared memory, for tiles without diagonals.
template <typename T, typename Source>
PHASOR_DEVICE void stage(const RelativeTiles& tiles, const Source& source, T* table) {
PHASOR_ROLLED
    for (u32 i = thread_number(); i < tiles.staged; i += thread_count()) {
        keep(table + i, source.of_slot(i));
    }
    __syncthreads();
}

}  // namespace relative
