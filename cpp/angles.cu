// RotaryTable and SinusoidalEmbedding.
//
// A thread owns V frequencies of some rows. In each row it multiplies them by the row's position, or adds up such products for a
// position of several coordinates. It reduces the angles once, and stores two functions of each where they belong: in tensors of
// their own, in two parts of a row, or side by side. Angles that are too large for that, or closer to a multiple of a quarter turn
// than their accuracy allows, are computed once more, each on its own: results do not depend on what else a thread computes.
//
// Kernels: those without a suffix move 16 bytes per access; `scalar` takes one frequency per thread, for all sizes and addresses.
#include "params.h"
#include "turns.cuh"

// The emulation compiles the kernels of all families as one file.
namespace angles {

// An angle that is being added up, for an arithmetic type and for exact or rounded products. This one has rounded products and
// sums.
template <typename A, bool EXACT>
struct Angle {
    typedef A Position;
    A high;

    PHASOR_DEVICE void start(A position, A frequency) { high = product(position, frequency); }
    PHASOR_DEVICE void add(A position, A frequency) { high = high + product(position, frequency); }
    PHASOR_DEVICE Angle<double, true> widened() const;
    // Whether the rest is good enough.
    PHASOR_DEVICE bool reduce(const AnglesParams&, A, Reduced<A>& rest) const {
        rest = reduced(high);
        return is_near(magnitude(high));
    }
};

// Exact products, whose sum is in two doubles.
template <>
struct Angle<double, true> {
    typedef double Position;
    double high;
    double low;

    PHASOR_DEVICE void start(double position, double frequency) {
        high = position;
        low = frequency;
        two_product(high, low);
    }
    PHASOR_DEVICE void add(double position, double frequency) {
        two_product(position, frequency);
        two_sum(high, position);
        low += position + frequency;
        two_sum(high, low);
    }
    PHASOR_DEVICE Angle widened() const { return *this; }
    PHASOR_DEVICE bool reduce(const AnglesParams&, double, Reduced<double>& rest) const {
        rest = reduced(high, low);
        return is_near(magnitude(high));
    }
};

template <typename A, bool EXACT>
PHASOR_DEVICE Angle<double, true> Angle<A, EXACT>::widened() const {
    return {double(high), 0.0};
}

// The kind of angle that loses nothing of what is known of one.
template <typename A, bool EXACT>
struct Wide {
    typedef Angle<A, EXACT> type;
};

template <typename A>
struct Wide<A, true> {
    typedef Angle<double, true> type;
};

// A position as two floats.
struct Split {
    float high;
    float low;
};

// Exact products, whose sum is in two floats.
//
// With one product, of a position that is a float, nothing is lost before the reduction, which is accurate to 2^-73 of the angle.
// Otherwise each product and each sum is accurate to 2^-48 of the sizes of the products.
template <>
struct Angle<float, true> {
    typedef Split Position;
    float high;
    float low;
    float size;

