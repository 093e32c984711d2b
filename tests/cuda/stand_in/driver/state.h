// What the stand-in for the driver keeps: devices with their contexts and memory, streams, events and graphs. All
// of it is behind one lock, which each function of the interface takes.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "api.h"
#include "guarded.h"

namespace choral_stand_in {

struct Stream;
struct Event;
struct Module;

// A piece of work of a stream, as a capture keeps it.
using Work = std::function<Result()>;

// What a device is by its capability.
struct Limits {
    int threads_per_processor, blocks_per_processor;
    size_t shared_per_block, shared_per_block_by_choice, shared_per_processor, shared_reserved_per_block;
};

// A device is its own primary context: the stand-in has no others.
struct Device {
    int ordinal;
    Limits limits;
    unsigned retained = 0;
    size_t used = 0;
    // A kernel failed: nothing works any more until the context is given up.
    Result failure = SUCCESS;
    uint64_t release_threshold = 0;
    std::map<DevicePointer, Guarded> memory;
    std::set<Stream *> streams;
    std::set<Event *> events;
    std::set<Module *> modules;
    std::unique_ptr<Stream> legacy_stream;
};

struct Capture {
    Stream *origin;
    CaptureMode mode;
    std::thread::id thread;
    Result failure = SUCCESS;
    bool is_open = true;
    std::vector<Work> work;
    // Streams that take part, with the number of pieces of work when the others last waited for them.
    std::map<Stream *, size_t> joined;
};

// Work that was handed in and waits for somebody to wait for it.
struct Queue {
    Device *device;
    std::deque<Work> pending;
    // How many pieces were handed in, and how many are done.
    uint64_t begun = 0, done = 0;
};

struct Stream {
    Device *device;
    std::shared_ptr<Capture> capture;
    // The number of pieces of the capture when this stream last added one.
    size_t captured = 0;
    std::shared_ptr<Queue> queue = std::make_shared<Queue>(Queue{device, {}});
};

struct Event {
    Device *device;
    unsigned flags;
    bool is_recorded = false;
    std::chrono::steady_clock::time_point time;
    // Where it was recorded last, if that stream was capturing.
    std::shared_ptr<Capture> capture;
    Stream *stream = nullptr;
    size_t captured = 0;
    // How far the work of that stream was handed in.
    std::shared_ptr<Queue> queue;
    uint64_t begun = 0;
};

std::unique_lock<std::recursive_mutex> lock();

// Devices, or none before cuInit.
std::vector<std::unique_ptr<Device>> &devices();
Device *device_of(int ordinal);
// The device whose context the calling thread works with. Says what is wrong otherwise, a failed kernel included.
Result current(Device **device);
// Takes everything from a device that its context holds.
void clear(Device &device);

// The stream of a handle, with its device: no handle is the legacy stream of the current device.
Result stream_of(void *handle, Stream **stream);
// Does the work now, or later, or keeps it for the graph that the stream captures.
Result enqueue(Stream &stream, Work work);
// Does all of a stream's work that was handed in; of all streams of a device.
void finish(Stream &stream);
void finish(Device &device);
// Whether the thread may wait for the device: not while it captures.
Result may_wait();
// The same for work on the legacy stream.
Result may_use_legacy();

// Whether all of a range lies in one piece of memory of any device. What it is for goes into the message.
Result check_range(DevicePointer place, size_t bytes, const char *purpose);
// The first piece of memory that was written around, as a message; empty if there is none.
std::string damage(const Device &device);

void forget_modules(Device &device);

// A line on standard error.
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

}  // namespace choral_stand_in
