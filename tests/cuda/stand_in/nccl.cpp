// The stand-in for NCCL: communicators of one process, sends and receives in groups, on the stand-in for the driver.
// A pair of them is a copy that both streams wait for.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#define NCCL_FUNCTION extern "C" __attribute__((visibility("default"))) int

extern "C" {
int cuDevicePrimaryCtxRetain(void **context, int ordinal);
int cuDevicePrimaryCtxRelease_v2(int ordinal);
int cuCtxGetCurrent(void **context);
int cuCtxSetCurrent(void *context);
int cuEventCreate(void **event, unsigned flags);
int cuEventRecord(void *event, void *stream);
int cuEventDestroy_v2(void *event);
int cuStreamWaitEvent(void *stream, void *event, unsigned flags);
int cuMemcpyPeerAsync(uint64_t to, void *to_context, uint64_t from, void *from_context, size_t bytes, void *stream);
}

namespace {

enum Result : int { SUCCESS = 0, UNHANDLED_CUDA_ERROR = 1, INVALID_ARGUMENT = 4, INVALID_USAGE = 5 };

constexpr size_t SIZES[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2};

struct Communicator {
    int rank, count, ordinal;
    // All of one cuCommInitAll have one.
    const void *clique;
    void *context;
};

struct Copy {
    bool is_send;
    uint64_t place;
    size_t bytes;
    int peer;
    Communicator *communicator;
    void *stream;
};

thread_local int depth;
thread_local std::vector<Copy> asked;

// Records on one stream what the other one waits for.
bool wait(const Copy &first, const Copy &then) {
    void *event;
    bool is_well = cuCtxSetCurrent(first.communicator->context) == 0 && cuEventCreate(&event, 2) == 0;
    is_well = is_well && cuEventRecord(event, first.stream) == 0;
    is_well = is_well && cuCtxSetCurrent(then.communicator->context) == 0;
    is_well = is_well && cuStreamWaitEvent(then.stream, event, 0) == 0;
    return is_well && cuEventDestroy_v2(event) == 0;
}

Result copy(const Copy &send, const Copy &receive) {
    if (send.bytes != receive.bytes) {
        fprintf(stderr, "choral stand-in: %zu bytes are sent, and %zu are received\n", send.bytes, receive.bytes);
        return INVALID_USAGE;
    }
    bool is_well = wait(send, receive);
    is_well = is_well && cuMemcpyPeerAsync(receive.place, receive.communicator->context, send.place,
                                           send.communicator->context, send.bytes, receive.stream) == 0;
    return is_well && wait(receive, send) ? SUCCESS : UNHANDLED_CUDA_ERROR;
}

bool belong(const Copy &send, const Copy &receive) {
    return send.is_send && !receive.is_send && send.communicator->clique == receive.communicator->clique &&
           send.peer == receive.communicator->rank && receive.peer == send.communicator->rank;
}

Result run() {
    std::vector<Copy> copies;
    copies.swap(asked);
    while (!copies.empty()) {
        Copy first = copies.front();
        copies.erase(copies.begin());
        auto other = copies.begin();
        while (other != copies.end() && !belong(first, *other) && !belong(*other, first)) ++other;
        if (other == copies.end()) {
            fprintf(stderr, "choral stand-in: rank %d waits for rank %d, which never comes\n",
                    first.communicator->rank, first.peer);
            return INVALID_USAGE;
        }
        Result result = first.is_send ? copy(first, *other) : copy(*other, first);
        if (result != SUCCESS) return result;
        copies.erase(other);
    }
    return SUCCESS;
}

int end() {
    if (depth == 0) return INVALID_USAGE;
    if (--depth > 0) return SUCCESS;
    void *current = nullptr;
    cuCtxGetCurrent(&current);
    Result result = run();
    cuCtxSetCurrent(current);
    return result;
}

int ask(bool is_send, uint64_t place, size_t count, int type, int peer, void *handle, void *stream) {
    Communicator *communicator = static_cast<Communicator *>(handle);
    if (communicator == nullptr || type < 0 || type > 9) return INVALID_ARGUMENT;
    if (peer < 0 || peer >= communicator->count) return INVALID_ARGUMENT;
    depth++;
    asked.push_back({is_send, place, count * SIZES[type], peer, communicator, stream});
    return end();
}

int destroy(void *handle) {
    Communicator *communicator = static_cast<Communicator *>(handle);
    if (communicator == nullptr) return SUCCESS;
    cuDevicePrimaryCtxRelease_v2(communicator->ordinal);
    delete communicator;
    return SUCCESS;
}

}  // namespace

NCCL_FUNCTION ncclGetVersion(int *version) {
    *version = 22703;
    return SUCCESS;
}

extern "C" __attribute__((visibility("default"))) const char *ncclGetErrorString(int result) {
    switch (result) {
        case SUCCESS: return "no error";
        case UNHANDLED_CUDA_ERROR: return "unhandled cuda error";
        case INVALID_ARGUMENT: return "invalid argument";
        case INVALID_USAGE: return "invalid usage";
        default: return "unknown result code";
    }
}

NCCL_FUNCTION ncclCommInitAll(void **communicators, int count, const int *ordinals) {
    for (int at = 0; at < count; at++)
        for (int other = 0; other < at; other++)
            if (ordinals[at] == ordinals[other]) return INVALID_USAGE;
    const void *clique = new char;
    for (int rank = 0; rank < count; rank++) {
        Communicator *communicator = new Communicator{rank, count, ordinals[rank], clique, nullptr};
        if (cuDevicePrimaryCtxRetain(&communicator->context, ordinals[rank]) != 0) return UNHANDLED_CUDA_ERROR;
        communicators[rank] = communicator;
    }
    return SUCCESS;
}

NCCL_FUNCTION ncclCommDestroy(void *communicator) { return destroy(communicator); }
NCCL_FUNCTION ncclCommAbort(void *communicator) { return destroy(communicator); }

NCCL_FUNCTION ncclGroupStart() {
    depth++;
    return SUCCESS;
}
NCCL_FUNCTION ncclGroupEnd() { return end(); }

NCCL_FUNCTION ncclSend(uint64_t place, size_t count, int type, int peer, void *communicator, void *stream) {
    return ask(true, place, count, type, peer, communicator, stream);
}
NCCL_FUNCTION ncclRecv(uint64_t place, size_t count, int type, int peer, void *communicator, void *stream) {
    return ask(false, place, count, type, peer, communicator, stream);
}
