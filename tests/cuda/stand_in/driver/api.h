// The part of CUDA's driver interface that has numbers: results, attributes and flags, as far as they are used.
#pragma once

#include <cstddef>
#include <cstdint>

// Every function of the interface.
#define CUDA_FUNCTION extern "C" __attribute__((visibility("default"))) int

namespace choral_stand_in {

using DevicePointer = uint64_t;

// (name, number, what it says)
#define CHORAL_STAND_IN_RESULTS(ROW)                                                                          \
    ROW(SUCCESS, 0, "no error")                                                                               \
    ROW(ERROR_INVALID_VALUE, 1, "invalid argument")                                                           \
    ROW(ERROR_OUT_OF_MEMORY, 2, "out of memory")                                                              \
    ROW(ERROR_NOT_INITIALIZED, 3, "initialization error")                                                     \
    ROW(ERROR_NO_DEVICE, 100, "no CUDA-capable device is detected")                                           \
    ROW(ERROR_INVALID_DEVICE, 101, "invalid device ordinal")                                                  \
    ROW(ERROR_INVALID_IMAGE, 200, "device kernel image is invalid")                                           \
    ROW(ERROR_INVALID_CONTEXT, 201, "invalid device context")                                                 \
    ROW(ERROR_NO_BINARY_FOR_GPU, 209, "no kernel image is available for execution on the device")             \
    ROW(ERROR_FILE_NOT_FOUND, 301, "file not found")                                                          \
    ROW(ERROR_INVALID_HANDLE, 400, "invalid resource handle")                                                 \
    ROW(ERROR_ILLEGAL_STATE, 401, "the operation cannot be performed in the present state")                   \
    ROW(ERROR_NOT_FOUND, 500, "named symbol not found")                                                       \
    ROW(ERROR_NOT_READY, 600, "device not ready")                                                             \
    ROW(ERROR_ILLEGAL_ADDRESS, 700, "an illegal memory access was encountered")                               \
    ROW(ERROR_LAUNCH_FAILED, 719, "unspecified launch failure")                                               \
    ROW(ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, 720, "too many blocks in cooperative launch")                     \
    ROW(ERROR_NOT_SUPPORTED, 801, "operation not supported")                                                  \
    ROW(ERROR_STREAM_CAPTURE_UNSUPPORTED, 900, "operation not permitted when stream is capturing")            \
    ROW(ERROR_STREAM_CAPTURE_INVALIDATED, 901, "operation failed due to a previous error during capture")     \
    ROW(ERROR_STREAM_CAPTURE_MERGE, 902, "operation would result in a merge of separate capture sequences")   \
    ROW(ERROR_STREAM_CAPTURE_UNMATCHED, 903, "capture was not ended in the same stream as it began")          \
    ROW(ERROR_STREAM_CAPTURE_UNJOINED, 904, "capturing stream has unjoined work")                             \
    ROW(ERROR_STREAM_CAPTURE_ISOLATION, 905, "dependency created on uncaptured work in another stream")       \
    ROW(ERROR_STREAM_CAPTURE_IMPLICIT, 906, "operation would make the legacy stream depend on a capture")     \
    ROW(ERROR_CAPTURED_EVENT, 907, "operation not permitted on an event last recorded in a capturing stream") \
    ROW(ERROR_STREAM_CAPTURE_WRONG_THREAD, 908, "attempt to end a capture of another thread")                 \
    ROW(ERROR_UNKNOWN, 999, "unknown error")

enum Result : int {
#define ROW(NAME, NUMBER, TEXT) NAME = NUMBER,
    CHORAL_STAND_IN_RESULTS(ROW)
#undef ROW
};

enum DeviceAttribute : int {
    MAX_THREADS_PER_BLOCK = 1,
    MAX_BLOCK_DIM_X = 2,
    MAX_BLOCK_DIM_Y = 3,
    MAX_BLOCK_DIM_Z = 4,
    MAX_GRID_DIM_X = 5,
    MAX_GRID_DIM_Y = 6,
    MAX_GRID_DIM_Z = 7,
    MAX_SHARED_MEMORY_PER_BLOCK = 8,
    TOTAL_CONSTANT_MEMORY = 9,
    WARP_SIZE = 10,
    MAX_REGISTERS_PER_BLOCK = 12,
    CLOCK_RATE = 13,
    MULTIPROCESSOR_COUNT = 16,
    CAN_MAP_HOST_MEMORY = 19,
    CONCURRENT_KERNELS = 31,
    PCI_DEVICE_ID = 34,
    MEMORY_CLOCK_RATE = 36,
    GLOBAL_MEMORY_BUS_WIDTH = 37,
    L2_CACHE_SIZE = 38,
    MAX_THREADS_PER_MULTIPROCESSOR = 39,
    ASYNC_ENGINE_COUNT = 40,
    UNIFIED_ADDRESSING = 41,
    COMPUTE_CAPABILITY_MAJOR = 75,
    COMPUTE_CAPABILITY_MINOR = 76,
    STREAM_PRIORITIES_SUPPORTED = 78,
    MAX_SHARED_MEMORY_PER_MULTIPROCESSOR = 81,
    MAX_REGISTERS_PER_MULTIPROCESSOR = 82,
    COOPERATIVE_LAUNCH = 95,
    MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97,
    MAX_BLOCKS_PER_MULTIPROCESSOR = 106,
    RESERVED_SHARED_MEMORY_PER_BLOCK = 111,
    MEMORY_POOLS_SUPPORTED = 115,
    DEVICE_ATTRIBUTE_END = 160,
};

enum FunctionAttribute : int {
    FUNCTION_MAX_THREADS_PER_BLOCK = 0,
    FUNCTION_SHARED_SIZE_BYTES = 1,
    FUNCTION_CONST_SIZE_BYTES = 2,
    FUNCTION_LOCAL_SIZE_BYTES = 3,
    FUNCTION_NUM_REGS = 4,
    FUNCTION_PTX_VERSION = 5,
    FUNCTION_BINARY_VERSION = 6,
    FUNCTION_CACHE_MODE_CA = 7,
    FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
    FUNCTION_PREFERRED_SHARED_MEMORY_CARVEOUT = 9,
    FUNCTION_ATTRIBUTE_END = 16,
};

enum CaptureMode : int { CAPTURE_GLOBAL = 0, CAPTURE_THREAD_LOCAL = 1, CAPTURE_RELAXED = 2 };
enum CaptureStatus : int { CAPTURE_NONE = 0, CAPTURE_ACTIVE = 1, CAPTURE_INVALIDATED = 2 };

constexpr unsigned EVENT_DISABLE_TIMING = 2;
constexpr int POOL_RELEASE_THRESHOLD = 4;
constexpr int POOL_USED_CURRENT = 7;

}  // namespace choral_stand_in
