// Modules and functions. The image of a module is text that NVRTC's stand-in wrote: it names a shared object with
// the compiled kernels and the architecture it was compiled for.
#include "modules.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "settings.h"

namespace choral_stand_in {
namespace {

constexpr char MAGIC[] = "choral stand-in image";
constexpr int REGISTERS = 32;

struct Image {
    std::string architecture, path;
};

// Three lines: what it is, the architecture, the path. It ends with a zero byte.
bool parse(const char *text, Image *image) {
    if (text == nullptr || strncmp(text, MAGIC, sizeof MAGIC - 1) != 0) return false;
    const char *architecture = strchr(text, '\n');
    const char *path = architecture == nullptr ? nullptr : strchr(architecture + 1, '\n');
    if (path == nullptr) return false;
    image->architecture.assign(architecture + 1, path);
    image->path = path + 1;
    return true;
}

// sm_90 runs on 9.x from 9.0 on, sm_90a on 9.0 only, compute_90 on all from 9.0 on.
bool fits(const std::string &architecture, int capability) {
    int number = 0;
    if (sscanf(architecture.c_str(), "compute_%d", &number) == 1) return capability >= number;
    if (sscanf(architecture.c_str(), "sm_%d", &number) != 1) return false;
    if (architecture.back() == 'a') return capability == number;
    return capability / 10 == number / 10 && capability >= number;
}

int load(void **handle, const char *text) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    Image image;
    if (!parse(text, &image)) {
        say("an image that NVRTC's stand-in did not make is no module");
        return ERROR_INVALID_IMAGE;
    }
    if (!fits(image.architecture, settings().capability)) return ERROR_NO_BINARY_FOR_GPU;
    void *library = dlopen(image.path.c_str(), RTLD_NOW | RTLD_LOCAL);
    using Attach = const Kernel *(*)(Runtime *);
    Attach attach = library == nullptr ? nullptr : reinterpret_cast<Attach>(dlsym(library, "choral_stand_in_attach"));
    if (attach == nullptr) {
        say("%s", dlerror());
        if (library != nullptr) dlclose(library);
        return ERROR_INVALID_IMAGE;
    }
    Module *module = new Module{device, library, attach(scheduler()), {}};
    device->modules.insert(module);
    *handle = module;
    return SUCCESS;
}

Result module_of(void *handle, Module **module) {
    Device *device;
    if (Result result = current(&device)) return result;
    for (const auto &one : devices()) {
        auto found = one->modules.find(static_cast<Module *>(handle));
        if (found == one->modules.end()) continue;
        *module = *found;
        return SUCCESS;
    }
    return ERROR_INVALID_HANDLE;
}

void forget(Module *module) {
    dlclose(module->library);
    delete module;
}

}  // namespace

void forget_modules(Device &device) {
    for (Module *module : device.modules) forget(module);
    device.modules.clear();
}

Result function_of(void *handle, Function **function) {
    Device *device;
    if (Result result = current(&device)) return result;
    for (const auto &one : devices())
        for (Module *module : one->modules)
            for (const auto &[name, candidate] : module->functions)
                if (candidate.get() == handle) {
                    *function = candidate.get();
                    return SUCCESS;
                }
    return ERROR_INVALID_HANDLE;
}

int threads_allowed(const Function &function) {
    return function.kernel->bound == 0 ? 1024 : (int)std::min(function.kernel->bound, 1024u);
}

int occupancy(const Function &function, int threads, size_t shared_bytes) {
    const Limits &limits = function.module->device->limits;
    if (threads <= 0 || threads > threads_allowed(function) || shared_bytes > function.shared_allowed) return 0;
    int warps = (threads + 31) / 32;
    int by_registers = 65536 / (REGISTERS * 32 * warps);
    size_t shared = shared_bytes + limits.shared_reserved_per_block;
    int by_shared = shared == 0 ? limits.blocks_per_processor : (int)(limits.shared_per_processor / shared);
    int by_threads = limits.threads_per_processor / (warps * 32);
    return std::min({by_threads, limits.blocks_per_processor, by_registers, by_shared});
}

