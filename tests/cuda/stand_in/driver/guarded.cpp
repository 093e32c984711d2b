// Memory that kernels may write, with guards that tell when they wrote outside of it. With AddressSanitizer it is
// exactly as large as was asked for and has none, so that the sanitizer sees the first byte outside.
#include "guarded.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

extern "C" __attribute__((weak)) void __asan_unpoison_memory_region(const volatile void *, size_t);

namespace choral_stand_in {
namespace {

// What cuMemAlloc promises.
constexpr size_t ALIGNMENT = 256;
constexpr size_t GUARD = 256;
constexpr unsigned char SIGN = 0xA5;

bool is_guard(const unsigned char *guard) {
    for (size_t at = 0; at < GUARD; at++)
        if (guard[at] != SIGN) return false;
    return true;
}

}  // namespace

bool has_sanitizer() { return __asan_unpoison_memory_region != nullptr; }

void unpoison(void *place, size_t bytes) {
    if (has_sanitizer()) __asan_unpoison_memory_region(place, bytes);
}

Guarded::Guarded(size_t size) : length(size) {
    size_t guard = has_sanitizer() ? 0 : GUARD;
    if (posix_memalign(&whole, ALIGNMENT, size + 2 * guard + (size + guard == 0)) != 0) throw std::bad_alloc();
    place = static_cast<unsigned char *>(whole) + guard;
    memset(whole, SIGN, guard);
    memset(place + size, SIGN, guard);
    poison();
}

Guarded::Guarded(Guarded &&other) noexcept { *this = std::move(other); }

Guarded &Guarded::operator=(Guarded &&other) noexcept {
    std::swap(whole, other.whole);
    std::swap(place, other.place);
    std::swap(length, other.length);
    return *this;
}

Guarded::~Guarded() {
    if (whole == nullptr) return;
    poison();
    free(whole);
}

void Guarded::poison() {
    if (length > 0) memset(place, POISON, length);
}

bool Guarded::is_intact() const {
    return whole == nullptr || has_sanitizer() || (is_guard(place - GUARD) && is_guard(place + length));
}

}  // namespace choral_stand_in
