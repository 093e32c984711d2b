// The scheduler: runs the CUDA threads of a launch on one thread of the machine, each as a fibre.
#pragma once

#include <cstddef>
#include <string>

#include "../device/call.h"
#include "../device/runtime.h"

namespace choral_stand_in {

struct Launch {
    const Kernel *kernel;
    Index grid_size, block_size;
    size_t shared_bytes;
    // All blocks are alive at once, so that they can wait for each other.
    bool is_cooperative;
    void **arguments;
};

// The scheduler, for kernels to call.
Runtime *scheduler();

// Runs a launch to its end. The answer is empty, or says what went wrong and where.
std::string run(const Launch &launch);

}  // namespace choral_stand_in
