// What the stand-in for the driver does for stand-ins of other libraries, which begin work on its streams.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Does work with a copy of what it is about, now or whenever the graph that the stream captures is launched; with an
// error, the context fails. What the work returns is a CUresult, as what this returns.
int choral_stand_in_enqueue(void *stream, int (*work)(const void *about), const void *about, size_t bytes);

// Whether all of a range lies in one live piece of memory of a device; says otherwise what it is for.
int choral_stand_in_check_range(uint64_t place, size_t bytes, const char *purpose);

// An error where the calling thread captures launches, which this spoils: what no capture allows.
int choral_stand_in_may_wait();

}
