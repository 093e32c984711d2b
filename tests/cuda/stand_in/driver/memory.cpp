// Memory of devices and pinned memory of the host: given, taken back, copied and filled. Every copy must lie in
// one live piece of memory.
#include <cstdlib>
#include <cstring>

#include "settings.h"
#include "state.h"

namespace choral_stand_in {
namespace {

// Pinned memory of the host, and its sizes.
std::map<void *, size_t> &pinned() {
    static std::map<void *, size_t> all;
    return all;
}

bool is_pinned(uint64_t place) {
    auto after = pinned().upper_bound(reinterpret_cast<void *>(place));
    if (after == pinned().begin()) return false;
    const auto &[start, bytes] = *--after;
    return place - reinterpret_cast<uint64_t>(start) < bytes;
}

Result allocate(Device &device, DevicePointer *place, size_t bytes) {
    if (bytes > settings().memory - device.used) return ERROR_OUT_OF_MEMORY;
    Guarded memory(bytes);
    *place = reinterpret_cast<DevicePointer>(memory.bytes());
    device.memory.emplace(*place, std::move(memory));
    device.used += bytes;
    return SUCCESS;
}

Result release(DevicePointer place) {
    if (place == 0) return SUCCESS;
    for (const auto &device : devices()) {
        auto found = device->memory.find(place);
        if (found == device->memory.end()) continue;
        if (!found->second.is_intact()) say("memory at %#zx was written outside of its bounds", (size_t)place);
        device->used -= found->second.size();
        device->memory.erase(found);
        return SUCCESS;
    }
    say("%#zx is freed, and is no memory of a device: freed before, or not its beginning", (size_t)place);
    return ERROR_INVALID_VALUE;
}

enum class Kind { Up, Down, Across };

Result check_copy(Kind kind, uint64_t to, uint64_t from, size_t bytes) {
    if (kind != Kind::Down)
        if (Result result = check_range(to, bytes, "written by a copy")) return result;
    if (kind != Kind::Up)
        if (Result result = check_range(from, bytes, "read by a copy")) return result;
    return bytes > 0 && (to == 0 || from == 0) ? ERROR_INVALID_VALUE : SUCCESS;
}

Result copy(Kind kind, uint64_t to, uint64_t from, size_t bytes) {
    if (Result result = check_copy(kind, to, from, bytes)) return result;
    if (bytes > 0) memmove(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), bytes);
    return SUCCESS;
}

int copy_now(Kind kind, uint64_t to, uint64_t from, size_t bytes) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    if (Result result = may_use_legacy()) return result;
    return copy(kind, to, from, bytes);
}

int copy_in(void *handle, Kind kind, uint64_t to, uint64_t from, size_t bytes) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(handle, &stream)) return result;
    if (Result result = check_copy(kind, to, from, bytes)) return result;
    Work work = [=] { return copy(kind, to, from, bytes); };
    // Memory that is not pinned is copied to memory of the driver's before it returns, and back before it returns.
    if (stream->capture == nullptr && kind == Kind::Up && !is_pinned(from)) {
        const char *bytes_there = reinterpret_cast<const char *>(from);
        std::vector<char> staged(bytes_there, bytes_there + bytes);
        work = [=] { return copy(kind, to, reinterpret_cast<uint64_t>(staged.data()), bytes); };
    }
    if (stream->capture == nullptr && kind == Kind::Down && !is_pinned(to)) {
        finish(*stream);
        return stream->device->failure != SUCCESS ? stream->device->failure : work();
    }
    return enqueue(*stream, std::move(work));
}

template <typename Value>
Result fill(DevicePointer place, Value value, size_t count) {
    if (Result result = check_range(place, count * sizeof value, "filled")) return result;
    Value *values = reinterpret_cast<Value *>(place);
    for (size_t at = 0; at < count; at++) values[at] = value;
    return SUCCESS;
}

