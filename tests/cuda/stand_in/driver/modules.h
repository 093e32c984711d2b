// Loaded programs and their kernels.
#pragma once

#include "fibres.h"
#include "state.h"

namespace choral_stand_in {

struct Function {
    const Kernel *kernel;
    Module *module;
    // What a block may have of dynamic shared memory: more than the limit for all only where it is asked for.
    size_t shared_allowed;
    std::map<int, int> preferences;
};

struct Module {
    Device *device;
    void *library;
    const Kernel *kernels;
    std::map<std::string, std::unique_ptr<Function>> functions;
};

Result function_of(void *handle, Function **function);
int threads_allowed(const Function &function);
// How many blocks a processor holds at once.
int occupancy(const Function &function, int threads, size_t shared_bytes);

}  // namespace choral_stand_in
