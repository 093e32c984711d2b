// What a kernel and the scheduler that runs it share. Included by both, so it holds nothing that only one needs.
#pragma once

namespace choral_stand_in {

struct Index {
    unsigned x, y, z;
};

// What lanes of a warp do together.
enum class Exchange : unsigned { Wait, Ballot, Index, Up, Down, Xor };

// What kernels see of the CUDA thread that runs.
struct Thread {
    Index thread, block;
    unsigned char *shared;
};

// The scheduler, as kernels see it. One launch runs at a time, so there is one of these in a process.
struct Runtime {
    Thread *now;
    Index block_size, grid_size;
    // Atomics and fences until the thread must let others run: a loop that only looks at memory would never end.
    int patience;
    void (*barrier)();
    void (*yield)();
    // All lanes of `mask` hand in `value`. The answer is what the lane found by `argument` among each `width`
    // lanes handed in, or the lanes with a value that is not zero.
    unsigned long long (*exchange)(Exchange what, unsigned mask, unsigned long long value, unsigned argument,
                                   unsigned width);
    void (*trap)(const char *what);
};

constexpr int PATIENCE = 4096;

}  // namespace choral_stand_in
