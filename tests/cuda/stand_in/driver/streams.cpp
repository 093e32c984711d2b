// Streams and events. Work is done when it is handed in, so a stream that does not capture is always at its end; or, to
// find out who does not wait for what, as late as can be: when somebody waits for it.
#include "graphs.h"
#include "settings.h"
#include "state.h"

namespace choral_stand_in {
namespace {

using Clock = std::chrono::steady_clock;

// A capture that this thread must not disturb, if there is one.
Capture *in_the_way() {
    for (const auto &device : devices())
        for (Stream *stream : device->streams) {
            Capture *capture = stream->capture.get();
            if (capture == nullptr) continue;
            bool is_ours = capture->thread == std::this_thread::get_id();
            if (capture->mode == CAPTURE_GLOBAL || (capture->mode == CAPTURE_THREAD_LOCAL && is_ours)) return capture;
        }
    return nullptr;
}

// Does the first pieces of a queue, up to so many.
void finish(Queue &queue, uint64_t count) {
    while (queue.done < count && !queue.pending.empty()) {
        Work work = std::move(queue.pending.front());
        queue.pending.pop_front();
        queue.done++;
        // After a failure nothing is done any more.
        Result result = queue.device->failure == SUCCESS ? work() : SUCCESS;
        if (result != SUCCESS) queue.device->failure = result;
    }
}

Result spoil(Capture &capture, Result why) {
    capture.failure = ERROR_STREAM_CAPTURE_INVALIDATED;
    return why;
}

int create_stream(void **handle) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    Stream *stream = new Stream{device, nullptr};
    device->streams.insert(stream);
    *handle = stream;
    return SUCCESS;
}

Event *find_event(void *handle) {
    for (const auto &device : devices()) {
        auto found = device->events.find(static_cast<Event *>(handle));
        if (found != device->events.end()) return *found;
    }
    return nullptr;
}

// An event that the host may look at.
Result event_of(void *handle, Event **event) {
    Device *device;
    if (Result result = current(&device)) return result;
    *event = find_event(handle);
    if (*event == nullptr) return ERROR_INVALID_HANDLE;
    if ((*event)->queue != nullptr) finish(*(*event)->queue, (*event)->begun);
    if ((*event)->capture == nullptr) return (*event)->device->failure;
    return spoil(*(*event)->capture, ERROR_CAPTURED_EVENT);
}

int record(void *handle, void *of_stream) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(of_stream, &stream)) return result;
    Event *event = find_event(handle);
    if (event == nullptr || event->device != stream->device) return ERROR_INVALID_HANDLE;
    event->is_recorded = true;
    event->time = Clock::now();
    event->capture = stream->capture;
    event->stream = stream;
    event->captured = stream->captured;
    event->queue = stream->queue;
    event->begun = stream->queue->begun;
    return SUCCESS;
}

int elapsed(float *milliseconds, void *from, void *to) {
    auto guard = lock();
    Event *start, *end;
    if (Result result = event_of(from, &start)) return result;
    if (Result result = event_of(to, &end)) return result;
    if ((start->flags | end->flags) & EVENT_DISABLE_TIMING) return ERROR_INVALID_HANDLE;
    if (!start->is_recorded || !end->is_recorded) return ERROR_INVALID_HANDLE;
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
    return SUCCESS;
}

}  // namespace

Result stream_of(void *handle, Stream **stream) {
    Device *device;
    if (Result result = current(&device)) return result;
    // 1 and 2 are the legacy stream and the one of the thread.
    if (reinterpret_cast<uintptr_t>(handle) <= 2) {
        *stream = device->legacy_stream.get();
        return may_use_legacy();
    }
    for (const auto &one : devices()) {
        auto found = one->streams.find(static_cast<Stream *>(handle));
        if (found == one->streams.end()) continue;
        *stream = *found;
        return one->failure;
    }
    return ERROR_INVALID_HANDLE;
}

Result enqueue(Stream &stream, Work work) {
    if (stream.capture == nullptr && !settings().is_late) return work();
    if (stream.capture == nullptr) {
        stream.queue->pending.push_back(std::move(work));
        stream.queue->begun++;
        return SUCCESS;
    }
    Capture &capture = *stream.capture;
    if (capture.failure != SUCCESS) return capture.failure;
    if (!work) return spoil(capture, ERROR_STREAM_CAPTURE_UNSUPPORTED);
    capture.work.push_back(std::move(work));
    stream.captured = capture.work.size();
    return SUCCESS;
}

void finish(Stream &stream) { finish(*stream.queue, stream.queue->begun); }

void finish(Device &device) {
    for (Stream *stream : device.streams) finish(*stream);
    if (device.legacy_stream != nullptr) finish(*device.legacy_stream);
}

Result may_wait() {
    Capture *capture = in_the_way();
    return capture == nullptr ? SUCCESS : spoil(*capture, ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

Result may_use_legacy() {
    Capture *capture = in_the_way();
    return capture == nullptr ? SUCCESS : spoil(*capture, ERROR_STREAM_CAPTURE_IMPLICIT);
}

CUDA_FUNCTION cuStreamCreate(void **stream, unsigned) { return create_stream(stream); }
CUDA_FUNCTION cuStreamCreateWithPriority(void **stream, unsigned, int) { return create_stream(stream); }

CUDA_FUNCTION cuStreamDestroy_v2(void *handle) {
    auto guard = lock();
    Device *device;
    Result result = current(&device);
    for (const auto &one : devices())
        if (one->streams.count(static_cast<Stream *>(handle)) > 0) {
            finish(*static_cast<Stream *>(handle));
            one->streams.erase(static_cast<Stream *>(handle));
            delete static_cast<Stream *>(handle);
            return result;
        }
    return ERROR_INVALID_HANDLE;
}

CUDA_FUNCTION cuStreamSynchronize(void *handle) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(handle, &stream)) return result;
    if (stream->capture != nullptr) return spoil(*stream->capture, ERROR_STREAM_CAPTURE_UNSUPPORTED);
    finish(*stream);
    return stream->device->failure;
}
CUDA_FUNCTION cuStreamQuery(void *handle) { return cuStreamSynchronize(handle); }

