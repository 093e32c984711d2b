// How a kernel is called with what `cuLaunchKernel` is given: an array of pointers to its arguments. NVRTC's
// stand-in writes CHORAL_STAND_IN_KERNEL(name, bound) at the end of a program for each of its kernels.
#pragma once

namespace choral_stand_in {

// What a loaded program says about one kernel. Ends with an entry without a name.
struct Kernel {
    const char *name;
    void (*call)(void **arguments);
    const unsigned *sizes;
    unsigned arguments;
    // The most threads of a block, or 0 if the kernel does not say.
    unsigned bound;
};

template <typename Function>
struct Signature;

template <typename... Arguments>
struct Signature<void (*)(Arguments...)> {
    static constexpr unsigned count = sizeof...(Arguments);
    static constexpr unsigned sizes[count + 1] = {sizeof(Arguments)..., 0};

    template <unsigned... Place>
    struct Places {};

    template <void (*kernel)(Arguments...), unsigned... Place>
    static void call_at(void **arguments, Places<Place...>) {
        kernel(*(Arguments *)arguments[Place]...);
    }

    template <void (*kernel)(Arguments...)>
    static void call(void **arguments) {
        call_at<kernel>(arguments, Places<__integer_pack(count)...>());
    }
};

template <typename... Bounds>
constexpr unsigned first_of(unsigned first = 0, Bounds...) {
    return first;
}

}  // namespace choral_stand_in

#define CHORAL_STAND_IN_KERNEL(NAME, ...)                                                                     \
    {#NAME, choral_stand_in::Signature<decltype(&NAME)>::call<&NAME>,                                        \
     choral_stand_in::Signature<decltype(&NAME)>::sizes, choral_stand_in::Signature<decltype(&NAME)>::count, \
     choral_stand_in::first_of(__VA_ARGS__)},

// What libcuda's stand-in looks up: the kernels, and where to put the scheduler.
#define CHORAL_STAND_IN_PROGRAM(...)                                                                    \
    extern "C" __attribute__((visibility("default"))) const choral_stand_in::Kernel                     \
        *choral_stand_in_attach(choral_stand_in::Runtime *runtime) {                                    \
        static const choral_stand_in::Kernel kernels[] = {__VA_ARGS__{nullptr, nullptr, nullptr, 0, 0}}; \
        choral_stand_in::runtime = runtime;                                                             \
        return kernels;                                                                                 \
    }
