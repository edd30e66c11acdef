// RotaryEmbedding, RotaryEmbeddingPair and RotaryHeads.
//
// A block is `blockDim.y` tasks of `blockDim.x` threads. A task is a number of rows with the same angles: its threads read cosines
// and sines from memory once and keep them for all of its rows. A lane of a task owns two vectors of each row, of pairs or of channels
// that are copied, so that with equal layouts Y may be X. Everything of the first row is asked for before anything is waited for, and
// each further row, where there are registers for it, before the one ahead of it is worked on.
//
// Kernels: `pair` and `channel` move 16 bytes per access, for tables with an entry per pair or per channel. `scalar` takes one pair
// per thread, for all sizes and addresses. `moved` is for a Y that is X where pairs move within the row: it reads a whole row
// before it writes any of it. `heads_pair`, `heads_channel` and `heads_scalar` are the first three for an X whose rows do not
// lie as those of Y do. That takes registers which those lack; `heads_channel` moves 8 bytes per access for want of them.
#include "element.cuh"
#include "params.h"

// Whether the vectors of a lane lie apart where members of pairs are neighbours in X and in Y.
#if !defined(PHASOR_VECTORS_APART)
#define PHASOR_VECTORS_APART true
#endif

// Whether `channel` asks for a row before the one ahead of it is worked on, for which Blackwell has too few registers.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
#define CHANNEL_AHEAD false
#define CHANNEL_KERNEL(name) PHASOR_WIDE_KERNEL(name, RotaryParams, 256, 3)
#else
#define CHANNEL_AHEAD true
#define CHANNEL_KERNEL(name) PHASOR_KERNEL(name, RotaryParams, 256)
#endif

// Blocks of `pair` for which a multiprocessor is to have registers. Four would leave too few on Turing, which converts bfloat16 by hand,
// and two too few on Blackwell.
#if defined(__CUDA_ARCH__) && (__CUDA_ARCH__ < 800 || __CUDA_ARCH__ >= 1000)
#define PAIR_BLOCKS 3
#elif defined(PHASOR_PAIR_BLOCKS)
#define PAIR_BLOCKS PHASOR_PAIR_BLOCKS
#else
#define PAIR_BLOCKS 4
#endif

namespace {

// What a block works on.
PHASOR_DEVICE const RotaryTensor& tensor_of(const RotaryParams& params) {
    return params.tensors[blockIdx.x < params.border ? 0 : 1];
}

// The first task of a block.
PHASOR_DEVICE u64 first_task(const RotaryParams& params) {
    const u32 block = blockIdx.x < params.border ? blockIdx.x : blockIdx.x - params.border;
    return u64(block) * blockDim.y;
}

// What a thread works on: a task of its block, and the first of its lanes.
//
// Where a row has lanes of both kinds, those that turn pairs come first, of all tasks of the block, then those that copy. A warp
// with both would do one after the other.
struct Share {
    u32 task;
    u32 lane;

    PHASOR_DEVICE Share(u64 lanes, u64 pairs) : task(threadIdx.y), lane(threadIdx.x) {
        if (pairs == 0 || pairs == lanes || lanes > blockDim.x) {
            return;
        }
        const u32 turning = u32(pairs), copying = u32(lanes) - turning;
        const u32 thread = threadIdx.y * blockDim.x + threadIdx.x;
        const u32 border = blockDim.y * turning;
        if (thread < border) {
            task = thread / turning;
            lane = thread - task * turning;
        } else {
            task = (thread - border) / copying;
            lane = turning + (thread - border - task * copying);
        }
    }
};

// Where a task begins: rows of the result, of the tensor and of the tables, and its first head.
struct Place {
    u64 row;
    u64 x_row;
    u64 cos;
    u64 sin;
    u64 head;
};

PHASOR_DEVICE Place place_of(const RotaryTensor& tensor, u64 task) {
    Place place = {0, 0, 0, 0, 0};
PHASOR_ROLLED
    for (u32 i = tensor.rank; i-- > 0;) {
        const RotaryAxis& axis = tensor.axes[i];
        // The outermost axis needs no division.
        const u64 rest = i == 0 ? 0 : task / axis.size;
        const u64 at = task - rest * axis.size;
        task = rest;
        place.row += at * axis.row;
        place.x_row += at * axis.x_row;
        place.cos += at * axis.cos;
        place.sin += at * axis.sin;
        if (i == tensor.head_axis) {
            place.head = at;
        }
    }
    return place;
}

// The two vectors that hold V pairs.
template <typename T, int V>
struct Members {
    Packed<T, V> low;
    Packed<T, V> high;
};

// How members of pairs lie in a row: `near` where those of a pair are neighbours, else in two halves. Of neighbours, a lane may own the
// `adjacent` pairs of two vectors side by side; otherwise its vectors are as far apart as halves are, so that those of a warp follow
// each other and fill whole sectors of 32 bytes.
struct Layout {
    bool near;
    bool adjacent;
};

// Where the two vectors of lane `k / V` lie in a row.
template <int V>
struct Spot {
    u64 low;
    // Distance of the second vector from the first.
    u64 apart;

