// Devices and contexts: what there is, what it can do, and whose turn it is.
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "settings.h"
#include "state.h"

namespace choral_stand_in {
namespace {

bool is_initialised;
thread_local Device *current_device;

constexpr size_t KIB = 1024;

Limits limits() {
    int capability = settings().capability;
    if (capability < 80) return {1024, 16, 48 * KIB, 64 * KIB, 64 * KIB, 0};
    if (capability == 86) return {1536, 16, 48 * KIB, 99 * KIB, 100 * KIB, KIB};
    if (capability == 89) return {1536, 24, 48 * KIB, 99 * KIB, 100 * KIB, KIB};
    if (capability < 90) return {2048, 32, 48 * KIB, 163 * KIB, 164 * KIB, KIB};
    if (capability < 120) return {2048, 32, 48 * KIB, 227 * KIB, 228 * KIB, KIB};
    return {1536, 24, 48 * KIB, 99 * KIB, 100 * KIB, KIB};
}

int attribute(const Device &device, int which) {
    const Limits &limits = device.limits;
    switch (which) {
        case MAX_THREADS_PER_BLOCK: return 1024;
        case MAX_BLOCK_DIM_X: return 1024;
        case MAX_BLOCK_DIM_Y: return 1024;
        case MAX_BLOCK_DIM_Z: return 64;
        case MAX_GRID_DIM_X: return 2147483647;
        case MAX_GRID_DIM_Y: return 65535;
        case MAX_GRID_DIM_Z: return 65535;
        case MAX_SHARED_MEMORY_PER_BLOCK: return (int)limits.shared_per_block;
        case TOTAL_CONSTANT_MEMORY: return 65536;
        case WARP_SIZE: return 32;
        case MAX_REGISTERS_PER_BLOCK: return 65536;
        case CLOCK_RATE: return 1000000;
        case MULTIPROCESSOR_COUNT: return settings().processors;
        case CAN_MAP_HOST_MEMORY: return 1;
        case CONCURRENT_KERNELS: return 1;
        case PCI_DEVICE_ID: return device.ordinal;
        case MEMORY_CLOCK_RATE: return 1000000;
        case GLOBAL_MEMORY_BUS_WIDTH: return 4096;
        case L2_CACHE_SIZE: return 32 << 20;
        case MAX_THREADS_PER_MULTIPROCESSOR: return limits.threads_per_processor;
        case ASYNC_ENGINE_COUNT: return 1;
        case UNIFIED_ADDRESSING: return 1;
        case COMPUTE_CAPABILITY_MAJOR: return settings().capability / 10;
        case COMPUTE_CAPABILITY_MINOR: return settings().capability % 10;
        case STREAM_PRIORITIES_SUPPORTED: return 1;
        case MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: return (int)limits.shared_per_processor;
        case MAX_REGISTERS_PER_MULTIPROCESSOR: return 65536;
        case COOPERATIVE_LAUNCH: return 1;
        case MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: return (int)limits.shared_per_block_by_choice;
        case MAX_BLOCKS_PER_MULTIPROCESSOR: return limits.blocks_per_processor;
        case RESERVED_SHARED_MEMORY_PER_BLOCK: return (int)limits.shared_reserved_per_block;
        case MEMORY_POOLS_SUPPORTED: return 1;
        default: return 0;
    }
}

const char *text_of(int result, bool is_name) {
    switch (result) {
#define ROW(NAME, NUMBER, TEXT) \
    case NUMBER: return is_name ? "CUDA_" #NAME : TEXT;
        CHORAL_STAND_IN_RESULTS(ROW)
#undef ROW
        default: return nullptr;
    }
}

int describe(int result, const char **text, bool is_name) {
    if (text == nullptr) return ERROR_INVALID_VALUE;
    *text = text_of(result, is_name);
    return *text == nullptr ? ERROR_INVALID_VALUE : SUCCESS;
}

}  // namespace

void say(const char *format, ...) {
    char line[900];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    fprintf(stderr, "choral stand-in: %s\n", line);
}

std::unique_lock<std::recursive_mutex> lock() {
    static std::recursive_mutex mutex;
    return std::unique_lock<std::recursive_mutex>(mutex);
}

std::vector<std::unique_ptr<Device>> &devices() {
    static std::vector<std::unique_ptr<Device>> all;
    return all;
}

Device *device_of(int ordinal) {
    bool is_one = ordinal >= 0 && (size_t)ordinal < devices().size();
    return is_one ? devices()[(size_t)ordinal].get() : nullptr;
}

Result current(Device **device) {
    if (!is_initialised) return ERROR_NOT_INITIALIZED;
    if (current_device == nullptr || current_device->retained == 0) return ERROR_INVALID_CONTEXT;
    *device = current_device;
    return current_device->failure;
}

void clear(Device &device) {
    forget_modules(device);
    for (Stream *stream : device.streams) delete stream;
    for (Event *event : device.events) delete event;
    device.streams.clear();
    device.events.clear();
    device.memory.clear();
    device.used = 0;
    device.failure = SUCCESS;
    device.legacy_stream->capture.reset();
}

CUDA_FUNCTION cuInit(unsigned flags) {
    auto guard = lock();
    if (flags != 0) return ERROR_INVALID_VALUE;
    if (settings().devices == 0) return ERROR_NO_DEVICE;
    if (is_initialised) return SUCCESS;
    for (int at = 0; at < settings().devices; at++) {
        auto device = std::make_unique<Device>();
        device->ordinal = at;
        device->limits = limits();
        device->legacy_stream.reset(new Stream{device.get(), nullptr});
        devices().push_back(std::move(device));
    }
    is_initialised = true;
    return SUCCESS;
}

CUDA_FUNCTION cuDriverGetVersion(int *version) {
    if (version == nullptr) return ERROR_INVALID_VALUE;
    *version = settings().driver;
    return SUCCESS;
}

CUDA_FUNCTION cuGetErrorName(int result, const char **text) { return describe(result, text, true); }
CUDA_FUNCTION cuGetErrorString(int result, const char **text) { return describe(result, text, false); }

CUDA_FUNCTION cuDeviceGetCount(int *count) {
    auto guard = lock();
    if (!is_initialised) return ERROR_NOT_INITIALIZED;
    *count = (int)devices().size();
    return SUCCESS;
}

CUDA_FUNCTION cuDeviceGet(int *device, int ordinal) {
    auto guard = lock();
    if (!is_initialised) return ERROR_NOT_INITIALIZED;
    if (device_of(ordinal) == nullptr) return ERROR_INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

CUDA_FUNCTION cuDeviceGetName(char *name, int length, int ordinal) {
    auto guard = lock();
    if (device_of(ordinal) == nullptr) return ERROR_INVALID_DEVICE;
    if (name == nullptr || length <= 0) return ERROR_INVALID_VALUE;
    snprintf(name, (size_t)length, "choral stand-in %d", ordinal);
    return SUCCESS;
}

CUDA_FUNCTION cuDeviceGetUuid_v2(unsigned char *uuid, int ordinal) {
    auto guard = lock();
    if (device_of(ordinal) == nullptr) return ERROR_INVALID_DEVICE;
    memcpy(uuid, "choral stand-in", 16);
    uuid[15] = (unsigned char)ordinal;
    return SUCCESS;
}
CUDA_FUNCTION cuDeviceGetUuid(unsigned char *uuid, int ordinal) { return cuDeviceGetUuid_v2(uuid, ordinal); }

CUDA_FUNCTION cuDeviceTotalMem_v2(size_t *bytes, int ordinal) {
    auto guard = lock();
    if (device_of(ordinal) == nullptr) return ERROR_INVALID_DEVICE;
    *bytes = settings().memory;
    return SUCCESS;
}

CUDA_FUNCTION cuDeviceGetAttribute(int *value, int which, int ordinal) {
    auto guard = lock();
    const Device *device = device_of(ordinal);
    if (device == nullptr) return ERROR_INVALID_DEVICE;
    if (value == nullptr || which <= 0 || which >= DEVICE_ATTRIBUTE_END) return ERROR_INVALID_VALUE;
    *value = attribute(*device, which);
    return SUCCESS;
}

CUDA_FUNCTION cuDeviceCanAccessPeer(int *can, int, int) {
    *can = 0;
    return SUCCESS;
}

CUDA_FUNCTION cuDevicePrimaryCtxRetain(void **context, int ordinal) {
    auto guard = lock();
    Device *device = device_of(ordinal);
    if (device == nullptr) return ERROR_INVALID_DEVICE;
    device->retained++;
    *context = device;
    return SUCCESS;
}

CUDA_FUNCTION cuDevicePrimaryCtxRelease_v2(int ordinal) {
    auto guard = lock();
    Device *device = device_of(ordinal);
    if (device == nullptr) return ERROR_INVALID_DEVICE;
    if (device->retained == 0) return ERROR_INVALID_CONTEXT;
    if (--device->retained == 0) clear(*device);
    return SUCCESS;
}

CUDA_FUNCTION cuDevicePrimaryCtxReset_v2(int ordinal) {
    auto guard = lock();
    Device *device = device_of(ordinal);
    if (device == nullptr) return ERROR_INVALID_DEVICE;
    clear(*device);
    return SUCCESS;
}

CUDA_FUNCTION cuDevicePrimaryCtxGetState(int ordinal, unsigned *flags, int *is_active) {
    auto guard = lock();
    const Device *device = device_of(ordinal);
    if (device == nullptr) return ERROR_INVALID_DEVICE;
    *flags = 0;
    *is_active = device->retained > 0;
    return SUCCESS;
}

CUDA_FUNCTION cuCtxGetCurrent(void **context) {
    auto guard = lock();
    if (!is_initialised) return ERROR_NOT_INITIALIZED;
    *context = current_device;
    return SUCCESS;
}

CUDA_FUNCTION cuCtxSetCurrent(void *context) {
    auto guard = lock();
    if (!is_initialised) return ERROR_NOT_INITIALIZED;
    for (const auto &device : devices())
        if (device.get() == context && device->retained > 0) {
            current_device = device.get();
            return SUCCESS;
        }
    if (context != nullptr) return ERROR_INVALID_CONTEXT;
    current_device = nullptr;
    return SUCCESS;
}

CUDA_FUNCTION cuCtxGetDevice(int *ordinal) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    *ordinal = device->ordinal;
    return SUCCESS;
}

CUDA_FUNCTION cuCtxSynchronize() {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    if (Result result = may_wait()) return result;
    finish(*device);
    return device->failure;
}

CUDA_FUNCTION cuCtxSetFlags(unsigned) {
    auto guard = lock();
    Device *device;
    return current(&device);
}

CUDA_FUNCTION cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    *least = 0;
    *greatest = -5;
    return SUCCESS;
}

}  // namespace choral_stand_in