CUDA_FUNCTION cuStreamWaitEvent(void *handle, void *of_event, unsigned) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(handle, &stream)) return result;
    Event *event = find_event(of_event);
    if (event == nullptr) return ERROR_INVALID_HANDLE;
    if (!event->is_recorded) return SUCCESS;
    if (event->capture == nullptr && stream->capture == nullptr) {
        return enqueue(*stream, [queue = event->queue, begun = event->begun] {
            finish(*queue, begun);
            return SUCCESS;
        });
    }
    if (event->capture == nullptr) return spoil(*stream->capture, ERROR_STREAM_CAPTURE_ISOLATION);
    Capture &capture = *event->capture;
    if (!capture.is_open) return ERROR_CAPTURED_EVENT;
    if (stream->capture == nullptr) {
        // The stream takes part from here.
        stream->capture = event->capture;
        stream->captured = 0;
        capture.joined[stream] = 0;
    }
    if (stream->capture != event->capture) return spoil(capture, ERROR_STREAM_CAPTURE_MERGE);
    auto waited_for = capture.joined.find(event->stream);
    if (waited_for != capture.joined.end() && stream != event->stream) waited_for->second = event->captured;
    return SUCCESS;
}

CUDA_FUNCTION cuStreamBeginCapture_v2(void *handle, int mode) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(handle, &stream)) return result;
    if (stream == stream->device->legacy_stream.get()) return ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (mode < CAPTURE_GLOBAL || mode > CAPTURE_RELAXED) return ERROR_INVALID_VALUE;
    if (stream->capture != nullptr) return spoil(*stream->capture, ERROR_ILLEGAL_STATE);
    stream->capture.reset(new Capture{stream, static_cast<CaptureMode>(mode), std::this_thread::get_id()});
    stream->captured = 0;
    return SUCCESS;
}

CUDA_FUNCTION cuStreamEndCapture(void *handle, void **graph) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(handle, &stream)) return result;
    *graph = nullptr;
    std::shared_ptr<Capture> capture = stream->capture;
    if (capture == nullptr) return ERROR_ILLEGAL_STATE;
    if (capture->origin != stream) return spoil(*capture, ERROR_STREAM_CAPTURE_UNMATCHED);
    if (capture->mode != CAPTURE_RELAXED && capture->thread != std::this_thread::get_id())
        return ERROR_STREAM_CAPTURE_WRONG_THREAD;
    Result result = capture->failure;
    for (const auto &[other, waited_for] : capture->joined) {
        // A stream that was destroyed has no more say.
        if (stream->device->streams.count(other) == 0) continue;
        if (result == SUCCESS && waited_for < other->captured) result = ERROR_STREAM_CAPTURE_UNJOINED;
        other->capture.reset();
    }
    stream->capture.reset();
    capture->is_open = false;
    if (result == SUCCESS) *graph = new Graph{stream->device, std::move(capture->work)};
    return result;
}

CUDA_FUNCTION cuStreamIsCapturing(void *handle, int *status) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(handle, &stream)) return result;
    const Capture *capture = stream->capture.get();
    *status = capture == nullptr ? CAPTURE_NONE : capture->failure == SUCCESS ? CAPTURE_ACTIVE : CAPTURE_INVALIDATED;
    return SUCCESS;
}

CUDA_FUNCTION cuLaunchHostFunc(void *handle, void (*function)(void *), void *data) {
    auto guard = lock();
    Stream *stream;
    if (Result result = stream_of(handle, &stream)) return result;
    return enqueue(*stream, [=] {
        function(data);
        return SUCCESS;
    });
}

CUDA_FUNCTION cuEventCreate(void **handle, unsigned flags) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    Event *event = new Event{device, flags};
    device->events.insert(event);
    *handle = event;
    return SUCCESS;
}

CUDA_FUNCTION cuEventDestroy_v2(void *handle) {
    auto guard = lock();
    Device *device;
    Result result = current(&device);
    Event *event = find_event(handle);
    if (event == nullptr) return ERROR_INVALID_HANDLE;
    event->device->events.erase(event);
    delete event;
    return result;
}

CUDA_FUNCTION cuEventRecord(void *event, void *stream) { return record(event, stream); }
CUDA_FUNCTION cuEventRecordWithFlags(void *event, void *stream, unsigned) { return record(event, stream); }

CUDA_FUNCTION cuEventSynchronize(void *handle) {
    auto guard = lock();
    Event *event;
    return event_of(handle, &event);
}
CUDA_FUNCTION cuEventQuery(void *handle) { return cuEventSynchronize(handle); }

CUDA_FUNCTION cuEventElapsedTime(float *milliseconds, void *from, void *to) { return elapsed(milliseconds, from, to); }
CUDA_FUNCTION cuEventElapsedTime_v2(float *milliseconds, void *from, void *to) {
    return elapsed(milliseconds, from, to);
}

}  // namespace choral_stand_in
