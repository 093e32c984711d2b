// What a capture leaves: pieces of work in an order that keeps their dependencies.
#pragma once

#include "state.h"

namespace choral_stand_in {

struct Graph {
    Device *device;
    std::vector<Work> work;
};

}  // namespace choral_stand_in