template <typename Value>
int fill_in(void *handle, DevicePointer place, Value value, size_t count) {
    auto guard = lock();
    Stream *stream;
    if (place % sizeof value != 0) return ERROR_INVALID_VALUE;
    if (Result result = stream_of(handle, &stream)) return result;
    if (Result result = check_range(place, count * sizeof value, "filled")) return result;
    return enqueue(*stream, [=] { return fill(place, value, count); });
}

Result pool_of(const void *pool, Device **device) {
    for (const auto &one : devices())
        if (one.get() == pool) {
            *device = one.get();
            return SUCCESS;
        }
    return ERROR_INVALID_VALUE;
}

}  // namespace

Result check_range(DevicePointer place, size_t bytes, const char *purpose) {
    if (bytes == 0) return SUCCESS;
    for (const auto &device : devices()) {
        auto after = device->memory.upper_bound(place);
        if (after == device->memory.begin()) continue;
        const auto &[start, memory] = *--after;
        if (place - start < memory.size() && bytes <= memory.size() - (place - start)) return SUCCESS;
    }
    say("%zu bytes at %#zx are %s, and are not all in one live piece of a device's memory", bytes, (size_t)place,
        purpose);
    return ERROR_INVALID_VALUE;
}

std::string damage(const Device &device) {
    for (const auto &[place, memory] : device.memory)
        if (!memory.is_intact())
            return "memory was written outside of a piece of " + std::to_string(memory.size()) + " bytes";
    return "";
}

CUDA_FUNCTION cuMemAlloc_v2(DevicePointer *place, size_t bytes) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    if (Result result = may_wait()) return result;
    return bytes == 0 ? ERROR_INVALID_VALUE : allocate(*device, place, bytes);
}

CUDA_FUNCTION cuMemFree_v2(DevicePointer place) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    if (Result result = may_wait()) return result;
    finish(*device);
    return release(place);
}

// A real driver makes these nodes of a graph. Nothing here should, so it is an error.
CUDA_FUNCTION cuMemAllocAsync(DevicePointer *place, size_t bytes, void *handle) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(handle, &stream)) return result;
    if (stream->capture != nullptr) return enqueue(*stream, nullptr);
    *place = 0;
    return bytes == 0 ? SUCCESS : allocate(*stream->device, place, bytes);
}

CUDA_FUNCTION cuMemFreeAsync(DevicePointer place, void *handle) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(handle, &stream)) return result;
    if (stream->capture != nullptr) return enqueue(*stream, nullptr);
    return enqueue(*stream, [=] { return release(place); });
}

CUDA_FUNCTION cuMemAllocFromPoolAsync(DevicePointer *place, size_t bytes, void *pool, void *handle) {
    auto guard = lock();
    Device *device;
    if (Result result = pool_of(pool, &device)) return result;
    return cuMemAllocAsync(place, bytes, handle);
}

CUDA_FUNCTION cuMemGetInfo_v2(size_t *free, size_t *total) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    *total = settings().memory;
    *free = settings().memory - device->used;
    return SUCCESS;
}

CUDA_FUNCTION cuMemHostAlloc(void **place, size_t bytes, unsigned) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    if (bytes == 0) return ERROR_INVALID_VALUE;
    if (posix_memalign(place, 4096, bytes) != 0) return ERROR_OUT_OF_MEMORY;
    memset(*place, POISON, bytes);
    pinned()[*place] = bytes;
    return SUCCESS;
}
CUDA_FUNCTION cuMemAllocHost_v2(void **place, size_t bytes) { return cuMemHostAlloc(place, bytes, 0); }

CUDA_FUNCTION cuMemFreeHost(void *place) {
    auto guard = lock();
    Device *device;
    Result result = current(&device);
    if (pinned().erase(place) == 0) {
        say("%p is freed, and is no pinned memory", place);
        return ERROR_INVALID_VALUE;
    }
    free(place);
    return result;
}

