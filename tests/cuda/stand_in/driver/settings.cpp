// What the environment asks of the stand-in for the driver.
#include "settings.h"

#include <cstdio>
#include <cstdlib>

namespace choral_stand_in {
namespace {

long long number(const char *name, long long otherwise, long long least, long long greatest) {
    const char *text = getenv(name);
    if (text == nullptr || *text == '\0') return otherwise;
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*end == '\0' && value >= least && value <= greatest) return value;
    fprintf(stderr, "choral stand-in: %s=%s is no number from %lld to %lld\n", name, text, least, greatest);
    abort();
}

Settings read() {
    Settings read;
    read.order = static_cast<Order>(number("CHORAL_STAND_IN_ORDER", 0, 0, 2));
    read.seed = (unsigned long long)number("CHORAL_STAND_IN_SEED", 1, 0, 1ll << 62);
    read.devices = (int)number("CHORAL_STAND_IN_DEVICES", 1, 0, 64);
    read.processors = (int)number("CHORAL_STAND_IN_SMS", 2, 1, 1024);
    read.memory = (size_t)number("CHORAL_STAND_IN_MEMORY", 1ll << 30, 0, 1ll << 46);
    read.capability = (int)number("CHORAL_STAND_IN_CAPABILITY", 90, 50, 129);
    read.driver = (int)number("CHORAL_STAND_IN_DRIVER", 13000, 1000, 99990);
    read.is_late = number("CHORAL_STAND_IN_LATE", 0, 0, 1) != 0;
    read.fail_launch = number("CHORAL_STAND_IN_FAIL_LAUNCH", 0, 0, 1ll << 62);
    return read;
}

}  // namespace

const Settings &settings() {
    static const Settings read_once = read();
    return read_once;
}

}  // namespace choral_stand_in
