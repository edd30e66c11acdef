// The parts of CUDA that the kernels need, on a CPU.
//
// Threads are run one after the other, or side by side where a kernel has barriers; blocks one after the other. Every second block
// runs its threads backwards, so that a kernel in which one thread depends on another gives different results. Shared memory is
// filled with NaN for each block. Accesses that are not aligned, and barriers that not all threads of a block reach, end the launch
// with a failure.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __device__
#define __forceinline__ inline
#define PHASOR_UNROLL
#define PHASOR_UNROLL_4
#define PHASOR_ROLLED

struct uint2 {
    unsigned int x, y;
};

struct alignas(16) uint4 {
    unsigned int x, y, z, w;
};

struct dim3 {
    unsigned int x, y, z;
};

namespace emulation {

// A kernel, in the list of all of them.
struct Kernel {
    typedef void (*Run)(const void* params);

    const char* name;
    Run run;
    size_t params_size;
    unsigned int threads;
    bool barriers;
    const Kernel* next;

    Kernel(const char* name, Run run, size_t params_size, unsigned int threads, bool barriers);
};

// Indices and sizes of the running thread, its block and the grid.
extern thread_local dim3 thread, block, block_size, grid_size;
extern thread_local void* shared;

// Marks the launch as failed; the first reason is kept.
void fail(const char* why);
// Whether any thread of the block votes for it.
bool barrier(bool vote);

}  // namespace emulation

#define threadIdx (emulation::thread)
#define blockIdx (emulation::block)
#define blockDim (emulation::block_size)
#define gridDim (emulation::grid_size)

#define PHASOR_EMULATED(name, Params, threads, barriers)                                                        \
    static void emulated_##name(const Params& params);                                                          \
    static const emulation::Kernel kernel_##name(                                                               \
        "phasor_" #name, [](const void* params) { emulated_##name(*static_cast<const Params*>(params)); },      \
        sizeof(Params), threads, barriers);                                                                     \
    static void emulated_##name(const Params& params)
#define PHASOR_KERNEL(name, Params, threads) PHASOR_EMULATED(name, Params, threads, false)
#define PHASOR_WIDE_KERNEL(name, Params, threads, blocks) PHASOR_KERNEL(name, Params, threads)
#define PHASOR_BARRIER_KERNEL(name, Params, threads) PHASOR_EMULATED(name, Params, threads, true)
#define PHASOR_WIDE_BARRIER_KERNEL(name, Params, threads, blocks) PHASOR_BARRIER_KERNEL(name, Params, threads)

inline void __syncthreads() { emulation::barrier(false); }
inline int __syncthreads_or(int vote) { return emulation::barrier(vote != 0); }

template <typename T>
inline T* shared_memory() {
    return static_cast<T*>(emulation::shared);
}

template <typename T>
inline T* aligned(T* address) {
    if (reinterpret_cast<uintptr_t>(address) % sizeof(T) != 0) {
        emulation::fail("an access is not aligned");
    }
    return address;
}

template <typename T>
inline T* base(T* address) {
    return address;
}

template <typename T>
inline T __ldg(const T* address) {
    return *address;
}

template <typename T>
inline void store_whole(T* to, T value) {
    *to = value;
}

inline unsigned int __float_as_uint(float value) {
    unsigned int bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

inline float __uint_as_float(unsigned int bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

inline double __hiloint2double(int high, int low) {
    const uint64_t bits = uint64_t(uint32_t(high)) << 32 | uint32_t(low);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

inline int __double2hiint(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return int(bits >> 32);
}

inline int __double2loint(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return int(uint32_t(bits));
}

inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}

inline int __clzll(long long value) { return value == 0 ? 64 : __builtin_clzll((unsigned long long)value); }
