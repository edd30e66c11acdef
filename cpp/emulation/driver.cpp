// CUDA's driver over the emulation: the functions that Phasor and its tests call, with two imaginary devices.
//
// Work is done late, as on a device: that of a stream when somebody waits for the stream, a copy to the device when somebody waits
// for the default stream of its context. The emulation refuses what a driver would refuse: calls without a context, handles and
// addresses that it never gave, code of another device; and a launch of a kernel that has not been loaded in its context before, since
// a driver that loads it then fails while a stream is captured. Kernels are those of the emulation; their names and the sizes of their parameters come from
// the PTX. `cpp/build.py --check` compiles this file with CUDA's own header, which knows the functions' types.
#include <stdlib.h>
#include <string.h>

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#if defined(PHASOR_CUDA_HEADER)
#include <cuda.h>
#else
typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st* CUcontext;
typedef struct CUmod_st* CUmodule;
typedef struct CUfunc_st* CUfunction;
typedef struct CUlib_st* CUlibrary;
typedef struct CUkern_st* CUkernel;
typedef struct CUstream_st* CUstream;
typedef struct CUevent_st* CUevent;
typedef struct CUgraph_st* CUgraph;
typedef struct CUgraphExec_st* CUgraphExec;
typedef int CUdevice_attribute;
typedef int CUstreamCaptureMode;
typedef int CUjit_option;
typedef int CUlibraryOption;
#define CUDA_SUCCESS 0
#define CUDA_ERROR_INVALID_VALUE 1
#define CUDA_ERROR_NOT_INITIALIZED 3
#define CUDA_ERROR_INVALID_DEVICE 101
#define CUDA_ERROR_INVALID_CONTEXT 201
#define CUDA_ERROR_NO_BINARY_FOR_GPU 209
#define CUDA_ERROR_INVALID_HANDLE 400
#define CUDA_ERROR_NOT_FOUND 500
#define CUDA_ERROR_MISALIGNED_ADDRESS 716
#define CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED 900
#endif

// A kernel of tests and benchmarks.
#include "emulation.h"
#include "../device/copy.cu"

extern "C" const char* phasor_emulate(const char* name, const unsigned int* grid, const unsigned int* block, size_t shared_bytes,
                                      const void* params, size_t params_size);