    PHASOR_DEVICE void start(const Split& position, float frequency) {
        high = position.high;
        low = frequency;
        two_product(high, low);
        low = fused(position.low, frequency, low);
        size = magnitude(high);
    }
    PHASOR_DEVICE void add(const Split& position, float frequency) {
        Angle other;
        other.start(position, frequency);
        two_sum(high, other.high);
        low += other.high + other.low;
        size += other.size;
    }
    PHASOR_DEVICE bool reduce(const AnglesParams& params, const Split& position, Reduced<float>& rest) const {
        rest = reduced(high, low);
        const bool whole = params.streams == 1 && position.low == 0;
        // How small the rest may be: 2^-45 of the angle; otherwise 2^-20 per product, and 2^-100, below which parts of products are
        // lost.
        const float share = whole ? 2.842170943040401e-14f : float(params.streams) * 9.5367431640625e-7f;
        const float least = whole ? 0.0f : 7.888609052210118e-31f;
        // `&` rather than `&&`, which would be two branches.
        return is_near(size) & (magnitude(rest.rest) >= fused(size, share, least));
    }
};

// Positions. ---------------------------------------------------------------------------------------------------------------------

template <typename T>
PHASOR_DEVICE T position_at(const AnglesParams& params, u64 at) {
    return __ldg(aligned(reinterpret_cast<const T*>(params.positions) + at));
}

// 0 where there are no positions.
PHASOR_DEVICE i64 integer_at(const AnglesParams& params, u64 at) {
    if (params.kind == PHASOR_I64) {
        return position_at<i64>(params, at);
    }
    return params.kind == PHASOR_I32 ? i64(position_at<int>(params, at)) : 0;
}

// The nearest number.
template <typename A>
PHASOR_DEVICE void read(const AnglesParams& params, u64 at, A& position) {
    if (params.kind == PHASOR_F32) {
        position = A(position_at<float>(params, at));
    } else if (params.kind == PHASOR_F64) {
        position = A(position_at<double>(params, at));
    } else {
        position = nearest(integer_at(params, at), A());
    }
}

// The nearest sum of two.
PHASOR_DEVICE void read(const AnglesParams& params, u64 at, Split& position) {
    position.low = 0;
    if (params.kind == PHASOR_F32) {
        position.high = position_at<float>(params, at);
    } else if (params.kind == PHASOR_F64) {
        const double number = position_at<double>(params, at);
        const double size = magnitude(number);
        position.high = float(number);
        position.low = float(number - double(position.high));
        // Two floats are not enough: NaN makes the angles be computed in doubles.
        if (size != 0 && !(size >= 5.421010862427522e-20 && size <= 1.8446744073709552e19)) {
            position.high = __uint_as_float(0x7fffffff);
        }
    } else {
        const i64 integer = integer_at(params, at);
        const int small = int(integer);
        position.high = float(small);
        if (i64(small) != integer || small < -0x1000000 || small > 0x1000000) {
            // The largest float that is an integer of 64 bits.
            const float largest = 9223371487098961920.0f;
            const float high = float(integer);
            position.high = high < largest ? high : largest;
            position.low = float(integer - i64(position.high));
        }
    }
}

PHASOR_DEVICE bool is_padding(const AnglesParams& params, u64 at) {
    const u64 padding = params.padding;
    if (params.kind == PHASOR_F32) {
        return position_at<float>(params, at) == __uint_as_float(u32(padding));
    }
    if (params.kind == PHASOR_F64) {
        return position_at<double>(params, at) == __hiloint2double(int(padding >> 32), int(u32(padding)));
    }
    return integer_at(params, at) == i64(padding);
}

// Rows. --------------------------------------------------------------------------------------------------------------------------

// Where the positions of the rows of a task begin.
struct Place {
    u64 at;
    // The row's number among those whose positions are neighbours.
    u64 inside;

    PHASOR_DEVICE Place(const AnglesParams& params, u32 row) : at(row), inside(row) {
        if (params.streams != 1) {
            const u32 outer = params.inner > row ? 0 : row / u32(params.inner);
            inside -= outer * params.inner;
            at += outer * params.apart;
        }
    }

    PHASOR_DEVICE void next(const AnglesParams& params) {
        at += params.tasks;
        if (params.streams != 1) {
            inside += params.tasks_inside;
            at += params.tasks_apart;
            if (inside >= params.inner) {
                inside -= params.inner;
                at += params.apart;
            }
        }
    }
};

// Frequencies of product `p` from `column` on, rounded to the type of the arithmetic.
template <typename T, typename A, int V>
PHASOR_DEVICE void read_frequencies(const AnglesParams& params, u64 p, u64 column, A (&frequencies)[V]) {
    const double* from = reinterpret_cast<const double*>(params.frequencies) + p * params.frequency_step + column;
    const Packed<double, V> packed = load_constant<V>(from);
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        frequencies[i] = A(Arithmetic<T>(element(packed, i)));
    }
}

// The angles of a row whose positions begin at `at`; gives the last position. `frequencies` are those of the first product.
template <typename T, typename Sum, int V>
PHASOR_DEVICE typename Sum::Position add_up(const AnglesParams& params, u64 at, u64 column, const Arithmetic<T> (&frequencies)[V],
                                            Sum (&angles)[V]) {
    typename Sum::Position position;
    read(params, at, position);
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        angles[i].start(position, frequencies[i]);
    }