CUDA_FUNCTION cuMemcpyHtoD_v2(DevicePointer to, const void *from, size_t bytes) {
    return copy_now(Kind::Up, to, reinterpret_cast<uint64_t>(from), bytes);
}
CUDA_FUNCTION cuMemcpyDtoH_v2(void *to, DevicePointer from, size_t bytes) {
    return copy_now(Kind::Down, reinterpret_cast<uint64_t>(to), from, bytes);
}
CUDA_FUNCTION cuMemcpyDtoD_v2(DevicePointer to, DevicePointer from, size_t bytes) {
    return copy_now(Kind::Across, to, from, bytes);
}
CUDA_FUNCTION cuMemcpyHtoDAsync_v2(DevicePointer to, const void *from, size_t bytes, void *stream) {
    return copy_in(stream, Kind::Up, to, reinterpret_cast<uint64_t>(from), bytes);
}
CUDA_FUNCTION cuMemcpyDtoHAsync_v2(void *to, DevicePointer from, size_t bytes, void *stream) {
    return copy_in(stream, Kind::Down, reinterpret_cast<uint64_t>(to), from, bytes);
}
CUDA_FUNCTION cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t bytes, void *stream) {
    return copy_in(stream, Kind::Across, to, from, bytes);
}
CUDA_FUNCTION cuMemcpyPeerAsync(DevicePointer to, void *, DevicePointer from, void *, size_t bytes, void *stream) {
    return copy_in(stream, Kind::Across, to, from, bytes);
}

CUDA_FUNCTION cuMemsetD8_v2(DevicePointer place, unsigned char value, size_t count) {
    return fill_in(nullptr, place, value, count);
}
CUDA_FUNCTION cuMemsetD8Async(DevicePointer place, unsigned char value, size_t count, void *stream) {
    return fill_in(stream, place, value, count);
}
CUDA_FUNCTION cuMemsetD16Async(DevicePointer place, unsigned short value, size_t count, void *stream) {
    return fill_in(stream, place, value, count);
}
CUDA_FUNCTION cuMemsetD32_v2(DevicePointer place, unsigned value, size_t count) {
    return fill_in(nullptr, place, value, count);
}
CUDA_FUNCTION cuMemsetD32Async(DevicePointer place, unsigned value, size_t count, void *stream) {
    return fill_in(stream, place, value, count);
}

// A device's pool is known by the device itself; it keeps nothing that is free.
CUDA_FUNCTION cuDeviceGetDefaultMemPool(void **pool, int ordinal) {
    auto guard = lock();
    *pool = device_of(ordinal);
    return *pool == nullptr ? ERROR_INVALID_DEVICE : SUCCESS;
}
CUDA_FUNCTION cuDeviceGetMemPool(void **pool, int ordinal) { return cuDeviceGetDefaultMemPool(pool, ordinal); }

CUDA_FUNCTION cuMemPoolSetAttribute(void *pool, int which, void *value) {
    auto guard = lock();
    Device *device;
    if (Result result = pool_of(pool, &device)) return result;
    if (which == POOL_RELEASE_THRESHOLD) memcpy(&device->release_threshold, value, sizeof(uint64_t));
    return SUCCESS;
}

CUDA_FUNCTION cuMemPoolGetAttribute(void *pool, int which, void *value) {
    auto guard = lock();
    Device *device;
    if (Result result = pool_of(pool, &device)) return result;
    if (which < POOL_RELEASE_THRESHOLD) {
        memset(value, 0, sizeof(int));
        return SUCCESS;
    }
    uint64_t number = which == POOL_RELEASE_THRESHOLD ? device->release_threshold : device->used;
    memcpy(value, &number, sizeof number);
    return SUCCESS;
}

CUDA_FUNCTION cuMemPoolTrimTo(void *pool, size_t) {
    auto guard = lock();
    Device *device;
    return pool_of(pool, &device);
}

}  // namespace choral_stand_in
