// RotaryEmbedding and RotaryEmbeddingPair.
//
// A block is `blockDim.y` tasks of `blockDim.x` threads. A task is some rows with the same angles: its threads take cosines and
// sines from memory once, and keep them for all of its rows, of which two are under way at a time. A thread owns V pairs of a
// row, or V channels that are copied, so that with equal layouts Y may be X.
//
// Kernels: `pair` and `channel` move 16 bytes an access, for tables with an entry a pair or a channel; `scalar` takes one pair a
// thread, for all sizes and addresses; `moved` is for a Y that is X where pairs move within the row: a row is read as a whole before
// any of it is written.
#include "element.cuh"
#include "params.h"

namespace {

// The pairs a thread of `moved` keeps, at most.
const int MOVED_PAIRS = 8;

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

// The two vectors that hold V pairs from `k` on.
template <typename T, int V>
struct Members {
    Packed<T, V> low;
    Packed<T, V> high;
};

// Where the second one begins.
template <int V>
PHASOR_DEVICE u64 second(u64 half, u64 k, bool neighbours) {
    return neighbours ? 2 * k + V : half + k;
}

template <int V, typename T>
PHASOR_DEVICE Members<T, V> load_members(const T* row, u64 half, u64 k, bool neighbours) {
    return {load<V>(row + (neighbours ? 2 * k : k)), load<V>(row + second<V>(half, k, neighbours))};
}

template <int V, typename T>
PHASOR_DEVICE Members<T, V> load_constant_members(const T* row, u64 half, u64 k, bool neighbours) {
    return {load_constant<V>(row + (neighbours ? 2 * k : k)), load_constant<V>(row + second<V>(half, k, neighbours))};
}

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
PHASOR_DEVICE void store_members(T* row, u64 half, u64 k, bool neighbours, const A (&a)[V], const A (&b)[V]) {
    A low[V], high[V];
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        const int j = V + i;
        const A first = i % 2 == 0 ? a[i / 2] : b[i / 2];
        const A other = j % 2 == 0 ? a[j / 2] : b[j / 2];
        low[i] = neighbours ? first : a[i];
        high[i] = neighbours ? other : b[i];
    }
    Packed<T, V> packed;
    pack(low, packed);
    store(row + (neighbours ? 2 * k : k), packed);
    pack(high, packed);
    store(row + second<V>(half, k, neighbours), packed);
}

// Cosines and sines for both members of V pairs.
template <typename A, int V>
struct Turn {
    A cos_a[V], cos_b[V], sin_a[V], sin_b[V];