PHASOR_ROLLED
    for (u32 p = 1; p < params.streams; p++) {
        Arithmetic<T> others[V];
        read_frequencies<T>(params, p, column, others);
        read(params, at + p * params.inner, position);
PHASOR_UNROLL
        for (int i = 0; i < V; i++) {
            angles[i].add(position, others[i]);
        }
    }
    return position;
}

PHASOR_DEVICE Order order_of(const AnglesParams& params) { return {params.of_first, params.of_second, params.swapped}; }

// Both functions of the angles of a row; gives a bit for each that has to be computed on its own.
template <typename T, bool EXACT, int V>
PHASOR_DEVICE u32 both_functions(const AnglesParams& params, u64 at, u64 column, const Arithmetic<T> (&frequencies)[V],
                                 Arithmetic<T> (&a)[V], Arithmetic<T> (&b)[V]) {
    typedef Angle<Arithmetic<T>, EXACT> Sum;
    Sum angles[V];
    const typename Sum::Position position = add_up<T>(params, at, column, frequencies, angles);
    u32 far = 0;
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        Reduced<Arithmetic<T>> angle;
        far |= angles[i].reduce(params, position, angle) ? 0 : 1u << i;
        functions(angle, order_of(params), a[i], b[i]);
    }
    return far;
}

// The angle of one column of a row, of any size, as two doubles, in which products of a float and a double are exact.
template <typename T, bool EXACT>
PHASOR_DEVICE Angle<double, true> alone(const AnglesParams& params, u64 at, u64 column) {
    typename Wide<Arithmetic<T>, EXACT>::type angle = {};
PHASOR_ROLLED
    for (u32 p = 0; p < params.streams; p++) {
        typename Wide<Arithmetic<T>, EXACT>::type::Position position;
        decltype(position) frequency[1];
        read(params, at + p * params.inner, position);
        read_frequencies<T>(params, p, column, frequency);
        if (p == 0) {
            angle.start(position, frequency[0]);
        } else {
            angle.add(position, frequency[0]);
        }
    }
    return angle.widened();
}

template <typename T>
PHASOR_DEVICE Reduced<Arithmetic<T>> reduced_alone(const AnglesParams& params, u64 at, u64 column) {
    const Angle<double, true> angle =
        params.exact != 0 ? alone<T, true>(params, at, column) : alone<T, false>(params, at, column);
    return narrowed(reduced_far(params.digits, angle.high, angle.low), Arithmetic<T>());
}

// Both functions of the angles of a row.
template <typename T, int V>
PHASOR_DEVICE void all_functions(const AnglesParams& params, u64 at, u64 column, const Arithmetic<T> (&frequencies)[V],
                                    Arithmetic<T> (&a)[V], Arithmetic<T> (&b)[V]) {
    typedef Arithmetic<T> A;
    // More at a time would need more registers than there are.
    enum { MOST = 4, COUNT = V < MOST ? V : MOST };
    u32 far = 0;
PHASOR_UNROLL
    for (int from = 0; from < V; from += COUNT) {
        A some[COUNT], some_a[COUNT], some_b[COUNT];
PHASOR_UNROLL
        for (int i = 0; i < COUNT; i++) {
            some[i] = frequencies[from + i];
        }
        const u32 found = params.exact != 0 ? both_functions<T, true>(params, at, column + from, some, some_a, some_b)
                                            : both_functions<T, false>(params, at, column + from, some, some_a, some_b);
        far |= found << from;
PHASOR_UNROLL
        for (int i = 0; i < COUNT; i++) {
            a[from + i] = some_a[i];
            b[from + i] = some_b[i];
        }
    }
    if (far != 0) {
PHASOR_ROLLED
        for (u32 k = 0; k < V; k++) {
            if ((far >> k & 1) == 0) {
                continue;
            }
            A of_k[2];
            functions(reduced_alone<T>(params, at, column + k), order_of(params), of_k[0], of_k[1]);
            // Registers cannot be indexed.
PHASOR_UNROLL
            for (u32 i = 0; i < V; i++) {
                a[i] = i == k ? of_k[0] : a[i];
                b[i] = i == k ? of_k[1] : b[i];
            }
        }
    }
}

