// Work of other libraries on streams of the stand-in.
#include "libraries.h"

#include "state.h"

using namespace choral_stand_in;

#define FOR_LIBRARIES extern "C" __attribute__((visibility("default")))

FOR_LIBRARIES int choral_stand_in_enqueue(void *handle, int (*work)(const void *), const void *about, size_t bytes) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(handle, &stream)) return result;
    Device *device = stream->device;
    const unsigned char *start = static_cast<const unsigned char *>(about);
    return enqueue(*stream, [device, work, copy = std::vector<unsigned char>(start, start + bytes)] {
        if (work(copy.data()) != SUCCESS) device->failure = ERROR_LAUNCH_FAILED;
        if (device->failure == SUCCESS && !damage(*device).empty()) {
            say("a library's work: %s", damage(*device).c_str());
            device->failure = ERROR_LAUNCH_FAILED;
        }
        return SUCCESS;
    });
}

FOR_LIBRARIES int choral_stand_in_check_range(uint64_t place, size_t bytes, const char *purpose) {
    auto guard = lock();
    return check_range(place, bytes, purpose);
}

FOR_LIBRARIES int choral_stand_in_may_wait() {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    return may_wait();
}