    PHASOR_DEVICE Spot(u64 half, u64 k, Layout layout) : low(layout.adjacent ? 2 * k : k), apart(layout.adjacent ? V : half) {}
};

// First and second members of the pairs.
template <typename A, typename T, int V>
PHASOR_DEVICE void unpack_members(const Members<T, V>& members, bool neighbours, A (&a)[V], A (&b)[V]) {
    A low[V], high[V];
    unpack(members.low, low);
    unpack(members.high, high);
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        const A even = 2 * i < V ? low[2 * i % V] : high[2 * i % V];
        const A odd = 2 * i + 1 < V ? low[(2 * i + 1) % V] : high[(2 * i + 1) % V];
        a[i] = neighbours ? even : low[i];
        b[i] = neighbours ? odd : high[i];
    }
}

// The vectors that hold such pairs.
template <typename T, int V, typename A>
PHASOR_DEVICE Members<T, V> pack_members(bool neighbours, const A (&a)[V], const A (&b)[V]) {
    A low[V], high[V];
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        const int j = V + i;
        const A first = i % 2 == 0 ? a[i / 2] : b[i / 2];
        const A other = j % 2 == 0 ? a[j / 2] : b[j / 2];
        low[i] = neighbours ? first : a[i];
        high[i] = neighbours ? other : b[i];
    }
    Members<T, V> packed = {};
    pack(low, packed.low);
    pack(high, packed.high);
    return packed;
}

template <int V, typename T>
PHASOR_DEVICE Members<T, V> load_members(const T* at, u64 apart) {
    return {load<V>(at), load<V>(at + apart)};
}

template <int V, typename T>
PHASOR_DEVICE void store_members(T* at, u64 apart, const Members<T, V>& members) {
    store(at, members.low);
    store(at + apart, members.high);
}

// The entries of a table with one per pair for the pairs of a lane.
template <int V, typename TT>
PHASOR_DEVICE Packed<TT, V> entries(const TT* table, u64 half, u64 k, Layout layout) {
    // A vector of one element has no pair of neighbours.
    const int part = V > 1 ? V / 2 : 1;
    if (V == 1 || !layout.near || layout.adjacent) {
        return load_constant<V>(table + k);
    }
    const Packed<TT, part> low = load_constant<part>(table + k / 2), high = load_constant<part>(table + (half + k) / 2);
    const int words = V * int(sizeof(TT)) / 8;
    Packed<TT, V> found = {};
PHASOR_UNROLL
    for (int i = 0; i < words; i++) {
        found.set_word_at(i, low.word_at(i));
        found.set_word_at(words + i, high.word_at(i));
    }
    return found;
}

// Cosines and sines for both members of V pairs.
template <typename A, int V>
struct Turn {
    A cos_a[V], cos_b[V], sin_a[V], sin_b[V];

    template <typename TT>
    PHASOR_DEVICE void load(const TT* cos, const TT* sin, u64 half, u64 k, bool by_channel, Layout layout, bool inverse) {
        if (by_channel) {
            const Spot<V> at(half, k, layout);
            cos += at.low;
            sin += at.low;
            const Members<TT, V> cosines = {load_constant<V>(cos), load_constant<V>(cos + at.apart)};
            const Members<TT, V> sines = {load_constant<V>(sin), load_constant<V>(sin + at.apart)};
            unpack_members(cosines, layout.near, cos_a, cos_b);
            unpack_members(sines, layout.near, sin_a, sin_b);
        } else {
            const Packed<TT, V> cosines = entries<V>(cos, half, k, layout), sines = entries<V>(sin, half, k, layout);
            unpack(cosines, cos_a);
            unpack(sines, sin_a);
        }
PHASOR_UNROLL
        for (int i = 0; i < V; i++) {
            if (!by_channel) {
                cos_b[i] = cos_a[i];
                sin_b[i] = sin_a[i];
            }
            sin_a[i] = inverse ? -sin_a[i] : sin_a[i];
            sin_b[i] = inverse ? -sin_b[i] : sin_b[i];
        }
    }

    PHASOR_DEVICE void apply(A (&a)[V], A (&b)[V]) const {
PHASOR_UNROLL
        for (int i = 0; i < V; i++) {
            const A turned = fused(-b[i], sin_a[i], product(a[i], cos_a[i]));
            b[i] = fused(a[i], sin_b[i], product(b[i], cos_b[i]));
            a[i] = turned;
        }
    }
};