namespace {

// Compute capabilities, times ten.
const int CAPABILITIES[] = {90, 75};
const int DEVICES = 2;

// A kernel or the destination of a copy, with what is to be run or written.
struct Work {
    std::string kernel;
    unsigned int grid[3], block[3];
    size_t shared;
    std::vector<char> bytes;
    char* to = nullptr;
    const char* from = nullptr;
    size_t count = 0;
};

struct Context {
    int device;
};
struct Stream {
    Context* context;
    std::vector<Work> work;
    bool capturing = false;
    // Held while work is done, so that everyone who waits for it waits to its end.
    std::mutex busy;
};
struct Graph {
    std::vector<Work> work;
};
struct Event {
    Stream* stream = nullptr;
};
struct Image {
    // The oldest device it is for.
    int capability = 0;
    // Sizes of parameters, by kernel.
    std::map<std::string, size_t> kernels;
    // The context in which it is loaded; null for all.
    Context* context;
};
struct Kernel {
    std::string name;
    size_t params;
    Context* context;
    int capability;
    // Where it is loaded.
    std::set<Context*> loaded;
};

std::mutex lock;
bool initialized;
Context contexts[DEVICES] = {{0}, {1}};
std::set<void*> handles;
std::map<char*, size_t> allocations;
Stream defaults[DEVICES] = {{&contexts[0], {}, false, {}}, {&contexts[1], {}, false, {}}};
CUresult sticky;
thread_local std::vector<Context*> stack;

typedef std::lock_guard<std::mutex> Guard;

CUresult error(int code) { return CUresult(code); }

Context* current() { return stack.empty() ? nullptr : stack.back(); }

template <typename T, typename H>
T* known(H handle) {
    return handles.count(handle) != 0 ? reinterpret_cast<T*>(handle) : nullptr;
}

template <typename H, typename T>
H give(T* made) {
    handles.insert(made);
    return reinterpret_cast<H>(made);
}

// A stream; for none, and for the two handles that stand for it, the default stream of the current context.
Stream* stream_of(CUstream handle) {
    return reinterpret_cast<size_t>(handle) <= 2 ? &defaults[current()->device] : known<Stream>(handle);
}

// Whether these bytes lie within one allocation of the device.
bool within(CUdeviceptr address, size_t count) {
    char* at = reinterpret_cast<char*>(address);
    auto next = allocations.upper_bound(at);
    return next != allocations.begin() && at + count <= (--next)->first + next->second;
}

void run(std::vector<Work>& all) {
    for (Work& work : all) {
        if (work.kernel.empty()) {
            memcpy(work.to, work.from != nullptr ? work.from : work.bytes.data(), work.count);
        } else if (phasor_emulate(work.kernel.c_str(), work.grid, work.block, work.shared, work.bytes.data(), work.bytes.size())) {
            sticky = error(CUDA_ERROR_MISALIGNED_ADDRESS);
        }
    }
}

// Does all work of a stream, while other threads may do that of other streams.
CUresult drain(Stream* stream) {
    Guard busy(stream->busy);
    std::vector<Work> work;
    {
        Guard guard(lock);
        work.swap(stream->work);
    }
    run(work);
    return sticky;
}

// The kernels of some PTX with the sizes of their parameters.
CUresult read(const void* code, Image* image) {
    const std::string text = static_cast<const char*>(code);
    if (text.compare(0, 9, ".version ") != 0) {
        return error(CUDA_ERROR_NO_BINARY_FOR_GPU);
    }
    const size_t target = text.find(".target sm_");
    if (target == std::string::npos) {
        return error(CUDA_ERROR_NO_BINARY_FOR_GPU);
    }
    image->capability = atoi(&text[target + 11]);
    for (size_t at = text.find(".entry "); at != std::string::npos; at = text.find(".entry ", at)) {
        at += 7;
        const std::string name = text.substr(at, text.find('(', at) - at);
        image->kernels[name] = size_t(atoi(&text[text.find('[', at) + 1]));
    }
    return error(CUDA_SUCCESS);
}

CUresult find(Image* image, const char* name, Kernel** kernel) {
    auto found = image->kernels.find(name);
    if (found == image->kernels.end()) {
        return error(CUDA_ERROR_NOT_FOUND);
    }
    *kernel = new Kernel{found->first, found->second, image->context, image->capability, {}};
    return error(CUDA_SUCCESS);
}

// Whether code is for the device that is current.
bool suits(int capability) { return capability <= CAPABILITIES[current()->device]; }

#define REQUIRE(condition, code) \
    if (!(condition)) return error(code)
#define REQUIRE_CONTEXT                                    \
    Guard guard(lock);                                     \
    REQUIRE(initialized, CUDA_ERROR_NOT_INITIALIZED);      \
    REQUIRE(current() != nullptr, CUDA_ERROR_INVALID_CONTEXT); \
    REQUIRE(sticky == error(CUDA_SUCCESS), int(sticky))

}  // namespace

#define ENTRY extern "C" __attribute__((visibility("default"))) CUresult

ENTRY cuInit(unsigned int flags) {
    REQUIRE(flags == 0, CUDA_ERROR_INVALID_VALUE);
    Guard guard(lock);
    initialized = true;
    return error(CUDA_SUCCESS);
}

ENTRY cuDriverGetVersion(int* version) {
    *version = 13000;
    return error(CUDA_SUCCESS);
}

ENTRY cuGetErrorName(CUresult code, const char** text) {
    *text = int(code) == CUDA_ERROR_MISALIGNED_ADDRESS ? "CUDA_ERROR_MISALIGNED_ADDRESS" : "CUDA_ERROR";
    return error(CUDA_SUCCESS);
}

