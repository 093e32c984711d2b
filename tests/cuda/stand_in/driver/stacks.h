// Stacks for fibres, and the switch from one to another.
#pragma once

#include <cstddef>
#include <vector>

// Saves what a function must keep on the stack that runs, leaves its top in `from`, and goes on with `to`.
extern "C" void choral_stand_in_switch(void **from, void *to);

namespace choral_stand_in {

class Stacks {
  public:
    unsigned char *take();
    void give_back(unsigned char *stack);
    // All stacks are free, whatever ran on them.
    void forget_all();
    // Makes a stack start with `function`, which must not return. The answer is for `choral_stand_in_switch`.
    void *prepare(unsigned char *stack, void (*function)());

  private:
    std::vector<unsigned char *> all, free;
};

}  // namespace choral_stand_in
