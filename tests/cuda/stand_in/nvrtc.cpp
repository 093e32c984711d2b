// The stand-in for NVRTC: compiles CUDA C++ with g++ into a shared object that the stand-in for the driver loads.
// Its "cubin" is text that names the shared object. Objects are kept in the folder `cache` beside this library,
// under a hash of what they are made from.
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#define NVRTC_FUNCTION extern "C" __attribute__((visibility("default"))) int

namespace {

enum Result : int {
    SUCCESS = 0,
    OUT_OF_MEMORY = 1,
    INVALID_INPUT = 3,
    INVALID_PROGRAM = 4,
    INVALID_OPTION = 5,
    COMPILATION = 6,
    BUILTIN_OPERATION_FAILURE = 7,
};

constexpr int ARCHITECTURES[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};
constexpr int COUNT_OF_ARCHITECTURES = sizeof ARCHITECTURES / sizeof *ARCHITECTURES;
const char *const HEADERS[] = {"device.h",          "device/runtime.h", "device/threads.h",   "device/atomics.h",
                               "device/vectors.h",  "device/bits.h",    "device/functions.h", "device/matrices.h",
                               "device/call.h"};

struct Program {
    std::string source, name, log;
    // Both end with the zero byte that std::string keeps.
    std::string cubin, ptx;
};

// The folder of this library, where its headers and its cache are.
std::string folder() {
    Dl_info info;
    if (dladdr(reinterpret_cast<void *>(folder), &info) == 0) return ".";
    std::string path = info.dli_fname;
    size_t end = path.rfind('/');
    return end == std::string::npos ? "." : path.substr(0, end);
}

std::string read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

bool write_file(const std::string &path, const std::string &text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    return !file.fail();
}

bool exists(const std::string &path) { return access(path.c_str(), R_OK) == 0; }

// FNV-1a from two starts: 128 bits in hexadecimal.
std::string hash(const std::vector<std::string> &parts) {
    uint64_t sums[2] = {0xcbf29ce484222325ull, 0x84222325cbf29ce4ull};
    for (uint64_t &sum : sums)
        for (const std::string &part : parts) {
            for (unsigned char byte : part) sum = (sum ^ byte) * 0x100000001b3ull;
            sum = (sum ^ part.size()) * 0x100000001b3ull;
        }
    char text[33];
    snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)sums[0], (unsigned long long)sums[1]);
    return text;
}

// Comments become spaces, so that what is in them is no kernel.
std::string without_comments(const std::string &source) {
    std::string text = source;
    for (size_t at = 0; at + 1 < text.size(); at++) {
        if (text[at] == '"' || text[at] == '\'') {
            char quote = text[at];
            for (at++; at < text.size() && text[at] != quote && text[at] != '\n'; at++) at += text[at] == '\\';
        } else if (text[at] == '/' && (text[at + 1] == '/' || text[at + 1] == '*')) {
            size_t end = text[at + 1] == '/' ? text.find('\n', at) : text.find("*/", at + 2);
            if (end == std::string::npos) end = text.size();
            for (; at < end; at++)
                if (text[at] != '\n') text[at] = ' ';
        }
    }
    return text;
}

struct Words {
    const std::string &text;
    size_t at;

    void skip_spaces() {
        while (at < text.size() && isspace((unsigned char)text[at])) at++;
    }
    std::string word() {
        skip_spaces();
        size_t start = at;
        while (at < text.size() && (isalnum((unsigned char)text[at]) || text[at] == '_')) at++;
        return text.substr(start, at - start);
    }
    // What is in the parentheses that begin here.
    std::string parenthesised() {
        skip_spaces();
        size_t start = at + 1;
        for (int depth = 0; at < text.size(); at++) {
            depth += text[at] == '(';
            depth -= text[at] == ')';
            if (depth == 0) break;
        }
        at += at < text.size();
        return text.substr(start, at - start - 1);
    }
};

