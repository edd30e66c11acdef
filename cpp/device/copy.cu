// A copy, to compare kernels with: what any kernel that reads and writes as many bytes could reach.
//
// A thread moves four words of 16 bytes, all of which it asks for before it waits for one.
#include "../kernel.cuh"

struct CopyParams {
    u64 from;
    u64 to;
    // In words of 16 bytes.
    u64 count;
};

PHASOR_KERNEL(copy, CopyParams, 256) {
    const u32 PARTS = 4;
    const uint4* from = reinterpret_cast<const uint4*>(params.from);
    uint4* to = reinterpret_cast<uint4*>(params.to);
    const u64 first = u64(blockIdx.x) * (PARTS * blockDim.x) + threadIdx.x;
    uint4 words[PARTS];
PHASOR_UNROLL
    for (u32 i = 0; i < PARTS; i++) {
        const u64 at = first + i * blockDim.x;
        words[i] = from[at < params.count ? at : params.count - 1];
    }
PHASOR_UNROLL
    for (u32 i = 0; i < PARTS; i++) {
        const u64 at = first + i * blockDim.x;
        if (at < params.count) {
            store_whole(to + at, words[i]);
        }
    }
}
