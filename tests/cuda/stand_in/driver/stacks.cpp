// Stacks for fibres, and the switch from one to another, for x86-64 under Linux.
#include "stacks.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "guarded.h"

// The registers that a called function must keep; all others are the caller's to save.
asm(R"(
    .text
    .globl choral_stand_in_switch
    .hidden choral_stand_in_switch
    .type choral_stand_in_switch, @function
    .p2align 4
choral_stand_in_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size choral_stand_in_switch, . - choral_stand_in_switch
)");

namespace choral_stand_in {
namespace {

constexpr size_t PAGE = 4096;
constexpr size_t REGISTERS = 6;
// Each stack has a page below it that nothing may touch, as long as the kernel has mappings to spare.
constexpr size_t GUARDED_STACKS = 16384;

// Not a multiple of the caches' size: the tops of all stacks would share a few lines of them.
size_t stack_bytes() { return (has_sanitizer() ? 65 : 17) * PAGE; }

}  // namespace

unsigned char *Stacks::take() {
    if (!free.empty()) {
        unsigned char *stack = free.back();
        free.pop_back();
        return stack;
    }
    void *place = mmap(nullptr, stack_bytes(), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (place == MAP_FAILED) {
        fprintf(stderr, "choral stand-in: no memory for the stack of a thread, after %zu others\n", all.size());
        abort();
    }
    if (all.size() < GUARDED_STACKS) mprotect(place, PAGE, PROT_NONE);
    all.push_back(static_cast<unsigned char *>(place));
    return all.back();
}

void Stacks::give_back(unsigned char *stack) { free.push_back(stack); }

void Stacks::forget_all() {
    free = all;
    for (unsigned char *stack : all) unpoison(stack + PAGE, stack_bytes() - PAGE);
}

void *Stacks::prepare(unsigned char *stack, void (*function)()) {
    // Tops differ in their lines of the first cache, too.
    size_t colour = reinterpret_cast<uintptr_t>(stack) / stack_bytes() % 32 * 64;
    void **top = reinterpret_cast<void **>(stack + stack_bytes() - colour);
    // A function expects to find a return address on top of a stack that is a multiple of 16.
    *--top = nullptr;
    *--top = reinterpret_cast<void *>(function);
    for (size_t at = 0; at < REGISTERS; at++) *--top = nullptr;
    return top;
}

}  // namespace choral_stand_in
