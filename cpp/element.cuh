// Elements of tensors: their types, the type of the arithmetic on them, and how several of them lie in words of memory.
//
// Tensors are read and written as `Packed` elements: 2 to 16 bytes in one access, or several accesses of 16 bytes. Two elements
// of 16 bits are always put together in a register before they are stored; left to the compiler, they would be stored one by one.
// Conversions are those of IEEE 754, to nearest with ties to even; NaN stays NaN.
#pragma once

#include "kernel.cuh"

struct f16 {
    u16 bits;
};

struct bf16 {
    u16 bits;
};

template <typename T>
struct ArithmeticOf {
    typedef float type;
};

template <>
struct ArithmeticOf<double> {
    typedef double type;
};

// The type of the arithmetic on elements of type T.
template <typename T>
using Arithmetic = typename ArithmeticOf<T>::type;

// Arithmetic that the compiler may not fuse or take apart.
PHASOR_DEVICE float product(float a, float b) { return __fmul_rn(a, b); }
PHASOR_DEVICE double product(double a, double b) { return __dmul_rn(a, b); }
PHASOR_DEVICE float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
PHASOR_DEVICE double fused(double a, double b, double c) { return __fma_rn(a, b, c); }

// The number nearest to an integer. Few integers need the slow conversion from 64 bits.
PHASOR_DEVICE float nearest(i64 integer, float) { return i64(int(integer)) == integer ? float(int(integer)) : float(integer); }
PHASOR_DEVICE double nearest(i64 integer, double) { return double(integer); }

// Conversions of 16-bit types. ---------------------------------------------------------------------------------------------------

#if defined(__CUDA_ARCH__)

PHASOR_DEVICE float widen(f16 value) {
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value.bits));
    return wide;
}

PHASOR_DEVICE u16 narrow(float value, f16) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

#else

PHASOR_DEVICE float widen(f16 value) {
    const u32 sign = u32(value.bits & 0x8000) << 16;
    const u32 exponent = value.bits >> 10 & 31;
    const u32 fraction = value.bits & 0x3ff;
    if (exponent == 31) {
        return __uint_as_float(sign | 0x7f800000 | fraction << 13);
    }
    // Subnormal numbers are multiples of 2^-24.
    const float size = exponent == 0 ? float(fraction) * 5.9604644775390625e-8f : __uint_as_float((exponent + 112) << 23 | fraction << 13);
    return __uint_as_float(sign | __float_as_uint(size));
}

PHASOR_DEVICE u16 narrow(float value, f16) {
    const u32 bits = __float_as_uint(value);
    const u32 size = bits & 0x7fffffff;
    const u16 sign = u16(bits >> 16 & 0x8000);
    if (size > 0x7f800000) {
        return 0x7fff;
    }
    // 65520 and more round to infinity.
    if (size >= 0x477ff000) {
        return sign | 0x7c00;
    }
    // Below 2^-14: adding 2^-1 leaves a multiple of 2^-24 in the lowest bits, rounded.
    if (size < 0x38800000) {
        return sign | u16(__float_as_uint(__uint_as_float(size) + 0.5f) - 0x3f000000);
    }
    return sign | u16((size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13);
}

#endif

PHASOR_DEVICE float widen(bf16 value) { return __uint_as_float(u32(value.bits) << 16); }

PHASOR_DEVICE u16 narrow(float value, bf16) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    u16 narrowed;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(narrowed) : "f"(value));
    return narrowed;
