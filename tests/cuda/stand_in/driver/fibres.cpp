// The scheduler: runs the CUDA threads of a launch on one thread of the machine, each as a fibre with a stack of
// its own, until it waits for others. A thread that never waits costs no switch: the next one starts on its stack.
//
// Threads run apart as far as they can: a warp goes on until it waits for other warps, and a block until it waits for
// other blocks, so that a barrier less is seen. In the random order both are left to chance.
//
// What no GPU would finish is an error with a place: a barrier that some threads of a block never reach, lanes
// that others wait for in vain, and a launch whose threads only let each other run.
//
// Must not live here: CUDA's interface, and who may launch when.
#include "fibres.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <vector>

#include "faults.h"
#include "guarded.h"
#include "settings.h"
#include "stacks.h"

namespace choral_stand_in {
namespace {

// Rounds in which every thread only let others run, until a launch is held to be dead.
constexpr unsigned IDLE_ROUNDS = 20000;
constexpr unsigned LANES = 32;
// Rounds of one block until others get their turn, even if it goes on.
constexpr unsigned STAYS = 1000;

enum class State : unsigned char { Unstarted, Ready, AtBarrier, AtExchange, Done };

struct Block;

struct Fibre : Thread {
    void *stack_pointer;
    unsigned char *stack;
    Block *home;
    unsigned number;
    State state;
    Exchange what;
    unsigned mask, argument, width;
    unsigned long long value;
};

struct Block {
    Index index;
    std::vector<Fibre> fibres;
    // Which lanes of each warp wait for others of the warp.
    std::vector<unsigned> waiting;
    std::vector<unsigned> order;
    Guarded shared;
    unsigned ready, at_barrier, done, cursor;
    // Since it last got its turn, some thread did more than let others run.
    bool has_progress;
};

struct Scheduler : Runtime {
    const Launch *launch;
    std::vector<Block> blocks;
    std::vector<unsigned> block_order;
    Stacks stacks;
    void *home_stack_pointer;
    size_t alive, cursor;
    unsigned stays, idle_rounds;
    bool has_progress;
    unsigned long long random;
    std::string error;
};

Scheduler the;

Fibre *running() { return static_cast<Fibre *>(the.now); }

unsigned below(unsigned bound) {
    the.random ^= the.random << 13;
    the.random ^= the.random >> 7;
    the.random ^= the.random << 17;
    return (unsigned)((the.random >> 32) * bound >> 32);
}

void put_in_order(std::vector<unsigned> &order) {
    if (settings().order != Order::Random) return;
    for (size_t left = order.size(); left > 1; left--) std::swap(order[left - 1], order[below((unsigned)left)]);
}

void number(std::vector<unsigned> &order, size_t count) {
    order.resize(count);
    std::iota(order.begin(), order.end(), 0u);
    if (settings().order == Order::Descending)
        for (size_t at = 0; at < count; at++) order[at] = (unsigned)(count - 1 - at);
    put_in_order(order);
}

// The first error of a launch is the one that is told. It is taken up where the next thread is chosen.
__attribute__((format(printf, 2, 3))) void fail(const Fibre *fibre, const char *format, ...) {
    if (!the.error.empty()) return;
    char what[400], where[400];
    va_list values;
    va_start(values, format);
    vsnprintf(what, sizeof what, format, values);
    va_end(values);
    const Index &block = fibre->block, &thread = fibre->thread;
    snprintf(where, sizeof where, "kernel %s, block (%u, %u, %u), thread (%u, %u, %u): ", the.launch->kernel->name,
             block.x, block.y, block.z, thread.x, thread.y, thread.z);
    the.error = std::string(where) + what;
}

const char *name_of(Exchange what) {
    switch (what) {
        case Exchange::Wait: return "__syncwarp";
        case Exchange::Ballot: return "__ballot_sync";
        case Exchange::Index: return "__shfl_sync";
        case Exchange::Up: return "__shfl_up_sync";
        case Exchange::Down: return "__shfl_down_sync";
        case Exchange::Xor: return "__shfl_xor_sync";
    }
    return "?";
}

// No thread of a block can go on, and not all have ended.
void fail_stuck(const Block &block) {
    for (const Fibre &fibre : block.fibres) {
        if (fibre.state != State::AtExchange) continue;
        for (unsigned lane = 0; lane < LANES; lane++) {
            if ((fibre.mask >> lane & 1) == 0) continue;
            unsigned number = fibre.number / LANES * LANES + lane;
            if (number >= block.fibres.size())
                return fail(&fibre, "%s(mask 0x%08x) names lane %u, which the block does not have",
                            name_of(fibre.what), fibre.mask, lane);
            const Fibre &other = block.fibres[number];
            if (other.state == State::AtExchange && other.mask == fibre.mask && other.what == fibre.what) continue;
            const char *at = other.state == State::Done         ? "has ended"
                             : other.state == State::AtBarrier  ? "waits in __syncthreads"
                             : other.what == fibre.what         ? "names other lanes"
                                                                : name_of(other.what);
            return fail(&fibre, "%s(mask 0x%08x) waits for lane %u, which never arrives: it %s%s",
                        name_of(fibre.what), fibre.mask, lane, at == name_of(other.what) ? "is in " : "", at);
        }
    }
    for (const Fibre &fibre : block.fibres)
        if (fibre.state == State::AtBarrier)
            return fail(&fibre, "__syncthreads is divergent: %u threads wait in it, %u have ended, of %zu",
                        block.at_barrier, block.done, block.fibres.size());
}

// The next thread to run, or none when all have ended or one has failed.
Fibre *next() {
    for (;;) {
        if (!the.error.empty() || the.alive == 0) return nullptr;
        while (the.cursor < the.blocks.size()) {
            Block &block = the.blocks[the.block_order[the.cursor]];
            while (block.ready > 0 && block.cursor < block.fibres.size()) {
                Fibre &fibre = block.fibres[block.order[block.cursor++]];
                if (fibre.state <= State::Ready) return &fibre;
            }
            bool stays = block.ready > 0 && block.has_progress && ++the.stays < STAYS &&
                         (settings().order != Order::Random || below(2) == 0);
            the.has_progress |= block.has_progress;
            block.has_progress = false;
            block.cursor = 0;
            if (block.ready > 0) put_in_order(block.order);
            if (!stays) the.cursor++, the.stays = 0;
        }
        the.cursor = 0;
        put_in_order(the.block_order);
        the.idle_rounds = the.has_progress ? 0 : the.idle_rounds + 1;
        the.has_progress = false;
        if (the.idle_rounds > IDLE_ROUNDS)
            for (const Block &block : the.blocks)
                for (const Fibre &fibre : block.fibres)
                    if (fibre.state == State::Ready) {
                        fail(&fibre, "spins for something that never comes: all threads that are left only yield%s",
                             the.launch->is_cooperative ? "" : " (blocks of a launch that is not cooperative do "
                                                               "not run at the same time)");
                        break;
                    }
    }
}

void run_threads();

// Hands control to the next thread; returns when the one that called is chosen again.
void give_way() {
    Fibre *from = running();
    Fibre *to = next();
    the.patience = PATIENCE;
    if (to == from) return;
    the.now = to;
    void *target = the.home_stack_pointer;
    if (to != nullptr) {
        if (to->state == State::Unstarted) {
            to->state = State::Ready;
            to->stack = the.stacks.take();
            to->stack_pointer = the.stacks.prepare(to->stack, run_threads);
        }
        target = to->stack_pointer;
    }
    choral_stand_in_switch(&from->stack_pointer, target);
}

// What runs on a stack: one thread after another, as long as none waits.
void run_threads() {
    for (;;) {
        Fibre *fibre = running();
        the.launch->kernel->call(the.launch->arguments);
        Block &block = *fibre->home;
        fibre->state = State::Done;
        block.has_progress = true;
        block.ready--;
        if (++block.done == block.fibres.size())
            the.alive--;
        else if (block.ready == 0)
            fail_stuck(block);
        unsigned char *stack = fibre->stack;
        Fibre *to = next();
        the.patience = PATIENCE;
        the.now = to;
        if (to != nullptr && to->state == State::Unstarted) {
            to->state = State::Ready;
            to->stack = stack;
            continue;
        }
        the.stacks.give_back(stack);
        choral_stand_in_switch(&fibre->stack_pointer, to == nullptr ? the.home_stack_pointer : to->stack_pointer);
    }
}

void barrier() {
    Fibre *fibre = running();
    Block &block = *fibre->home;
    fibre->state = State::AtBarrier;
    block.has_progress = true;
    block.ready--;
    if (++block.at_barrier == block.fibres.size()) {
        for (Fibre &other : block.fibres) other.state = State::Ready;
        block.ready = (unsigned)block.fibres.size();
        block.at_barrier = 0;
    } else if (block.ready == 0) {
        fail_stuck(block);
    }
    give_way();
}

void yield() { give_way(); }

void trap(const char *what) {
    fail(running(), "%s", what);
    give_way();
}

// What a lane finds in another: all ones, which is no number, where a GPU promises nothing.
unsigned long long found(const Fibre &fibre, const unsigned long long *values) {
    unsigned lane = fibre.number % LANES, first = lane / fibre.width * fibre.width, end = first + fibre.width;
    unsigned from = lane;
    switch (fibre.what) {
        case Exchange::Index: from = first + fibre.argument % fibre.width; break;
        case Exchange::Up: from = lane >= first + fibre.argument ? lane - fibre.argument : lane; break;
        case Exchange::Down: from = fibre.argument < end - lane ? lane + fibre.argument : lane; break;
        case Exchange::Xor: from = lane ^ fibre.argument; from = from < end ? from : lane; break;
        case Exchange::Wait:
        case Exchange::Ballot: break;
    }
    return fibre.mask >> from & 1 ? values[from] : ~0ull;
}

// All lanes of a mask have arrived: each gets its answer, and can go on.
void complete(Block &block, unsigned first, unsigned mask) {
    unsigned long long values[LANES], ballot = 0;
    for (unsigned lane = 0; lane < LANES; lane++)
        if (mask >> lane & 1) {
            values[lane] = block.fibres[first + lane].value;
            ballot |= (unsigned long long)(values[lane] != 0) << lane;
        }
    for (unsigned lane = 0; lane < LANES; lane++)
        if (mask >> lane & 1) {
            Fibre &fibre = block.fibres[first + lane];
            fibre.value = fibre.what == Exchange::Ballot ? ballot : found(fibre, values);
            fibre.state = State::Ready;
            block.ready++;
        }
    block.waiting[first / LANES] &= ~mask;
    // The warp goes on first.
    unsigned count = (unsigned)block.fibres.size(), end = std::min(first + LANES, count);
    if (settings().order == Order::Ascending) block.cursor = first;
    if (settings().order == Order::Descending) block.cursor = count - end;
}

bool have_met(const Block &block, unsigned first, const Fibre &fibre) {
    if ((block.waiting[first / LANES] & fibre.mask) != fibre.mask) return false;
    for (unsigned lane = 0; lane < LANES; lane++) {
        if ((fibre.mask >> lane & 1) == 0) continue;
        const Fibre &other = block.fibres[first + lane];
        if (other.mask != fibre.mask || other.what != fibre.what) return false;
    }
    return true;
}

unsigned long long exchange(Exchange what, unsigned mask, unsigned long long value, unsigned argument,
                            unsigned width) {
    Fibre *fibre = running();
    Block &block = *fibre->home;
    unsigned lane = fibre->number % LANES, first = fibre->number - lane;
    fibre->what = what, fibre->mask = mask, fibre->argument = argument, fibre->width = width;
    fibre->value = value;
    block.has_progress = true;
    if ((mask >> lane & 1) == 0) fail(fibre, "%s(mask 0x%08x) does not name lane %u itself", name_of(what), mask, lane);
    if (width == 0 || width > LANES || (width & (width - 1)) != 0)
        fail(fibre, "%s has a width of %u, which is no power of two up to 32", name_of(what), width);
    fibre->state = State::AtExchange;
    block.ready--;
    block.waiting[first / LANES] |= 1u << lane;
    if (have_met(block, first, *fibre))
        complete(block, first, mask);
    else if (block.ready == 0)
        fail_stuck(block);
    give_way();
    return fibre->value;
}

Index unravel(size_t number, const Index &size) {
    return {(unsigned)(number % size.x), (unsigned)(number / size.x % size.y),
            (unsigned)(number / size.x / size.y)};
}

void prepare(Block &block, size_t number_of_block) {
    const Index &size = the.launch->block_size;
    size_t count = (size_t)size.x * size.y * size.z;
    block.index = unravel(number_of_block, the.launch->grid_size);
    block.fibres.resize(count);
    block.waiting.assign((count + LANES - 1) / LANES, 0);
    number(block.order, count);
    block.shared.poison();
    Index thread{0, 0, 0};
    for (size_t at = 0; at < count; at++) {
        Fibre &fibre = block.fibres[at];
        fibre.thread = thread;
        fibre.block = block.index;
        fibre.shared = block.shared.bytes();
        fibre.home = &block;
        fibre.number = (unsigned)at;
        fibre.state = State::Unstarted;
        if (++thread.x == size.x) {
            thread.x = 0;
            if (++thread.y == size.y) thread.y = 0, thread.z++;
        }
    }
    block.ready = (unsigned)count;
    block.at_barrier = block.done = block.cursor = 0;
    block.has_progress = false;
}

void fault(const char *what) { fail(running(), "%s", what); }

// Runs the blocks that are prepared.
void run_blocks() {
    number(the.block_order, the.blocks.size());
    the.alive = the.blocks.size();
    the.cursor = the.stays = 0;
    the.idle_rounds = 0;
    the.has_progress = true;
    Fibre *first = next();
    first->state = State::Ready;
    first->stack = the.stacks.take();
    first->stack_pointer = the.stacks.prepare(first->stack, run_threads);
    the.now = first;
    choral_stand_in_switch(&the.home_stack_pointer, first->stack_pointer);
    the.now = nullptr;
    for (const Block &block : the.blocks)
        if (the.error.empty() && !block.shared.is_intact())
            fail(&block.fibres[0], "the block has written behind its %zu bytes of shared memory", block.shared.size());
    if (!the.error.empty()) the.stacks.forget_all();
}

}  // namespace

Runtime *scheduler() { return &the; }

std::string run(const Launch &launch) {
    the.launch = &launch;
    the.block_size = launch.block_size;
    the.grid_size = launch.grid_size;
    the.barrier = barrier;
    the.yield = yield;
    the.exchange = exchange;
    the.trap = trap;
    the.patience = PATIENCE;
    the.error.clear();
    the.random = 0x9e3779b97f4a7c15ull * (settings().seed * 2 + 1);
    Faults faults(&the.home_stack_pointer, fault);
    size_t count = (size_t)launch.grid_size.x * launch.grid_size.y * launch.grid_size.z;
    the.blocks.resize(launch.is_cooperative ? count : 1);
    for (Block &block : the.blocks) block.shared = Guarded(launch.shared_bytes);
    if (launch.is_cooperative) {
        for (size_t at = 0; at < count; at++) prepare(the.blocks[at], at);
        run_blocks();
    } else {
        std::vector<unsigned> order;
        number(order, count);
        for (size_t at = 0; at < count && the.error.empty(); at++) {
            prepare(the.blocks[0], order[at]);
            run_blocks();
        }
    }
    for (Block &block : the.blocks) block.shared = Guarded();
    return the.error;
}

}  // namespace choral_stand_in
