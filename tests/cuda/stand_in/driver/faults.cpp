// Turns a fault of the machine inside a kernel into an error of its launch, instead of the end of the process.
#include "faults.h"

#include <pthread.h>
#include <sys/ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "fibres.h"
#include "guarded.h"

// Goes on with the stack whose top is in %rsp: the second half of a switch.
extern "C" void choral_stand_in_leave();
asm(R"(
    .text
    .globl choral_stand_in_leave
    .hidden choral_stand_in_leave
    .type choral_stand_in_leave, @function
choral_stand_in_leave:
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size choral_stand_in_leave, . - choral_stand_in_leave
)");

namespace choral_stand_in {
namespace {

constexpr int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

void **home_stack_pointer;
void (*report_fault)(const char *);
pthread_t launching;

const char *name_of(int signal) {
    switch (signal) {
        case SIGFPE: return "an integer is divided by zero, or its quotient does not fit";
        case SIGILL: return "an instruction that this machine does not have, or __builtin_trap()";
        default: return "an access to memory that is not there or not aligned, or a stack that is full";
    }
}

void handle(int signal, siginfo_t *, void *context) {
    if (scheduler()->now == nullptr || !pthread_equal(launching, pthread_self())) {
        // Not a kernel's: the fault happens again, and ends the process.
        ::signal(signal, SIG_DFL);
        return;
    }
    report_fault(name_of(signal));
    greg_t *registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
    registers[REG_RSP] = reinterpret_cast<greg_t>(*home_stack_pointer);
    registers[REG_RIP] = reinterpret_cast<greg_t>(choral_stand_in_leave);
}

}  // namespace

Faults::Faults(void **home, void (*report)(const char *)) {
    home_stack_pointer = home;
    report_fault = report;
    launching = pthread_self();
    // The sanitizer tells more.
    if (has_sanitizer()) return;
    // A thread whose stack is full has no room for the handler.
    static unsigned char place[1 << 16];
    stack_t stack = {};
    stack.ss_sp = place;
    stack.ss_size = sizeof place;
    sigaltstack(&stack, &stack_before);
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int at = 0; at < 4; at++) sigaction(SIGNALS[at], &action, &before[at]);
}

Faults::~Faults() {
    if (has_sanitizer()) return;
    for (int at = 0; at < 4; at++) sigaction(SIGNALS[at], &before[at], nullptr);
    sigaltstack(&stack_before, nullptr);
}

}  // namespace choral_stand_in