#else
    const u32 bits = __float_as_uint(value);
    if ((bits & 0x7fffffff) > 0x7f800000) {
        return 0x7fff;
    }
    return u16((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
#endif
}

// A word of two elements, the first one in the lower half.
template <typename T>
PHASOR_DEVICE u32 narrow_both(float low, float high, T type) {
    return narrow(low, type) | u32(narrow(high, type)) << 16;
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800

PHASOR_DEVICE u32 narrow_both(float low, float high, f16) {
    u32 both;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}

PHASOR_DEVICE u32 narrow_both(float low, float high, bf16) {
    u32 both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}

#endif

// Memory. ------------------------------------------------------------------------------------------------------------------------

// What one access moves.
template <int BYTES>
struct Access;
template <>
struct Access<2> {
    typedef u16 type;
};
template <>
struct Access<4> {
    typedef u32 type;
};
template <>
struct Access<8> {
    typedef uint2 type;
};
template <>
struct Access<16> {
    typedef uint4 type;
};

// Word `i` of an access.
PHASOR_DEVICE u32 word(u16 part, int) { return part; }
PHASOR_DEVICE u32 word(u32 part, int) { return part; }
PHASOR_DEVICE u32 word(uint2 part, int i) { return i == 0 ? part.x : part.y; }
PHASOR_DEVICE u32 word(uint4 part, int i) { return i == 0 ? part.x : i == 1 ? part.y : i == 2 ? part.z : part.w; }

PHASOR_DEVICE void set_word(u16& part, int, u32 value) { part = u16(value); }
PHASOR_DEVICE void set_word(u32& part, int, u32 value) { part = value; }
PHASOR_DEVICE void set_word(uint2& part, int i, u32 value) { (i == 0 ? part.x : part.y) = value; }
PHASOR_DEVICE void set_word(uint4& part, int i, u32 value) {
    (i == 0 ? part.x : i == 1 ? part.y : i == 2 ? part.z : part.w) = value;
}

// V neighbours of a tensor, as they lie in memory.
template <typename T, int V>
struct Packed {
    enum { BYTES = V * int(sizeof(T)), PART = BYTES < 16 ? BYTES : 16, PARTS = BYTES / PART, WORDS = PART < 4 ? 1 : PART / 4 };
    typedef typename Access<PART>::type Part;
    Part parts[PARTS];

    PHASOR_DEVICE u32 word_at(int i) const { return word(parts[i / WORDS], i % WORDS); }
    PHASOR_DEVICE void set_word_at(int i, u32 value) { set_word(parts[i / WORDS], i % WORDS, value); }
};

// How many elements an access of 16 bytes has.
template <typename T>
struct Whole {
    enum { COUNT = 16 / int(sizeof(T)) };
};

// From memory that the kernel may also write.
template <int V, typename T>
PHASOR_DEVICE Packed<T, V> load(const T* from) {
    typedef typename Packed<T, V>::Part Part;
    Packed<T, V> loaded;
    const Part* parts = aligned(reinterpret_cast<const Part*>(from));
PHASOR_UNROLL
    for (int i = 0; i < Packed<T, V>::PARTS; i++) {
        loaded.parts[i] = parts[i];
    }
    return loaded;
}

// From memory that nobody writes while the kernel runs.
template <int V, typename T>
PHASOR_DEVICE Packed<T, V> load_constant(const T* from) {
    typedef typename Packed<T, V>::Part Part;
    Packed<T, V> loaded;
    const Part* parts = aligned(reinterpret_cast<const Part*>(from));
PHASOR_UNROLL
    for (int i = 0; i < Packed<T, V>::PARTS; i++) {
        loaded.parts[i] = __ldg(parts + i);
    }
    return loaded;
}

template <int V, typename T>
PHASOR_DEVICE void store(T* to, const Packed<T, V>& stored) {
    typedef typename Packed<T, V>::Part Part;
    Part* parts = aligned(reinterpret_cast<Part*>(to));
PHASOR_UNROLL
    for (int i = 0; i < Packed<T, V>::PARTS; i++) {
        store_whole(parts + i, stored.parts[i]);
    }
}

// Elements and numbers. ----------------------------------------------------------------------------------------------------------

template <int V>
PHASOR_DEVICE float element(const Packed<float, V>& packed, int i) {
    return __uint_as_float(packed.word_at(i));
}

template <int V>
PHASOR_DEVICE double element(const Packed<double, V>& packed, int i) {
    return __hiloint2double(int(packed.word_at(2 * i + 1)), int(packed.word_at(2 * i)));
}

template <typename T, int V>
PHASOR_DEVICE float element(const Packed<T, V>& packed, int i) {
    return widen(T{u16(packed.word_at(i / 2) >> (i % 2 * 16))});
}

// The numbers, in the type A.
template <typename A, typename T, int V>
PHASOR_DEVICE void unpack(const Packed<T, V>& packed, A (&numbers)[V]) {
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        numbers[i] = A(element(packed, i));
    }
}

template <int V>
PHASOR_DEVICE void pack(const float (&numbers)[V], Packed<float, V>& packed) {
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        packed.set_word_at(i, __float_as_uint(numbers[i]));
    }
}

template <int V>
PHASOR_DEVICE void pack(const double (&numbers)[V], Packed<double, V>& packed) {
PHASOR_UNROLL
    for (int i = 0; i < V; i++) {
        packed.set_word_at(2 * i, u32(__double2loint(numbers[i])));
        packed.set_word_at(2 * i + 1, u32(__double2hiint(numbers[i])));
    }
}

template <typename T>
PHASOR_DEVICE void pack(const float (&numbers)[1], Packed<T, 1>& packed) {
    packed.set_word_at(0, narrow(numbers[0], T()));
}

// The numbers, each rounded to T.
template <typename T, int V>
PHASOR_DEVICE void pack(const float (&numbers)[V], Packed<T, V>& packed) {
PHASOR_UNROLL
    for (int i = 0; i < V; i += 2) {
        packed.set_word_at(i / 2, narrow_both(numbers[i], numbers[i + 1], T()));
    }
}

PHASOR_DEVICE void pack(const float (&numbers)[1], Packed<float, 1>& packed) {
    packed.set_word_at(0, __float_as_uint(numbers[0]));
}
