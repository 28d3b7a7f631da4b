// A libcuda.so without a GPU: memory is the host's, kernels do nothing. With it the CUDA build chooses, writes and
// compiles all kernels of a training step on any machine, for a GPU of any compute capability; numbers mean nothing.
//
// STANDIN_GPUS (how many, 1), STANDIN_CAPABILITY (70 for 7.0), STANDIN_NAME, STANDIN_CUDA (12080 for 12.8),
// STANDIN_INIT (what cuInit answers, 0). Declared after cuda.h of CUDA 12, which is not needed to build this.
#define _DEFAULT_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int CUresult;
typedef uint64_t CUdeviceptr;

static int setting(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text && *text ? atoi(text) : otherwise;
}

static int capability(void) { return setting("STANDIN_CAPABILITY", 70); }

CUresult cuInit(unsigned flags) { (void)flags; return setting("STANDIN_INIT", 0); }
CUresult cuDriverGetVersion(int *version) { *version = setting("STANDIN_CUDA", 12080); return 0; }
CUresult cuDeviceGetCount(int *count) { *count = setting("STANDIN_GPUS", 1); return 0; }
CUresult cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
CUresult cuDeviceGetName(char *name, int length, int device) {
    (void)device;
    const char *text = getenv("STANDIN_NAME");
    snprintf(name, (size_t)length, "%s", text ? text : "stand-in");
    return 0;
}
CUresult cuDeviceTotalMem_v2(size_t *bytes, int device) { (void)device; *bytes = (size_t)16 << 30; return 0; }
CUresult cuDeviceGetPCIBusId(char *id, int length, int device) {
    snprintf(id, (size_t)length, "0000:%02x:00.0", device + 1);
    return 0;
}

// Bytes of shared memory a block may ask for. Source: the table of compute capabilities in the CUDA C++ guide.
static int shared_memory(void) {
    switch (capability()) {
        case 70: case 72: return 98304;
        case 75: return 65536;
        case 80: case 87: return 166912;
        case 86: case 89: case 120: case 121: return 101376;
        case 90: case 100: case 103: return 232448;
        default: return 49152;
    }
}

CUresult cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    switch (attribute) {
        case 1: case 2: case 3: *value = 1024; break;       // threads of a block, its extents x and y
        case 4: *value = 64; break;                         // its extent z
        case 5: *value = 2147483647; break;                 // extents of the grid
        case 6: case 7: *value = 65535; break;
        case 10: *value = 32; break;                        // warp
        case 16: *value = 80; break;                        // multiprocessors
        case 75: *value = capability() / 10; break;
        case 76: *value = capability() % 10; break;
        case 97: *value = shared_memory(); break;
        case 115: *value = 1; break;                        // cuMemAllocAsync
        default: *value = 0;
    }
    return 0;
}

static int context;
CUresult cuDevicePrimaryCtxRetain(void **ctx, int device) { (void)device; *ctx = &context; return 0; }
CUresult cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return 0; }
CUresult cuCtxSetCurrent(void *ctx) { (void)ctx; return 0; }
CUresult cuCtxGetCurrent(void **ctx) { *ctx = &context; return 0; }
CUresult cuCtxSynchronize(void) { return 0; }
CUresult cuGetErrorName(CUresult error, const char **name) { (void)error; *name = "error of the stand-in"; return 0; }
CUresult cuGetErrorString(CUresult error, const char **text) { (void)error; *text = "error of the stand-in"; return 0; }

