// What the environment asks of the stand-in for the driver.
#pragma once

#include <cstddef>

namespace choral_stand_in {

// In which order the threads of a block, and the blocks, get their turns.
enum class Order { Ascending, Descending, Random };

struct Settings {
    Order order;              // CHORAL_STAND_IN_ORDER=0|1|2
    unsigned long long seed;  // CHORAL_STAND_IN_SEED, of the random order
    int devices;              // CHORAL_STAND_IN_DEVICES
    int processors;           // CHORAL_STAND_IN_SMS
    size_t memory;            // CHORAL_STAND_IN_MEMORY, bytes of each device
    int capability;           // CHORAL_STAND_IN_CAPABILITY, 90 for 9.0
    int driver;               // CHORAL_STAND_IN_DRIVER, 13000 for 13.0
    bool is_late;             // CHORAL_STAND_IN_LATE=1: work is done when somebody waits for it, not before
    long long fail_launch;    // CHORAL_STAND_IN_FAIL_LAUNCH: this launch fails, counted from 1
};

// Read once, when first asked for.
const Settings &settings();

}  // namespace choral_stand_in