ENTRY cuGetErrorString(CUresult code, const char** text) {
    *text = int(code) == CUDA_ERROR_MISALIGNED_ADDRESS ? "misaligned address" : "refused by the emulation";
    return error(CUDA_SUCCESS);
}

ENTRY cuDeviceGetCount(int* count) {
    REQUIRE(initialized, CUDA_ERROR_NOT_INITIALIZED);
    *count = DEVICES;
    return error(CUDA_SUCCESS);
}

ENTRY cuDeviceGet(CUdevice* device, int ordinal) {
    REQUIRE(initialized, CUDA_ERROR_NOT_INITIALIZED);
    REQUIRE(ordinal >= 0 && ordinal < DEVICES, CUDA_ERROR_INVALID_DEVICE);
    *device = ordinal;
    return error(CUDA_SUCCESS);
}

ENTRY cuDeviceGetName(char* name, int size, CUdevice device) {
    const std::string text = "emulated " + std::to_string(device);
    REQUIRE(device >= 0 && device < DEVICES, CUDA_ERROR_INVALID_DEVICE);
    REQUIRE(size > int(text.size()), CUDA_ERROR_INVALID_VALUE);
    strcpy(name, text.c_str());
    return error(CUDA_SUCCESS);
}

ENTRY cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
    REQUIRE(device >= 0 && device < DEVICES, CUDA_ERROR_INVALID_DEVICE);
    switch (int(attribute)) {
        case 16: *value = 4; break;
        case 36: *value = 1000000; break;
        case 37: *value = 1024; break;
        case 38: *value = 1 << 16; break;
        case 75: *value = CAPABILITIES[device] / 10; break;
        case 76: *value = CAPABILITIES[device] % 10; break;
        default: return error(CUDA_ERROR_INVALID_VALUE);
    }
    return error(CUDA_SUCCESS);
}

ENTRY cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
    Guard guard(lock);
    REQUIRE(initialized, CUDA_ERROR_NOT_INITIALIZED);
    REQUIRE(device >= 0 && device < DEVICES, CUDA_ERROR_INVALID_DEVICE);
    *context = give<CUcontext>(&contexts[device]);
    return error(CUDA_SUCCESS);
}

ENTRY cuCtxGetCurrent(CUcontext* context) {
    *context = reinterpret_cast<CUcontext>(current());
    return error(CUDA_SUCCESS);
}

ENTRY cuCtxGetDevice(CUdevice* device) {
    REQUIRE(current() != nullptr, CUDA_ERROR_INVALID_CONTEXT);
    *device = current()->device;
    return error(CUDA_SUCCESS);
}

ENTRY cuCtxPushCurrent_v2(CUcontext context) {
    Guard guard(lock);
    REQUIRE(known<Context>(context) != nullptr, CUDA_ERROR_INVALID_CONTEXT);
    stack.push_back(known<Context>(context));
    return error(CUDA_SUCCESS);
}

ENTRY cuCtxPopCurrent_v2(CUcontext* context) {
    REQUIRE(current() != nullptr, CUDA_ERROR_INVALID_CONTEXT);
    *context = reinterpret_cast<CUcontext>(current());
    stack.pop_back();
    return error(CUDA_SUCCESS);
}

ENTRY cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
    REQUIRE_CONTEXT;
    REQUIRE(bytes > 0, CUDA_ERROR_INVALID_VALUE);
    char* made = static_cast<char*>(aligned_alloc(256, (bytes + 255) / 256 * 256));
    memset(made, 0xee, bytes);
    allocations[made] = bytes;
    *address = reinterpret_cast<CUdeviceptr>(made);
    return error(CUDA_SUCCESS);
}

ENTRY cuMemFree_v2(CUdeviceptr address) {
    REQUIRE_CONTEXT;
    char* at = reinterpret_cast<char*>(address);
    REQUIRE(allocations.erase(at) == 1, CUDA_ERROR_INVALID_VALUE);
    free(at);
    return error(CUDA_SUCCESS);
}

