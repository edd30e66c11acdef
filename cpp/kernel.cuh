// How a kernel is declared, for nvcc and for the emulation on a CPU.
//
//     PHASOR_KERNEL(rotary_f32_f32_pair, RotaryParams, 256) { ... }
//
// makes the kernel `phasor_rotary_f32_f32_pair`, which takes one struct by value, called `params`, and runs in blocks of at most
// 256 threads. One that calls `__syncthreads` or `__syncthreads_or` is a PHASOR_BARRIER_KERNEL: the emulation runs its threads side by
// side, the others' one after the other. Kernels use no warp intrinsics, no atomics and no globals, which the emulation does not have.
#pragma once

#if defined(__CUDACC__)

#define PHASOR_KERNEL(name, Params, threads) \
    extern "C" __global__ void __launch_bounds__(threads) phasor_##name(const Params params)
#define PHASOR_BARRIER_KERNEL PHASOR_KERNEL
// A kernel that is to leave room for so many blocks on a multiprocessor: it may use all registers that do, where the compiler would use
// fewer and keep some values in memory, and no more.
#define PHASOR_WIDE_KERNEL(name, Params, threads, blocks) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) phasor_##name(const Params params)
#define PHASOR_WIDE_BARRIER_KERNEL PHASOR_WIDE_KERNEL
// Before a loop that is to be unrolled, so that each turn has registers of its own.
#define PHASOR_UNROLL _Pragma("unroll")
// Before a loop of which four turns are to be under way at a time.
#define PHASOR_UNROLL_4 _Pragma("unroll 4")
// Before a loop that must not be unrolled: the compiler unrolls loops over rows, at twice the registers.
#define PHASOR_ROLLED _Pragma("unroll 1")

// The block's dynamic shared memory.
template <typename T>
__device__ __forceinline__ T* shared_memory() {
    extern __shared__ uint4 phasor_shared[];
    return reinterpret_cast<T*>(phasor_shared);
}

// The address of something that is read or written in one access.
template <typename T>
__device__ __forceinline__ T* aligned(T* address) {
    return address;
}

// Stores all of a value in one access. Without assembly the compiler may store it word by word, and one of its functions with a cache
// operator, such as `__stwb`, makes every store one that is ordered among the threads of the multiprocessor (`STG.STRONG.SM`).
template <typename T>
__device__ __forceinline__ void store_whole(T* to, T value) {
    *to = value;
}
#if defined(PHASOR_STRONG_STORES)
__device__ __forceinline__ void store_whole(uint2* to, uint2 value) { __stwb(to, value); }
__device__ __forceinline__ void store_whole(uint4* to, uint4 value) { __stwb(to, value); }
#else
__device__ __forceinline__ void store_whole(uint2* to, uint2 value) {
    asm volatile("st.global.v2.b32 [%0], {%1, %2};" : : "l"(__cvta_generic_to_global(to)), "r"(value.x), "r"(value.y) : "memory");
}
__device__ __forceinline__ void store_whole(uint4* to, uint4 value) {
    asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};"
                 :
                 : "l"(__cvta_generic_to_global(to)), "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w)
                 : "memory");
}
#endif

// An address from which several others are derived. Without this the compiler computes each of them from scratch.
template <typename T>
__device__ __forceinline__ T* base(T* address) {
    asm("" : "+l"(address));
    return address;
}

#else
#include "emulation/emulation.h"
#endif

// The qualifiers of every function of the kernels.
#define PHASOR_DEVICE __device__ __forceinline__

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