// Stores numbers times the amplitude.
template <typename T, int V>
PHASOR_DEVICE void put(const AnglesParams& params, T* to, const Arithmetic<T> (&numbers)[V]) {
    Arithmetic<T> scaled[V];
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        scaled[i] = product(numbers[i], Arithmetic<T>(params.amplitude));
    }
    Packed<T, V> packed = {};
    pack(scaled, packed);
    store(to, packed);
}

// Stores both functions of V frequencies: the first ones at `first`, the second ones at `second`, or both at `first`.
template <typename T, int V>
struct Pairs {
    PHASOR_DEVICE static void put_both(const AnglesParams& params, u64, T* first, T* second, const Arithmetic<T> (&a)[V],
                                       const Arithmetic<T> (&b)[V]) {
        if (params.interleaved == 0) {
            put(params, first, a);
            put(params, second, b);
            return;
        }
        Arithmetic<T> lower[V], upper[V];
PHASOR_UNROLL
        for (int i = 0; i < V; i++) {
            lower[i] = i % 2 == 0 ? a[i / 2] : b[i / 2];
            upper[i] = i % 2 == 0 ? a[V / 2 + i / 2] : b[V / 2 + i / 2];
        }
        put(params, first, lower);
        put(params, first + V, upper);
    }
};

// One frequency, of which the second function may be cut off.
template <typename T>
struct Pairs<T, 1> {
    PHASOR_DEVICE static void put_both(const AnglesParams& params, u64 column, T* first, T* second, const Arithmetic<T> (&a)[1],
                                       const Arithmetic<T> (&b)[1]) {
        put(params, first, a);
        if (column < params.pairs) {
            put(params, params.interleaved == 0 ? second : first + 1, b);
        }
    }
};

template <int V, typename T>
PHASOR_DEVICE void run(const AnglesParams& params) {
    typedef Arithmetic<T> A;
    const u32 blocks = params.lane_blocks;
    const u32 above = blocks == 1 ? blockIdx.x : blockIdx.x / blocks;
    const u64 lane = u64(blockIdx.x - above * blocks) * blockDim.x + threadIdx.x;
    const u32 task = above * blockDim.y + threadIdx.y;
    if (lane >= params.lanes || task >= params.tasks) {
        return;
    }
    // The last row may be beyond the end.
    const u32 rows = params.loops - (task + (params.loops - 1) * u64(params.tasks) >= params.rows ? 1 : 0);
    const u64 column = lane * V;
    const u64 begin = task * params.stride + column;
    T* first = reinterpret_cast<T*>(params.first) + begin;
    T* second = reinterpret_cast<T*>(params.second) + begin;
    if (column >= params.used) {
        const Packed<T, V> zeros = {};
        first += params.pairs;
PHASOR_ROLLED
        for (u32 left = rows; left > 0; left--) {
            store(first, zeros);
            first += params.step;
        }
        return;
    }
    if (params.interleaved != 0) {
        first += column;
    }
    A frequencies[V] = {};
    if (params.streams != 0) {
        read_frequencies<T>(params, 0, column, frequencies);
    }
    Place place(params, task);
PHASOR_ROLLED
    for (u32 left = rows; left > 0; left--) {
        A a[V] = {}, b[V] = {};
        if (params.padded == 0 || !is_padding(params, place.at)) {
            all_functions<T>(params, place.at, column, frequencies, a, b);
        }
        Pairs<T, V>::put_both(params, column, first, second, a, b);
        place.next(params);
        first += params.step;
        second += params.step;
    }
}

}  // namespace angles

#define ANGLES(t, T)                                                  \
    PHASOR_WIDE_KERNEL(angles_##t, AnglesParams, 256, 3) {            \
        angles::run<Whole<T>::COUNT, T>(params);                      \
    }                                                                 \
    PHASOR_WIDE_KERNEL(angles_##t##_scalar, AnglesParams, 256, 3) {   \
        angles::run<1, T>(params);                                    \
    }

ANGLES(f32, float)
ANGLES(f16, f16)
ANGLES(bf16, bf16)
ANGLES(f64, double)