ENTRY cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
    REQUIRE_CONTEXT;
    REQUIRE(within(to, bytes), CUDA_ERROR_INVALID_VALUE);
    Work work;
    work.bytes.assign(static_cast<const char*>(from), static_cast<const char*>(from) + bytes);
    work.to = reinterpret_cast<char*>(to);
    work.count = bytes;
    defaults[current()->device].work.push_back(work);
    return error(CUDA_SUCCESS);
}

ENTRY cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
    REQUIRE_CONTEXT;
    REQUIRE(within(from, bytes), CUDA_ERROR_INVALID_VALUE);
    memcpy(to, reinterpret_cast<const char*>(from), bytes);
    return error(CUDA_SUCCESS);
}

ENTRY cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    REQUIRE_CONTEXT;
    REQUIRE(within(to, bytes) && within(from, bytes), CUDA_ERROR_INVALID_VALUE);
    REQUIRE(stream_of(stream) != nullptr, CUDA_ERROR_INVALID_HANDLE);
    Work work;
    work.to = reinterpret_cast<char*>(to);
    work.from = reinterpret_cast<const char*>(from);
    work.count = bytes;
    stream_of(stream)->work.push_back(work);
    return error(CUDA_SUCCESS);
}

// Of zeros alone.
ENTRY cuMemsetD32Async(CUdeviceptr to, unsigned int value, size_t count, CUstream stream) {
    REQUIRE_CONTEXT;
    REQUIRE(within(to, 4 * count) && value == 0, CUDA_ERROR_INVALID_VALUE);
    REQUIRE(stream_of(stream) != nullptr, CUDA_ERROR_INVALID_HANDLE);
    Work work;
    work.bytes.assign(4 * count, 0);
    work.to = reinterpret_cast<char*>(to);
    work.count = 4 * count;
    stream_of(stream)->work.push_back(work);
    return error(CUDA_SUCCESS);
}

ENTRY cuStreamCreate(CUstream* stream, unsigned int flags) {
    REQUIRE_CONTEXT;
    REQUIRE(flags <= 1, CUDA_ERROR_INVALID_VALUE);
    *stream = give<CUstream>(new Stream{current(), {}, false, {}});
    return error(CUDA_SUCCESS);
}

ENTRY cuStreamDestroy_v2(CUstream stream) {
    REQUIRE_CONTEXT;
    REQUIRE(handles.erase(stream) == 1, CUDA_ERROR_INVALID_HANDLE);
    delete reinterpret_cast<Stream*>(stream);
    return error(CUDA_SUCCESS);
}

ENTRY cuStreamGetCtx(CUstream stream, CUcontext* context) {
    Guard guard(lock);
    const bool by_default = reinterpret_cast<size_t>(stream) <= 2;
    REQUIRE(!by_default || current() != nullptr, CUDA_ERROR_INVALID_CONTEXT);
    REQUIRE(by_default || known<Stream>(stream) != nullptr, CUDA_ERROR_INVALID_HANDLE);
    *context = reinterpret_cast<CUcontext>(by_default ? current() : known<Stream>(stream)->context);
    return error(CUDA_SUCCESS);
}