    template <typename TT>
    PHASOR_DEVICE void load(const TT* cos, const TT* sin, u64 half, u64 k, bool by_channel, bool neighbours, bool inverse) {
        if (by_channel) {
            unpack_members(load_constant_members<V>(cos, half, k, neighbours), neighbours, cos_a, cos_b);
            unpack_members(load_constant_members<V>(sin, half, k, neighbours), neighbours, sin_a, sin_b);
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

// The rows of a task: a pointer to a channel of the first one, and how to come to the others.
template <typename T>
struct Heads {
    const T* x;
    T* y;
    // Elements from one row of the task to the next.
    u64 step;
    u32 count;

    PHASOR_DEVICE Heads(const RotaryTensor& tensor, const Place& place, u64 channel) {
        const u64 at = place.row * tensor.channels + channel;
        x = reinterpret_cast<const T*>(tensor.x) + at;
        y = reinterpret_cast<T*>(tensor.y) + at;
        step = tensor.chunks * tensor.head_row * tensor.channels;
        count = place.head < tensor.heads ? u32((tensor.heads - place.head + tensor.chunks - 1) / tensor.chunks) : 0;
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
    Heads<T> rows(tensor, place, copied<V>(tensor, lane));
    for (u32 i = 0; i < rows.count; i++) {
        store(rows.y + i * rows.step, load<V>(rows.x + i * rows.step));
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
    for (u64 lane = threadIdx.x; lane < tensor.lanes; lane += blockDim.x) {
        if (lane >= pairs) {
            copy<V, T>(tensor, place, lane - pairs);
            continue;
        }
        const u64 k = lane * V;
        Turn<A, V> turn;
        turn.load(cos, sin, half, k, by_channel, in, params.inverse != 0);
        const Heads<T> rows(tensor, place, tensor.offset);
        const T* x = rows.x;
        T* y = rows.y;
        for (u32 left = rows.count; left > 0;) {
            const bool both = left > 1;
            const Members<T, V> first = load_members<V>(x, half, k, in);
            // The first one again where there is no other.
            const Members<T, V> other = load_members<V>(both ? x + rows.step : x, half, k, in);
            A a[V], b[V];
            unpack_members(first, in, a, b);
            turn.apply(a, b);
            store_members(y, half, k, out, a, b);
            if (both) {
                unpack_members(other, in, a, b);
                turn.apply(a, b);
                store_members(y + rows.step, half, k, out, a, b);
            }
            x += 2 * rows.step;
            y += 2 * rows.step;
            left -= both ? 2 : 1;
        }
    }
}

// The kernel `moved`: a thread has up to MOVED_PAIRS pairs of a row, `blockDim.x` apart, and all threads of a block go through the
// same number of barriers.
template <typename T, typename TT>
PHASOR_DEVICE void moved(const RotaryParams& params) {
    typedef Arithmetic<T> A;
    const RotaryTensor& tensor = tensor_of(params);
    const u64 task = task_of(params);
    const bool live = task < tensor.tasks;
    const Place place = place_of(tensor, live ? task : 0);
    const u64 half = tensor.half;
    const bool by_channel = tensor.by_channel != 0;
    const u64 width = by_channel ? 2 * half : half;
    const TT* cos = reinterpret_cast<const TT*>(params.cos) + place.cos * width;
    const TT* sin = reinterpret_cast<const TT*>(params.sin) + place.sin * width;
    const bool in = params.interleaved != 0;
    const bool out = params.interleaved_out != 0;
    const Heads<T> rows(tensor, place, tensor.offset);
    for (u32 i = 0; i < tensor.loops; i++) {
        const bool here = live && i < rows.count;
        Members<T, 1> pairs[MOVED_PAIRS];
PHASOR_UNROLL
        for (int p = 0; p < MOVED_PAIRS; p++) {
            const u64 k = threadIdx.x + u64(p) * blockDim.x;
            if (here && k < half) {
                pairs[p] = load_members<1>(rows.x + i * rows.step, half, k, in);
            }
        }
        __syncthreads();
PHASOR_UNROLL
        for (int p = 0; p < MOVED_PAIRS; p++) {
            const u64 k = threadIdx.x + u64(p) * blockDim.x;
            if (here && k < half) {
                Turn<A, 1> turn;
                turn.load(cos, sin, half, k, by_channel, in, params.inverse != 0);
                A a[1], b[1];
                unpack_members(pairs[p], in, a, b);
                turn.apply(a, b);
                store_members(rows.y + i * rows.step, half, k, out, a, b);
            }
        }
    }
    if (live) {
        for (u64 lane = half + threadIdx.x; lane < tensor.lanes; lane += blockDim.x) {
            copy<1, T>(tensor, place, lane - half);
        }
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
    PHASOR_BARRIER_KERNEL(rotary_##t##_##tt##_moved, RotaryParams, 512) {         \
        moved<T, TT>(params);                                                      \
    }

ROTARY(f32, f32, float, float)
ROTARY(f16, f16, f16, f16)
ROTARY(f16, f32, f16, float)
ROTARY(bf16, bf16, bf16, bf16)
ROTARY(bf16, f32, bf16, float)
ROTARY(f64, f64, double, double)
ROTARY(f64, f32, double, float)
