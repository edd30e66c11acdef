// The kernels on a CPU, and how they are launched. One translation unit, so that the linker keeps every kernel's entry.
#include "emulation.h"

#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "../angles.cu"
#include "../relative_bias.cu"
#include "../relative_gather.cu"
#include "../rotary.cu"

namespace emulation {

thread_local dim3 thread, block, block_size, grid_size;
thread_local void* shared;

namespace {

// Bytes of shared memory a block may have without asking the driver for more.
const size_t SHARED_LIMIT = 48 * 1024;
const size_t STACK = 64 * 1024;

const Kernel* kernels;
thread_local const char* failure;

struct Fiber {
    ucontext_t context;
    dim3 thread;
    char* stack;
    bool done;
};

// The running block, if its kernel has barriers.
struct Block {
    const Kernel* kernel;
    const void* params;
    ucontext_t home;
    Fiber* running;
    // Whether a thread has voted for it, at this barrier and at the last one.
    bool vote;
    bool voted;
};

thread_local Block* current;

void fiber_main() {
    current->kernel->run(current->params);
    current->running->done = true;
}

dim3 thread_at(unsigned int index) {
    return {index % block_size.x, index / block_size.x % block_size.y, index / block_size.x / block_size.y};
}

// Every second block runs backwards.
unsigned int in_order(unsigned int i, unsigned int count) { return block.x % 2 == 0 ? i : count - 1 - i; }

// Makes a fiber ready for a thread of the block.
void begin(Fiber& fiber, unsigned int index, Block& whole) {
    fiber.thread = thread_at(index);
    fiber.done = false;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = STACK;
    fiber.context.uc_link = &whole.home;
    makecontext(&fiber.context, fiber_main, 0);
}

void run_side_by_side(const Kernel& kernel, const void* params, Fiber* fibers, unsigned int count) {
    Block whole = {&kernel, params, {}, nullptr, false, false};
    current = &whole;
    for (unsigned int i = 0; i < count; i++) {
        begin(fibers[i], i, whole);
    }
    for (unsigned int done = 0; done == 0;) {
        for (unsigned int i = 0; i < count; i++) {
            Fiber& fiber = fibers[in_order(i, count)];
            thread = fiber.thread;
            whole.running = &fiber;
            swapcontext(&whole.home, &fiber.context);
            done += fiber.done;
        }
        if (done != 0 && done != count) {
            fail("a barrier is not reached by all threads of a block");
        }
        whole.voted = whole.vote;
        whole.vote = false;
    }
    current = nullptr;
}

void run_one_by_one(const Kernel& kernel, const void* params, unsigned int count) {
    for (unsigned int i = 0; i < count; i++) {
        thread = thread_at(in_order(i, count));
        kernel.run(params);
    }
}

}  // namespace

Kernel::Kernel(const char* name, Run run, size_t params_size, unsigned int threads, bool barriers)
    : name(name), run(run), params_size(params_size), threads(threads), barriers(barriers), next(kernels) {
    kernels = this;
}

void fail(const char* why) {
    if (failure == nullptr) {
        failure = why;
    }
}

bool barrier(bool vote) {
    if (current == nullptr) {
        fail("a kernel that is not declared to have barriers has one");
        return vote;
    }
    current->vote |= vote;
    swapcontext(&current->running->context, &current->home);
    return current->voted;
}

}  // namespace emulation

// Runs a kernel. Gives null, or the reason of a failure.
extern "C" const char* phasor_emulate(const char* name, const unsigned int* grid, const unsigned int* block, size_t shared_bytes,
                                      const void* params, size_t params_size) {
    using namespace emulation;
    const Kernel* kernel = kernels;
    while (kernel != nullptr && strcmp(kernel->name, name) != 0) {
        kernel = kernel->next;
    }
    if (kernel == nullptr) {
        return "there is no kernel of this name";
    }
    if (params_size != kernel->params_size) {
        return "the parameters are of another size";
    }
    const size_t threads = size_t(block[0]) * block[1] * block[2];
    if (threads == 0 || threads > kernel->threads) {
        return "the block has no threads, or more than the kernel is declared for";
    }
    if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0 || grid[0] > 0x7fffffff || grid[1] > 0xffff || grid[2] > 0xffff) {
        return "the grid has no blocks, or more than there may be";
    }
    if (shared_bytes > SHARED_LIMIT) {
        return "there is not as much shared memory";
    }
    failure = nullptr;
    grid_size = {grid[0], grid[1], grid[2]};
    block_size = {block[0], block[1], block[2]};
    // Exactly as long as requested, so that a memory checker sees its end.
    shared = aligned_alloc(16, (shared_bytes + 16) / 16 * 16);
    Fiber* fibers = nullptr;
    char* stacks = nullptr;
    if (kernel->barriers) {
        fibers = static_cast<Fiber*>(calloc(threads, sizeof(Fiber)));
        stacks = static_cast<char*>(malloc(threads * STACK));
        for (size_t i = 0; i < threads; i++) {
            fibers[i].stack = stacks + i * STACK;
        }
    }
    for (unsigned int z = 0; z < grid[2]; z++) {
        for (unsigned int y = 0; y < grid[1]; y++) {
            for (unsigned int x = 0; x < grid[0] && failure == nullptr; x++) {
                emulation::block = {x, y, z};
                memset(shared, 0xff, shared_bytes);
                if (kernel->barriers) {
                    run_side_by_side(*kernel, params, fibers, unsigned(threads));
                } else {
                    run_one_by_one(*kernel, params, unsigned(threads));
                }
            }
        }
    }
    free(stacks);
    free(fibers);
    free(shared);
    return failure;
}

// The name of a kernel, by its number; null after the last one.
extern "C" const char* phasor_emulated_kernel(size_t index) {
    const emulation::Kernel* kernel = emulation::kernels;
    for (; kernel != nullptr && index > 0; index--) {
        kernel = kernel->next;
    }
    return kernel == nullptr ? nullptr : kernel->name;
}