ENTRY cuStreamSynchronize(CUstream handle) {
    Stream* stream;
    {
        REQUIRE_CONTEXT;
        stream = stream_of(handle);
        REQUIRE(stream != nullptr, CUDA_ERROR_INVALID_HANDLE);
        REQUIRE(!stream->capturing, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
    return drain(stream);
}

ENTRY cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode) {
    REQUIRE_CONTEXT;
    REQUIRE(known<Stream>(stream) != nullptr, CUDA_ERROR_INVALID_HANDLE);
    REQUIRE(!known<Stream>(stream)->capturing && known<Stream>(stream)->work.empty(), CUDA_ERROR_INVALID_VALUE);
    known<Stream>(stream)->capturing = true;
    return error(CUDA_SUCCESS);
}

ENTRY cuStreamEndCapture(CUstream stream, CUgraph* graph) {
    REQUIRE_CONTEXT;
    Stream* whole = known<Stream>(stream);
    REQUIRE(whole != nullptr && whole->capturing, CUDA_ERROR_INVALID_HANDLE);
    whole->capturing = false;
    *graph = give<CUgraph>(new Graph{std::move(whole->work)});
    whole->work.clear();
    return error(CUDA_SUCCESS);
}

ENTRY cuGraphInstantiateWithFlags(CUgraphExec* made, CUgraph graph, unsigned long long flags) {
    REQUIRE_CONTEXT;
    REQUIRE(known<Graph>(graph) != nullptr, CUDA_ERROR_INVALID_HANDLE);
    REQUIRE(flags == 0, CUDA_ERROR_INVALID_VALUE);
    *made = give<CUgraphExec>(new Graph(*known<Graph>(graph)));
    return error(CUDA_SUCCESS);
}

ENTRY cuGraphLaunch(CUgraphExec graph, CUstream stream) {
    REQUIRE_CONTEXT;
    REQUIRE(known<Graph>(graph) != nullptr && known<Stream>(stream) != nullptr, CUDA_ERROR_INVALID_HANDLE);
    REQUIRE(known<Stream>(stream)->context == current(), CUDA_ERROR_INVALID_CONTEXT);
    std::vector<Work>& work = known<Stream>(stream)->work;
    work.insert(work.end(), known<Graph>(graph)->work.begin(), known<Graph>(graph)->work.end());
    return error(CUDA_SUCCESS);
}

ENTRY cuGraphDestroy(CUgraph graph) {
    Guard guard(lock);
    REQUIRE(handles.erase(graph) == 1, CUDA_ERROR_INVALID_HANDLE);
    delete reinterpret_cast<Graph*>(graph);
    return error(CUDA_SUCCESS);
}

ENTRY cuGraphExecDestroy(CUgraphExec graph) {
    Guard guard(lock);
    REQUIRE(handles.erase(graph) == 1, CUDA_ERROR_INVALID_HANDLE);
    delete reinterpret_cast<Graph*>(graph);
    return error(CUDA_SUCCESS);
}

ENTRY cuEventCreate(CUevent* event, unsigned int flags) {
    REQUIRE_CONTEXT;
    REQUIRE(flags == 0, CUDA_ERROR_INVALID_VALUE);
    *event = give<CUevent>(new Event);
    return error(CUDA_SUCCESS);
}

ENTRY cuEventRecord(CUevent event, CUstream stream) {
    REQUIRE_CONTEXT;
    REQUIRE(known<Event>(event) != nullptr && known<Stream>(stream) != nullptr, CUDA_ERROR_INVALID_HANDLE);
    known<Event>(event)->stream = known<Stream>(stream);
    return error(CUDA_SUCCESS);
}

ENTRY cuEventSynchronize(CUevent event) {
    {
        REQUIRE_CONTEXT;
        REQUIRE(known<Event>(event) != nullptr && known<Event>(event)->stream != nullptr, CUDA_ERROR_INVALID_HANDLE);
    }
    return drain(reinterpret_cast<Event*>(event)->stream);
}

// One millisecond, whatever was done.
ENTRY cuEventElapsedTime(float* milliseconds, CUevent from, CUevent to) {
    REQUIRE_CONTEXT;
    REQUIRE(known<Event>(from) != nullptr && known<Event>(to) != nullptr && from != to, CUDA_ERROR_INVALID_HANDLE);
    *milliseconds = 1;
    return error(CUDA_SUCCESS);
}

ENTRY cuEventDestroy_v2(CUevent event) {
    REQUIRE_CONTEXT;
    REQUIRE(handles.erase(event) == 1, CUDA_ERROR_INVALID_HANDLE);
    delete reinterpret_cast<Event*>(event);
    return error(CUDA_SUCCESS);
}

ENTRY cuModuleLoadData(CUmodule* module, const void* code) {
    REQUIRE_CONTEXT;
    Image* image = new Image{0, {}, current()};
    *module = give<CUmodule>(image);
    const CUresult outcome = read(code, image);
    return outcome != error(CUDA_SUCCESS) || suits(image->capability) ? outcome : error(CUDA_ERROR_NO_BINARY_FOR_GPU);
}

ENTRY cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
    REQUIRE_CONTEXT;
    Image* image = known<Image>(module);
    REQUIRE(image != nullptr && image->context == current(), CUDA_ERROR_INVALID_HANDLE);
    Kernel* kernel = nullptr;
    const CUresult outcome = find(image, name, &kernel);
    *function = give<CUfunction>(kernel);
    if (kernel != nullptr) {
        kernel->loaded.insert(current());
    }
    return outcome;
}