CUDA_FUNCTION cuModuleLoadData(void **module, const char *image) { return load(module, image); }
CUDA_FUNCTION cuModuleLoadDataEx(void **module, const char *image, unsigned, int *, void **) {
    return load(module, image);
}

CUDA_FUNCTION cuModuleLoad(void **module, const char *path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return ERROR_FILE_NOT_FOUND;
    std::string image((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return load(module, image.c_str());
}

CUDA_FUNCTION cuModuleUnload(void *handle) {
    auto guard = lock();
    Module *module;
    if (Result result = module_of(handle, &module)) return result;
    // A real driver waits, too, for what still runs.
    finish(*module->device);
    module->device->modules.erase(module);
    forget(module);
    return SUCCESS;
}

CUDA_FUNCTION cuModuleGetFunction(void **handle, void *of_module, const char *name) {
    auto guard = lock();
    Module *module;
    if (Result result = module_of(of_module, &module)) return result;
    for (const Kernel *kernel = module->kernels; kernel->name != nullptr; kernel++) {
        if (strcmp(kernel->name, name) != 0) continue;
        auto &function = module->functions[name];
        if (function == nullptr)
            function.reset(new Function{kernel, module, module->device->limits.shared_per_block, {}});
        *handle = function.get();
        return SUCCESS;
    }
    return ERROR_NOT_FOUND;
}

CUDA_FUNCTION cuFuncGetAttribute(int *value, int which, void *handle) {
    auto guard = lock();
    Function *function;
    if (Result result = function_of(handle, &function)) return result;
    switch (which) {
        case FUNCTION_MAX_THREADS_PER_BLOCK: *value = threads_allowed(*function); return SUCCESS;
        case FUNCTION_NUM_REGS: *value = REGISTERS; return SUCCESS;
        case FUNCTION_PTX_VERSION:
        case FUNCTION_BINARY_VERSION: *value = settings().capability; return SUCCESS;
        case FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = (int)function->shared_allowed; return SUCCESS;
        default: break;
    }
    if (which < 0 || which >= FUNCTION_ATTRIBUTE_END) return ERROR_INVALID_VALUE;
    auto found = function->preferences.find(which);
    *value = found == function->preferences.end() ? 0 : found->second;
    return SUCCESS;
}

CUDA_FUNCTION cuFuncSetAttribute(void *handle, int which, int value) {
    auto guard = lock();
    Function *function;
    if (Result result = function_of(handle, &function)) return result;
    if (which == FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
        if (value < 0 || (size_t)value > function->module->device->limits.shared_per_block_by_choice)
            return ERROR_INVALID_VALUE;
        function->shared_allowed = (size_t)value;
        return SUCCESS;
    }
    if (which < FUNCTION_PREFERRED_SHARED_MEMORY_CARVEOUT) return ERROR_INVALID_VALUE;
    if (which >= FUNCTION_ATTRIBUTE_END) return ERROR_INVALID_VALUE;
    function->preferences[which] = value;
    return SUCCESS;
}

CUDA_FUNCTION cuFuncSetCacheConfig(void *handle, int) {
    auto guard = lock();
    Function *function;
    return function_of(handle, &function);
}

CUDA_FUNCTION cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *handle, int threads, size_t shared) {
    auto guard = lock();
    Function *function;
    if (Result result = function_of(handle, &function)) return result;
    if (threads <= 0) return ERROR_INVALID_VALUE;
    *blocks = occupancy(*function, threads, shared);
    return SUCCESS;
}
CUDA_FUNCTION cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, void *function, int threads,
                                                                   size_t shared, unsigned) {
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, shared);
}

CUDA_FUNCTION cuOccupancyAvailableDynamicSMemPerBlock(size_t *shared, void *handle, int blocks, int threads) {
    auto guard = lock();
    Function *function;
    if (Result result = function_of(handle, &function)) return result;
    if (blocks <= 0 || occupancy(*function, threads, 0) < blocks) return ERROR_INVALID_VALUE;
    const Limits &limits = function->module->device->limits;
    size_t each = limits.shared_per_processor / (size_t)blocks - limits.shared_reserved_per_block;
    *shared = std::min(each, function->shared_allowed);
    return SUCCESS;
}

}  // namespace choral_stand_in
