// RotaryEmbedding and RotaryEmbeddingPair.
//
// A block is `blockDim.y` tasks of `blockDim.x` threads. A task is a number of rows with the same angles: its threads read cosines
// and sines from memory once and keep them for all of its rows, two of which they work on at a time. A thread owns V pairs of a
// row, or V channels that are copied, so that with equal layouts Y may be X.
//
// Kernels: `pair` and `channel` move 16 bytes per access, for tables with an entry per pair or per channel. `scalar` takes one pair
// per thread, for all sizes and addresses. `moved` is for a Y that is X where pairs move within the row: it reads a whole row
// before it writes any of it.
#include "element.cuh"
#include "params.h"

namespace {

// What a block works on.
PHASOR_DEVICE const RotaryTensor& tensor_of(const RotaryParams& params) {
    return params.tensors[blockIdx.x < params.border ? 0 : 1];
}

// The task of this thread.
PHASOR_DEVICE u64 task_of(const RotaryParams& params) {
    const u32 block = blockIdx.x < params.border ? blockIdx.x : blockIdx.x - params.border;
    return u64(block) * blockDim.y + threadIdx.y;
}

// Where a task begins: rows of the tensor and of the tables, and its first head.
struct Place {
    u64 row;
    u64 cos;
    u64 sin;
    u64 head;
};

PHASOR_DEVICE Place place_of(const RotaryTensor& tensor, u64 task) {
    Place place = {0, 0, 0, 0};
PHASOR_ROLLED
    for (u32 i = tensor.rank; i-- > 0;) {
        const RotaryAxis& axis = tensor.axes[i];
        // The outermost axis needs no division.
        const u64 rest = i == 0 ? 0 : task / axis.size;
        const u64 at = task - rest * axis.size;
        task = rest;
        place.row += at * axis.row;
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

// Where the vectors with the pairs from `k` on lie in a row.
template <int V>
struct Spot {
    u64 low;
    // Distance of the second vector from the first.
    u64 apart;

    PHASOR_DEVICE Spot(u64 half, u64 k, bool neighbours) : low(neighbours ? 2 * k : k), apart(neighbours ? V : half) {}
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

template <int V, typename T, typename A>
PHASOR_DEVICE void store_members(T* at, u64 apart, bool neighbours, const A (&a)[V], const A (&b)[V]) {
    A low[V], high[V];
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        const int j = V + i;
        const A first = i % 2 == 0 ? a[i / 2] : b[i / 2];
        const A other = j % 2 == 0 ? a[j / 2] : b[j / 2];
        low[i] = neighbours ? first : a[i];
        high[i] = neighbours ? other : b[i];
    }
    Packed<T, V> packed = {};
    pack(low, packed);
    store(at, packed);
    pack(high, packed);
    store(at + apart, packed);
}

// Cosines and sines for both members of V pairs.
template <typename A, int V>
struct Turn {
    A cos_a[V], cos_b[V], sin_a[V], sin_b[V];

    template <typename TT>
    PHASOR_DEVICE void load(const TT* cos, const TT* sin, u64 half, u64 k, bool by_channel, bool neighbours, bool inverse) {
        if (by_channel) {
            const Spot<V> at(half, k, neighbours);
            cos += at.low;
            sin += at.low;
            const Members<TT, V> cosines = {load_constant<V>(cos), load_constant<V>(cos + at.apart)};
            const Members<TT, V> sines = {load_constant<V>(sin), load_constant<V>(sin + at.apart)};
            unpack_members(cosines, neighbours, cos_a, cos_b);
            unpack_members(sines, neighbours, sin_a, sin_b);
        } else {
            unpack(load_constant<V>(cos + k), cos_a);
            unpack(load_constant<V>(sin + k), sin_a);
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

// The rows of a task: where the first one begins, how far it is to the next, in elements, and how many there are.
struct Heads {
    u64 first;
    u64 step;
    u32 count;

    PHASOR_DEVICE Heads(const RotaryTensor& tensor, const Place& place) {
        first = place.row * tensor.channels;
        step = tensor.chunks * tensor.head_row * tensor.channels;
        // The last one may be beyond the end.
        count = tensor.loops - (place.head + (tensor.loops - 1) * tensor.chunks >= tensor.heads ? 1 : 0);
    }
};

// Where vector `lane` of the channels that are copied lies.
template <int V>
PHASOR_DEVICE u64 copied(const RotaryTensor& tensor, u64 lane) {
    const u64 channel = lane * V;
    return channel < tensor.offset ? channel : channel + 2 * tensor.half;
}

template <int V, typename T>
PHASOR_DEVICE void copy(const RotaryTensor& tensor, const Place& place, u64 lane) {
    const Heads rows(tensor, place);
    u64 at = rows.first + copied<V>(tensor, lane);
PHASOR_ROLLED
    for (u32 left = rows.count; left > 0; left--) {
        store(reinterpret_cast<T*>(tensor.y) + at, load<V>(reinterpret_cast<const T*>(tensor.x) + at));
        at += rows.step;
    }
}

// All kernels but `moved`.
template <int V, typename T, typename TT>
PHASOR_DEVICE void rotary(const RotaryParams& params, bool by_channel) {
    typedef Arithmetic<T> A;
    const RotaryTensor& tensor = tensor_of(params);
    const u64 task = task_of(params);
    if (task >= tensor.tasks) {
        return;
    }
    const Place place = place_of(tensor, task);
    const u64 half = tensor.half;
    const u64 width = by_channel ? 2 * half : half;
    const TT* cos = reinterpret_cast<const TT*>(params.cos) + place.cos * width;
    const TT* sin = reinterpret_cast<const TT*>(params.sin) + place.sin * width;
    const bool in = params.interleaved != 0;
    const bool out = params.interleaved_out != 0;
    const u64 pairs = half / V;
PHASOR_ROLLED
    for (u64 lane = threadIdx.x; lane < tensor.lanes; lane += blockDim.x) {
        if (lane >= pairs) {
            copy<V, T>(tensor, place, lane - pairs);
            continue;
        }
        const u64 k = lane * V;
        Turn<A, V> turn;
        turn.load(cos, sin, half, k, by_channel, in, params.inverse != 0);
        const Heads rows(tensor, place);
        const Spot<V> from(half, k, in);
        const Spot<V> to(half, k, out);
        const T* x = reinterpret_cast<const T*>(tensor.x) + (rows.first + tensor.offset + from.low);
        T* y = reinterpret_cast<T*>(tensor.y) + (rows.first + tensor.offset + to.low);
PHASOR_ROLLED
        for (u32 left = rows.count; left > 0;) {
            const bool both = left > 1;
            // The first row again where there is no other.
            const T* next = both ? x + rows.step : x;
            const Members<T, V> first = {load<V>(x), load<V>(x + from.apart)};
            const Members<T, V> other = {load<V>(next), load<V>(next + from.apart)};
            A a[V], b[V];
            unpack_members(first, in, a, b);
            turn.apply(a, b);
            store_members(y, to.apart, out, a, b);
            if (both) {
                unpack_members(other, in, a, b);
                turn.apply(a, b);
                store_members(y + rows.step, to.apart, out, a, b);
            }
            x += 2 * rows.step;
            y += 2 * rows.step;
            left -= both ? 2 : 1;
        }
    }
}

// The kernel `moved`: tasks of one row, whose rotated channels are read into shared memory.
template <typename T, typename TT>
PHASOR_DEVICE void moved(const RotaryParams& params) {
    typedef Arithmetic<T> A;
    const RotaryTensor& tensor = tensor_of(params);
    const u64 task = task_of(params);
    // All threads of a block reach the barrier.
    const bool live = task < tensor.tasks;
    const Place place = place_of(tensor, live ? task : 0);
    // No more than shared memory has room for.
    const u32 half = u32(tensor.half);
    const u64 first = place.row * tensor.channels + tensor.offset;
    const T* x = reinterpret_cast<const T*>(tensor.x) + first;
    T* y = reinterpret_cast<T*>(tensor.y) + first;
    T* row = shared_memory<T>() + threadIdx.y * 2 * half;
    if (live) {
PHASOR_ROLLED
        for (u32 i = threadIdx.x; i < 2 * half; i += blockDim.x) {
            row[i] = x[i];
        }
PHASOR_ROLLED
        for (u64 lane = half + threadIdx.x; lane < tensor.lanes; lane += blockDim.x) {
            copy<1, T>(tensor, place, lane - half);
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
    const bool in = params.interleaved != 0;
    const bool out = params.interleaved_out != 0;
PHASOR_ROLLED
    for (u32 k = threadIdx.x; k < half; k += blockDim.x) {
        Turn<A, 1> turn;
        turn.load(cos, sin, half, k, by_channel, in, params.inverse != 0);
        const Spot<1> from(half, k, in);
        const Spot<1> to(half, k, out);
        const Members<T, 1> pair = {load<1>(row + from.low), load<1>(row + from.low + from.apart)};
        A a[1], b[1];
        unpack_members(pair, in, a, b);
        turn.apply(a, b);
        store_members(y + to.low, to.apart, out, a, b);
    }
}

}  // namespace

#define ROTARY(t, tt, T, TT)                                                       \
    PHASOR_KERNEL(rotary_##t##_##tt##_pair, RotaryParams, 256) {                   \
        rotary<Whole<T>::COUNT, T, TT>(params, false);                             \
    }                                                                              \
    PHASOR_KERNEL(rotary_##t##_##tt##_channel, RotaryParams, 256) {                \
        rotary<Whole<T>::COUNT, T, TT>(params, true);                              \
    }                                                                              \
    PHASOR_KERNEL(rotary_##t##_##tt##_scalar, RotaryParams, 256) {                 \
        rotary<1, T, TT>(params, tensor_of(params).by_channel != 0);               \
    }                                                                              \
    PHASOR_BARRIER_KERNEL(rotary_##t##_##tt##_moved, RotaryParams, 256) {         \
        moved<T, TT>(params);                                                      \
    }

ROTARY(f32, f32, float, float)
ROTARY(f16, f16, f16, f16)
ROTARY(f16, f32, f16, float)
ROTARY(bf16, bf16, bf16, bf16)
ROTARY(bf16, f32, bf16, float)
ROTARY(f64, f64, double, double)
ROTARY(f64, f32, double, float)