// What is written at the end of a program: its kernels, each with its launch bounds.
std::string trampolines(const std::string &source) {
    const std::string text = without_comments(source), mark = "__global__";
    std::string kernels;
    for (size_t found = text.find(mark); found != std::string::npos; found = text.find(mark, found + 1)) {
        Words words{text, found + mark.size()};
        std::string bounds, name = words.word();
        for (; !name.empty(); name = words.word()) {
            if (name == "__launch_bounds__")
                bounds = words.parenthesised();
            else if (name != "void" && name != "__forceinline__" && name != "__noinline__")
                break;
        }
        words.skip_spaces();
        if (name.empty() || words.at >= text.size() || text[words.at] != '(') continue;
        // A declaration is no kernel yet.
        words.parenthesised();
        words.skip_spaces();
        if (words.at >= text.size() || text[words.at] != '{') continue;
        kernels += " \\\n    CHORAL_STAND_IN_KERNEL(" + name + (bounds.empty() ? "" : ", " + bounds) + ")";
    }
    return "\n#line 1 \"kernels of the program\"\nCHORAL_STAND_IN_PROGRAM(" + kernels + ")\n";
}

bool is_sanitized() {
    const char *text = getenv("CHORAL_STAND_IN_SANITIZE");
    return text != nullptr && strcmp(text, "1") == 0;
}

std::vector<std::string> command(const std::vector<std::string> &definitions) {
    std::vector<std::string> command = {"g++", "-std=c++17", "-O1", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti",
                                        "-fno-math-errno", "-fno-strict-aliasing", "-fstack-clash-protection",
                                        "-fvisibility=hidden", "-shared", "-fPIC", "-w", "-pipe", "-nostdinc",
                                        "-include", folder() + "/device.h"};
    if (__builtin_cpu_supports("fma")) command.push_back("-mfma");
    // What is not linked takes no time: a kernel needs little.
    if (!is_sanitized())
        command.push_back("-nostdlib");
    else
        for (const char *option : {"-g1", "-fsanitize=address,undefined", "-fno-sanitize=vptr",
                                   "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"})
            command.push_back(option);
    command.insert(command.end(), definitions.begin(), definitions.end());
    return command;
}

// Runs a command with its messages in a file. The sanitizer of this process is not the compiler's.
bool run(const std::vector<std::string> &command, const std::string &messages) {
    std::vector<char *> arguments, variables;
    for (const std::string &argument : command) arguments.push_back(const_cast<char *>(argument.c_str()));
    char language[] = "LC_ALL=C";
    variables.push_back(language);
    for (char **variable = environ; *variable != nullptr; variable++)
        if (strncmp(*variable, "LD_PRELOAD=", 11) != 0 && strncmp(*variable, "LC_ALL=", 7) != 0)
            variables.push_back(*variable);
    arguments.push_back(nullptr);
    variables.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);
    pid_t child;
    int failure = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), variables.data());
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) {
        write_file(messages, std::string("nvrtc: error: ") + arguments[0] + ": " + strerror(failure) + "\n");
        return false;
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Compiles into the cache, unless it is there. The path of the object, or nothing with a log.
std::string compile(Program &program, const std::vector<std::string> &definitions) {
    std::vector<std::string> parts = command(definitions);
    for (const char *header : HEADERS) parts.push_back(read_file(folder() + "/" + header));
    parts.insert(parts.end(), {program.source, program.name, __VERSION__});
    std::string cache = folder() + "/cache", path = cache + "/" + hash(parts);
    if (exists(path + ".so")) return path + ".so";
    mkdir(cache.c_str(), 0755);
    static std::atomic<unsigned> counter;
    std::string own = path + "." + std::to_string(getpid()) + "." + std::to_string(counter++);
    std::string text = "#line 1 \"" + program.name + "\"\n" + program.source + trampolines(program.source);
    std::vector<std::string> arguments = command(definitions);
    arguments.insert(arguments.end(), {"-o", own + ".so", "-x", "c++", own + ".cu", "-lm", "-lc", "-lgcc"});
    bool is_written = write_file(own + ".cu", text);
    bool is_compiled = is_written && run(arguments, own + ".log");
    program.log = is_written ? read_file(own + ".log") : "nvrtc: error: " + own + ".cu cannot be written\n";
    unlink((own + ".log").c_str());
    if (!is_compiled) {
        unlink((own + ".cu").c_str());
        return "";
    }
    rename((own + ".cu").c_str(), (path + ".cu").c_str());
    rename((own + ".so").c_str(), (path + ".so").c_str());
    return path + ".so";
}

bool is_known(const std::string &architecture) {
    int number = 0;
    bool has_number = sscanf(architecture.c_str(), "compute_%d", &number) == 1 ||
                      sscanf(architecture.c_str(), "sm_%d", &number) == 1;
    for (int known : ARCHITECTURES)
        if (has_number && known == number) return true;
    return false;
}

std::string after(const std::string &option, const char *start) {
    return option.compare(0, strlen(start), start) == 0 ? option.substr(strlen(start)) : "";
}

int give(const std::string &text, char *place) {
    memcpy(place, text.c_str(), text.size() + 1);
    return SUCCESS;
}

// An image that was not made has no size; one that was ends with a zero byte.
int give_size(const std::string &text, size_t *size) {
    *size = text.empty() ? 0 : text.size() + 1;
    return SUCCESS;
}

}  // namespace