// The rows of a task: where the first one begins in the result and in the tensor, how far it is to the next, in elements, and how many
// there are. Unless `APART`, both are the same.
template <bool APART>
struct Heads {
    u64 first;
    u64 x_first;
    u64 step;
    u64 x_step;
    u32 count;

    PHASOR_DEVICE Heads(const RotaryTensor& tensor, const Place& place) {
        first = place.row * tensor.channels;
        x_first = APART ? place.x_row * tensor.channels : first;
        step = tensor.chunks * tensor.head_row * tensor.channels;
        x_step = APART ? tensor.chunks * tensor.head_x_row * tensor.channels : step;
        // The last one may be beyond the end.
        count = tensor.loops - (place.head + (tensor.loops - 1) * tensor.chunks >= tensor.heads ? 1 : 0);
    }
};

// Where the two vectors that copying lane `lane` owns lie in a row: those numbered `lane`, and as many further on as there are lanes.
// The last lane has but one where their number is odd, and takes it twice.
template <int V>
PHASOR_DEVICE Spot<V> copied(const RotaryTensor& tensor, u64 lane) {
    const u64 count = (tensor.channels - 2 * tensor.half) / V;
    const u64 other = lane + (count + 1) / 2;
    const u64 channel = lane * V, next = (other < count ? other : lane) * V;
    Spot<V> spot(0, 0, {false, false});
    spot.low = channel < tensor.offset ? channel : channel + 2 * tensor.half;
    spot.apart = (next < tensor.offset ? next : next + 2 * tensor.half) - spot.low;
    return spot;
}

template <int V, typename T, bool APART>
PHASOR_DEVICE void copy(const RotaryTensor& tensor, const Heads<APART>& rows, u64 lane) {
    const Spot<V> spot = copied<V>(tensor, lane);
    const T* x = reinterpret_cast<const T*>(tensor.x) + (rows.x_first + spot.low);
    T* y = reinterpret_cast<T*>(tensor.y) + (rows.first + spot.low);
    Members<T, V> row = load_members<V>(x, spot.apart);
    u32 left = rows.count;
PHASOR_ROLLED
    do {
        x += left > 1 ? rows.x_step : 0;
        const Members<T, V> next = load_members<V>(x, spot.apart);
        store_members(y, spot.apart, row);
        row = next;
        y += rows.step;
    } while (--left > 0);
}

// The layouts of X and Y.
PHASOR_DEVICE Layout layout_in(const RotaryParams& params, bool whole) {
    const bool in = params.interleaved != 0, out = params.interleaved_out != 0;
    return {in, in && !(PHASOR_VECTORS_APART && whole && out)};
}
PHASOR_DEVICE Layout layout_out(const RotaryParams& params, bool whole) {
    const bool in = params.interleaved != 0, out = params.interleaved_out != 0;
    return {out, out && !(PHASOR_VECTORS_APART && whole && in)};
}

// All kernels but `moved`. With `AHEAD`, a row is asked for before the one ahead of it is worked on, which takes registers.
template <int V, bool AHEAD, bool APART, typename T, typename TT>
PHASOR_DEVICE void rotary(const RotaryParams& params, bool by_channel) {
    typedef Arithmetic<T> A;
    const RotaryTensor& tensor = tensor_of(params);
    const u64 half = tensor.half;
    const u64 pairs = half / V;
    const Share share(tensor.lanes, pairs);
    const u64 task = first_task(params) + share.task;
    if (share.task >= blockDim.y || task >= tensor.tasks) {
        return;
    }
    const Place place = place_of(tensor, task);
    const u64 width = by_channel ? 2 * half : half;
    const TT* cos = reinterpret_cast<const TT*>(params.cos) + place.cos * width;
    const TT* sin = reinterpret_cast<const TT*>(params.sin) + place.sin * width;
    const Layout in = layout_in(params, V > 1), out = layout_out(params, V > 1);
    const Heads<APART> rows(tensor, place);
PHASOR_ROLLED
    for (u64 lane = share.lane; lane < tensor.lanes; lane += blockDim.x) {
        if (lane >= pairs) {
            copy<V, T>(tensor, rows, lane - pairs);
            continue;
        }
        const u64 k = lane * V;
        const Spot<V> from(half, k, in), to(half, k, out);
        const T* x = reinterpret_cast<const T*>(tensor.x) + (rows.x_first + tensor.offset + from.low);
        T* y = reinterpret_cast<T*>(tensor.y) + (rows.first + tensor.offset + to.low);
        Members<T, V> row = load_members<V>(x, from.apart);
        Turn<A, V> turn;
        turn.load(cos, sin, half, k, by_channel, in, params.inverse != 0);
        u32 left = rows.count;
PHASOR_ROLLED
        do {
            Members<T, V> next = {};
            if (AHEAD) {
                // The same row again where there is no other.
                x += left > 1 ? rows.x_step : 0;
                next = load_members<V>(x, from.apart);
            }
            A a[V], b[V];
            unpack_members(row, in.near, a, b);
            turn.apply(a, b);
            store_members(y, to.apart, pack_members<T>(out.near, a, b));
            if (!AHEAD && left > 1) {
                x += rows.x_step;
                next = load_members<V>(x, from.apart);
            }
            row = next;
            y += rows.step;
        } while (--left > 0);
    }
}