#if !defined(PHASOR_OLD_DRIVER)

ENTRY cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option*, void**, unsigned int options, CUlibraryOption*, void**,
                        unsigned int more) {
    REQUIRE_CONTEXT;
    REQUIRE(options == 0 && more == 0, CUDA_ERROR_INVALID_VALUE);
    Image* image = new Image{0, {}, nullptr};
    *library = give<CUlibrary>(image);
    return read(code, image);
}

ENTRY cuLibraryGetKernel(CUkernel* made, CUlibrary library, const char* name) {
    REQUIRE_CONTEXT;
    REQUIRE(known<Image>(library) != nullptr, CUDA_ERROR_INVALID_HANDLE);
    Kernel* kernel = nullptr;
    const CUresult outcome = find(known<Image>(library), name, &kernel);
    *made = give<CUkernel>(kernel);
    return outcome;
}

ENTRY cuKernelGetFunction(CUfunction* function, CUkernel kernel) {
    REQUIRE_CONTEXT;
    REQUIRE(known<Kernel>(kernel) != nullptr, CUDA_ERROR_INVALID_HANDLE);
    REQUIRE(suits(known<Kernel>(kernel)->capability), CUDA_ERROR_NO_BINARY_FOR_GPU);
    *function = give<CUfunction>(known<Kernel>(kernel));
    return error(CUDA_SUCCESS);
}

ENTRY cuFuncLoad(CUfunction function) {
    REQUIRE_CONTEXT;
    REQUIRE(known<Kernel>(function) != nullptr, CUDA_ERROR_INVALID_HANDLE);
    REQUIRE(suits(known<Kernel>(function)->capability), CUDA_ERROR_NO_BINARY_FOR_GPU);
    known<Kernel>(function)->loaded.insert(current());
    return error(CUDA_SUCCESS);
}

#endif

ENTRY cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x,
                     unsigned int block_y, unsigned int block_z, unsigned int shared, CUstream stream, void** params, void** extra) {
    REQUIRE_CONTEXT;
    Kernel* kernel = known<Kernel>(function);
    Stream* where = stream_of(stream);
    REQUIRE(kernel != nullptr && where != nullptr, CUDA_ERROR_INVALID_HANDLE);
    REQUIRE(where->context == current(), CUDA_ERROR_INVALID_CONTEXT);
    REQUIRE(kernel->context == nullptr || kernel->context == current(), CUDA_ERROR_INVALID_CONTEXT);
    REQUIRE(kernel->loaded.count(current()) != 0, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    REQUIRE(extra == nullptr && params != nullptr, CUDA_ERROR_INVALID_VALUE);
    Work work;
    work.kernel = kernel->name;
    const unsigned int grid[] = {grid_x, grid_y, grid_z}, block[] = {block_x, block_y, block_z};
    memcpy(work.grid, grid, sizeof grid);
    memcpy(work.block, block, sizeof block);
    work.shared = shared;
    work.bytes.assign(static_cast<const char*>(params[0]), static_cast<const char*>(params[0]) + kernel->params);
    where->work.push_back(work);
    return error(CUDA_SUCCESS);
}