NVRTC_FUNCTION nvrtcVersion(int *major, int *minor) {
    *major = 13;
    *minor = 0;
    return SUCCESS;
}

NVRTC_FUNCTION nvrtcGetNumSupportedArchs(int *count) {
    *count = COUNT_OF_ARCHITECTURES;
    return SUCCESS;
}

NVRTC_FUNCTION nvrtcGetSupportedArchs(int *architectures) {
    memcpy(architectures, ARCHITECTURES, sizeof ARCHITECTURES);
    return SUCCESS;
}

NVRTC_FUNCTION nvrtcCreateProgram(Program **program, const char *source, const char *name, int headers,
                                  const char *const *, const char *const *) {
    if (source == nullptr || headers != 0) return INVALID_INPUT;
    *program = new Program{source, name == nullptr ? "default_program" : name, "", "", ""};
    return SUCCESS;
}

NVRTC_FUNCTION nvrtcDestroyProgram(Program **program) {
    if (*program == nullptr) return INVALID_PROGRAM;
    delete *program;
    *program = nullptr;
    return SUCCESS;
}

NVRTC_FUNCTION nvrtcCompileProgram(Program *program, int count, const char *const *options) {
    if (program == nullptr) return INVALID_PROGRAM;
    std::string architecture = "compute_75";
    std::vector<std::string> definitions;
    for (int at = 0; at < count; at++) {
        std::string option = options[at];
        for (const char *start : {"--gpu-architecture=", "-arch="})
            if (!after(option, start).empty()) architecture = after(option, start);
        for (const char *start : {"--define-macro=", "-D"})
            if (!after(option, start).empty()) definitions.push_back("-D" + after(option, start));
    }
    if (!is_known(architecture)) {
        program->log = "nvrtc: error: invalid value for --gpu-architecture (-arch): " + architecture + "\n";
        return INVALID_OPTION;
    }
    program->log.clear();
    std::string object = compile(*program, definitions);
    if (object.empty()) return COMPILATION;
    std::string image = "choral stand-in image\n" + architecture + "\n" + object;
    program->ptx = image;
    program->cubin = architecture[0] == 's' ? image : "";
    return SUCCESS;
}

NVRTC_FUNCTION nvrtcGetProgramLogSize(Program *program, size_t *size) {
    *size = program->log.size() + 1;
    return SUCCESS;
}
NVRTC_FUNCTION nvrtcGetProgramLog(Program *program, char *log) { return give(program->log, log); }
NVRTC_FUNCTION nvrtcGetCUBINSize(Program *program, size_t *size) { return give_size(program->cubin, size); }
NVRTC_FUNCTION nvrtcGetCUBIN(Program *program, char *image) {
    return program->cubin.empty() ? INVALID_PROGRAM : give(program->cubin, image);
}
NVRTC_FUNCTION nvrtcGetPTXSize(Program *program, size_t *size) { return give_size(program->ptx, size); }
NVRTC_FUNCTION nvrtcGetPTX(Program *program, char *image) {
    return program->ptx.empty() ? INVALID_PROGRAM : give(program->ptx, image);
}
NVRTC_FUNCTION nvrtcAddNameExpression(Program *, const char *) { return BUILTIN_OPERATION_FAILURE; }
NVRTC_FUNCTION nvrtcGetLoweredName(Program *, const char *, const char **) { return BUILTIN_OPERATION_FAILURE; }

extern "C" __attribute__((visibility("default"))) const char *nvrtcGetErrorString(int result) {
    switch (result) {
        case SUCCESS: return "NVRTC_SUCCESS";
        case OUT_OF_MEMORY: return "NVRTC_ERROR_OUT_OF_MEMORY";
        case INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
        case INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
        case INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
        case COMPILATION: return "NVRTC_ERROR_COMPILATION";
        case BUILTIN_OPERATION_FAILURE: return "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE";
        default: return "NVRTC_ERROR unknown";
    }
}