// The kernel `moved`: tasks of one row, whose rotated channels are read into shared memory.
template <typename T, typename TT>
PHASOR_DEVICE void moved(const RotaryParams& params) {
    typedef Arithmetic<T> A;
    const RotaryTensor& tensor = tensor_of(params);
    const u64 task = first_task(params) + threadIdx.y;
    // All threads of a block reach the barrier.
    const bool live = task < tensor.tasks;
    const Place place = place_of(tensor, live ? task : 0);
    // No more than shared memory has room for.
    const u32 half = u32(tensor.half);
    const T* whole = reinterpret_cast<const T*>(tensor.x) + place.row * tensor.channels;
    const T* x = whole + tensor.offset;
    T* whole_y = reinterpret_cast<T*>(tensor.y) + place.row * tensor.channels;
    T* y = whole_y + tensor.offset;
    T* row = shared_memory<T>() + threadIdx.y * 2 * half;
    if (live) {
PHASOR_ROLLED
        for (u32 i = threadIdx.x; i < 2 * half; i += blockDim.x) {
            row[i] = x[i];
        }
PHASOR_ROLLED
        for (u64 lane = half + threadIdx.x; lane < tensor.lanes; lane += blockDim.x) {
            const Spot<1> spot = copied<1>(tensor, lane - half);
            store_members<1>(whole_y + spot.low, spot.apart, load_members<1>(whole + spot.low, spot.apart));
        }
    }
    __syncthreads();
    if (!live) {
        return;
    }
    const bool by_channel = tensor.by_channel != 0;
    const u32 width = by_channel ? 2 * half : half;
    const TT* cos = reinterpret_cast<const TT*>(params.cos) + place.cos * width;
    const TT* sin = reinterpret_cast<const TT*>(params.sin) + place.sin * width;
    const Layout in = layout_in(params, false), out = layout_out(params, false);
PHASOR_ROLLED
    for (u32 k = threadIdx.x; k < half; k += blockDim.x) {
        Turn<A, 1> turn;
        turn.load(cos, sin, half, k, by_channel, in, params.inverse != 0);
        const Spot<1> from(half, k, in);
        const Spot<1> to(half, k, out);
        A a[1], b[1];
        unpack_members(load_members<1>(row + from.low, from.apart), in.near, a, b);
        turn.apply(a, b);
        store_members<1>(y + to.low, to.apart, pack_members<T>(out.near, a, b));
    }
}

}  // namespace

#define ROTARY(t, tt, T, TT)                                                       \
    PHASOR_WIDE_KERNEL(rotary_##t##_##tt##_pair, RotaryParams, 256, PAIR_BLOCKS) { \
        rotary<Whole<T>::COUNT, true, false, T, TT>(params, false);                       \
    }                                                                              \
    CHANNEL_KERNEL(rotary_##t##_##tt##_channel) {                                  \
        rotary<Whole<T>::COUNT, CHANNEL_AHEAD, false, T, TT>(params, true);               \
    }                                                                              \
    PHASOR_KERNEL(rotary_##t##_##tt##_scalar, RotaryParams, 256) {                 \
        rotary<1, true, false, T, TT>(params, tensor_of(params).by_channel != 0);  \
    }                                                                              \
    PHASOR_BARRIER_KERNEL(rotary_##t##_##tt##_moved, RotaryParams, 256) {          \
        moved<T, TT>(params);                                                      \
    }                                                                              \
    PHASOR_WIDE_KERNEL(rotary_##t##_##tt##_heads_pair, RotaryParams, 256, 3) {     \
        rotary<Whole<T>::COUNT, true, true, T, TT>(params, false);                 \
    }                                                                              \
    PHASOR_WIDE_KERNEL(rotary_##t##_##tt##_heads_channel, RotaryParams, 256, 3) {  \
        rotary<Whole<T>::COUNT / 2, true, true, T, TT>(params, true);              \
    }                                                                              \
    PHASOR_KERNEL(rotary_##t##_##tt##_heads_scalar, RotaryParams, 256) {           \
        rotary<1, true, true, T, TT>(params, tensor_of(params).by_channel != 0);   \
    }

ROTARY(f32, f32, float, float)
ROTARY(f16, f16, f16, f16)
ROTARY(f16, f32, f16, float)
ROTARY(bf16, bf16, bf16, bf16)
ROTARY(bf16, f32, bf16, float)
ROTARY(f64, f64, double, double)
ROTARY(f64, f32, double, float)
