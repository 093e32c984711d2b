// Turns a fault of the machine inside a kernel into an error of its launch.
#pragma once

#include <csignal>

namespace choral_stand_in {

// While it lives, a bad address, a division by zero or an instruction that the machine does not have ends the
// fibre that runs: `report` is told what happened, and the machine goes on with the stack in `home`.
class Faults {
  public:
    Faults(void **home, void (*report)(const char *));
    ~Faults();

  private:
    struct sigaction before[4];
    stack_t stack_before;
};

}  // namespace choral_stand_in
