// Memory that kernels may write, with guards that tell when they wrote outside of it.
#pragma once

#include <cstddef>

namespace choral_stand_in {

// What memory holds before anything is written to it: no number, and no index.
constexpr unsigned char POISON = 0xFF;

// Whether the process runs with AddressSanitizer. It guards what malloc gives, and so do we otherwise.
bool has_sanitizer();
void unpoison(void *place, size_t bytes);

class Guarded {
  public:
    Guarded() = default;
    explicit Guarded(size_t size);
    Guarded(Guarded &&other) noexcept;
    Guarded &operator=(Guarded &&other) noexcept;
    ~Guarded();

    unsigned char *bytes() const { return place; }
    size_t size() const { return length; }
    void poison();
    bool is_intact() const;

  private:
    void *whole = nullptr;
    unsigned char *place = nullptr;
    size_t length = 0;
};

}  // namespace choral_stand_in
