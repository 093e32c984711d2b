// Graphs: captured work that is launched again and again. Arguments of kernels are those of the capture.
#include "graphs.h"

namespace choral_stand_in {
namespace {

// An executable graph has the work of its graph, and outlives it.
std::set<Graph *> &executables() {
    static std::set<Graph *> all;
    return all;
}

int instantiate(void **executable, void *graph) {
    auto guard = lock();
    Device *device;
    if (Result result = current(&device)) return result;
    if (graph == nullptr || executable == nullptr) return ERROR_INVALID_VALUE;
    Graph *copy = new Graph(*static_cast<Graph *>(graph));
    executables().insert(copy);
    *executable = copy;
    return SUCCESS;
}

Result executable_of(void *handle, void *of_stream, Graph **graph, Stream **stream) {
    if (Result result = stream_of(of_stream, stream)) return result;
    auto found = executables().find(static_cast<Graph *>(handle));
    if (found == executables().end()) return ERROR_INVALID_VALUE;
    *graph = *found;
    return (*graph)->device == (*stream)->device ? SUCCESS : ERROR_INVALID_VALUE;
}

}  // namespace

CUDA_FUNCTION cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long flags) {
    // 1 frees memory that the graph allocated, 8 keeps priorities; the others need a device to launch from.
    if (flags & ~9ull) return ERROR_INVALID_VALUE;
    return instantiate(executable, graph);
}

CUDA_FUNCTION cuGraphGetNodes(void *graph, void **nodes, size_t *count) {
    auto guard = lock();
    if (nodes != nullptr) return ERROR_NOT_SUPPORTED;
    *count = static_cast<Graph *>(graph)->work.size();
    return SUCCESS;
}

CUDA_FUNCTION cuGraphUpload(void *handle, void *of_stream) {
    auto guard = lock();
    Graph *graph;
    Stream *stream;
    return executable_of(handle, of_stream, &graph, &stream);
}

CUDA_FUNCTION cuGraphLaunch(void *handle, void *of_stream) {
    auto guard = lock();
    Graph *graph;
    Stream *stream;
    if (Result result = executable_of(handle, of_stream, &graph, &stream)) return result;
    for (const Work &work : graph->work) {
        if (Result result = enqueue(*stream, work)) return result;
        // A kernel failed: nothing after it runs, and whoever asks next is told.
        if (graph->device->failure != SUCCESS) break;
    }
    return SUCCESS;
}

CUDA_FUNCTION cuGraphDestroy(void *graph) {
    auto guard = lock();
    if (graph == nullptr) return ERROR_INVALID_VALUE;
    delete static_cast<Graph *>(graph);
    return SUCCESS;
}

CUDA_FUNCTION cuGraphExecDestroy(void *handle) {
    auto guard = lock();
    if (executables().erase(static_cast<Graph *>(handle)) == 0) return ERROR_INVALID_VALUE;
    delete static_cast<Graph *>(handle);
    return SUCCESS;
}

}  // namespace choral_stand_in
