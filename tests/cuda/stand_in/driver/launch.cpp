// Launches of kernels: checked as a GPU checks them, then run by the scheduler. What goes wrong inside a kernel is
// an error of the context, found by whoever asks next.
#include <cstring>

#include "modules.h"
#include "settings.h"

namespace choral_stand_in {
namespace {

long long launches;

struct Shape {
    Index grid, block;
    size_t shared_bytes;
    bool is_cooperative;
};

size_t product(const Index &index) { return (size_t)index.x * index.y * index.z; }

Result check(const Function &function, const Shape &shape) {
    const char *name = function.kernel->name;
    const Index &grid = shape.grid, &block = shape.block;
    if (product(grid) == 0 || product(block) == 0) {
        say("kernel %s: a grid or a block of no threads", name);
        return ERROR_INVALID_VALUE;
    }
    if (grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535) {
        say("kernel %s: a grid of %u x %u x %u blocks is too large", name, grid.x, grid.y, grid.z);
        return ERROR_INVALID_VALUE;
    }
    if (block.x > 1024 || block.y > 1024 || block.z > 64 || product(block) > (size_t)threads_allowed(function)) {
        say("kernel %s: a block of %u x %u x %u threads is too large, %d may be", name, block.x, block.y, block.z,
            threads_allowed(function));
        return ERROR_INVALID_VALUE;
    }
    if (shape.shared_bytes > function.shared_allowed) {
        say("kernel %s: %zu bytes of shared memory are too many, %zu may be", name, shape.shared_bytes,
            function.shared_allowed);
        return ERROR_INVALID_VALUE;
    }
    if (shape.is_cooperative) {
        size_t together = (size_t)occupancy(function, (int)product(block), shape.shared_bytes) *
                          (size_t)settings().processors;
        if (product(grid) > together) {
            say("kernel %s: %zu blocks cannot be there together, %zu can", name, product(grid), together);
            return ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
        }
    }
    return SUCCESS;
}

// The arguments of a launch, which may be gone when the work is done again.
struct Arguments {
    std::vector<uint64_t> values;
    std::vector<unsigned> starts;

    Arguments(const Kernel &kernel, void **given) {
        for (unsigned at = 0; at < kernel.arguments; at++) {
            unsigned words = (kernel.sizes[at] + 7) / 8;
            starts.push_back((unsigned)values.size());
            values.resize(values.size() + words);
            memcpy(&values[starts.back()], given[at], kernel.sizes[at]);
        }
    }

    std::vector<void *> places() {
        std::vector<void *> places;
        for (unsigned start : starts) places.push_back(&values[start]);
        return places;
    }
};

Result run_kernel(Device &device, const Kernel &kernel, const Shape &shape, Arguments &arguments) {
    std::vector<void *> places = arguments.places();
    std::string error;
    if (++launches == settings().fail_launch)
        error = std::string("kernel ") + kernel.name + ": fails, as CHORAL_STAND_IN_FAIL_LAUNCH asks";
    else
        error = run({&kernel, shape.grid, shape.block, shape.shared_bytes, shape.is_cooperative, places.data()});
    if (error.empty() && !damage(device).empty()) error = std::string("kernel ") + kernel.name + ": " + damage(device);
    if (error.empty()) return SUCCESS;
    say("%s", error.c_str());
    device.failure = ERROR_LAUNCH_FAILED;
    return SUCCESS;
}

int launch(void *handle, Shape shape, void *of_stream, void **arguments) {
    auto guard = lock();
    Stream *stream;
    Function *function;
    if (Result result = stream_of(of_stream, &stream)) return result;
    if (Result result = function_of(handle, &function)) return result;
    if (function->module->device != stream->device) return ERROR_INVALID_HANDLE;
    if (Result result = check(*function, shape)) return result;
    if (arguments == nullptr && function->kernel->arguments > 0) return ERROR_INVALID_VALUE;
    Device *device = stream->device;
    return enqueue(*stream, [=, copied = Arguments(*function->kernel, arguments)]() mutable {
        Function *alive;
        if (function_of(handle, &alive) != SUCCESS) {
            say("a graph has a kernel whose module was unloaded");
            return ERROR_INVALID_HANDLE;
        }
        return run_kernel(*device, *alive->kernel, shape, copied);
    });
}

}  // namespace

CUDA_FUNCTION cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                             unsigned block_y, unsigned block_z, unsigned shared_bytes, void *stream, void **arguments,
                             void **extra) {
    if (extra != nullptr) {
        say("cuLaunchKernel with arguments in one buffer is not provided");
        return ERROR_NOT_SUPPORTED;
    }
    Shape shape{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, false};
    return launch(function, shape, stream, arguments);
}

CUDA_FUNCTION cuLaunchCooperativeKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                                        void *stream, void **arguments) {
    Shape shape{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, true};
    return launch(function, shape, stream, arguments);
}

}  // namespace choral_stand_in