CUresult cuStreamCreate(void **stream, unsigned flags) { (void)flags; *stream = malloc(1); return 0; }
CUresult cuStreamSynchronize(void *stream) { (void)stream; return 0; }
CUresult cuStreamWaitEvent(void *stream, void *event, unsigned flags) { (void)stream; (void)event; (void)flags; return 0; }
CUresult cuStreamDestroy_v2(void *stream) { free(stream); return 0; }
CUresult cuEventCreate(void **event, unsigned flags) { (void)flags; *event = malloc(1); return 0; }
CUresult cuEventRecord(void *event, void *stream) { (void)event; (void)stream; return 0; }
CUresult cuEventQuery(void *event) { (void)event; return 0; }
CUresult cuEventSynchronize(void *event) { (void)event; return 0; }
CUresult cuEventDestroy_v2(void *event) { free(event); return 0; }
// Long enough that what measures the speed of a GPU does not go on to ever larger work.
CUresult cuEventElapsedTime(float *ms, void *from, void *to) { (void)from; (void)to; *ms = 20; return 0; }
CUresult cuEventElapsedTime_v2(float *ms, void *from, void *to) { return cuEventElapsedTime(ms, from, to); }

// calloc: pages that nobody writes are never there.
static CUresult allocate(void **at, size_t bytes) { return (*at = calloc(1, bytes ? bytes : 1)) ? 0 : 2; }
CUresult cuMemAlloc_v2(CUdeviceptr *at, size_t bytes) { return allocate((void **)at, bytes); }
CUresult cuMemAllocAsync(CUdeviceptr *at, size_t bytes, void *stream) { (void)stream; return allocate((void **)at, bytes); }
CUresult cuMemAllocHost_v2(void **at, size_t bytes) { return allocate(at, bytes); }
CUresult cuMemFree_v2(CUdeviceptr at) { free((void *)at); return 0; }
CUresult cuMemFreeAsync(CUdeviceptr at, void *stream) { (void)stream; return cuMemFree_v2(at); }
CUresult cuMemFreeHost(void *at) { free(at); return 0; }
CUresult cuMemGetInfo_v2(size_t *unused, size_t *total) { *unused = *total = (size_t)16 << 30; return 0; }

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, void *stream) {
    (void)stream;
    memcpy((void *)to, from, bytes);
    return 0;
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, void *stream) {
    (void)stream;
    memcpy(to, (void *)from, bytes);
    return 0;
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, void *stream) {
    (void)stream;
    memmove((void *)to, (void *)from, bytes);
    return 0;
}

// CUDA_MEMCPY2D_v2 of cuda.h.
struct side { size_t x, y; unsigned type; void *host; CUdeviceptr device; void *array; size_t pitch; };
struct copy { struct side from, to; size_t width, height; };
static char *place(const struct side *side) { return side->type == 1 ? side->host : (char *)side->device; }
CUresult cuMemcpy2DAsync_v2(const struct copy *copy, void *stream) {
    (void)stream;
    for (size_t row = 0; row < copy->height; row++)
        memcpy(place(&copy->to) + row * copy->to.pitch, place(&copy->from) + row * copy->from.pitch, copy->width);
    return 0;
}

// What cubecl measures a GPU's speed with repeats its work until it takes 20 ms by the host's clock.
struct function { int takes_time; };
CUresult cuModuleLoadData(void **module, const void *image) {
    (void)image;
    *module = calloc(1, sizeof(struct function));
    return 0;
}
CUresult cuModuleGetFunction(void **function, void *module, const char *name) {
    ((struct function *)module)->takes_time = strstr(name, "throughput") != NULL;
    *function = module;
    return 0;
}
CUresult cuModuleUnload(void *module) { free(module); return 0; }
CUresult cuFuncSetAttribute(void *function, int attribute, int value) {
    (void)function; (void)attribute; (void)value;
    return 0;
}
CUresult cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz,
                        unsigned shared, void *stream, void **arguments, void **extra) {
    (void)x; (void)y; (void)z; (void)bx; (void)by; (void)bz;
    (void)shared; (void)stream; (void)arguments; (void)extra;
    if (((struct function *)function)->takes_time) usleep(25000);
    return 0;
}

// A tensor map is 128 bytes that only a GPU reads.
CUresult cuTensorMapEncodeTiled(void *map) { memset(map, 0, 128); return 0; }
CUresult cuTensorMapEncodeIm2col(void *map) { memset(map, 0, 128); return 0; }
CUresult cuTensorMapEncodeIm2colWide(void *map) { memset(map, 0, 128); return 0; }
