// A library for LD_PRELOAD that makes one call of the program fail: the environment's failures, one after the other.
//
//   INJECT_CALL   malloc, write, fsync, rename or fork: the family of calls
//   INJECT_AT     n: the n-th call of the family fails (ENOMEM, ENOSPC, EIO, EIO, EAGAIN), counted from where the
//                 program sets up its signals
//   INJECT_MARK   a file that is made when the call has failed: no file = the program makes fewer calls
//
// A forked child goes on counting from its parent's count.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace {

enum class Family { kNone, kMalloc, kWrite, kFsync, kRename, kFork };
Family family = Family::kNone;
long calls_left = 0;
const char* mark = nullptr;

bool fails(Family called, int error) {
  if (called != family || --calls_left != 0) return false;
  if (mark != nullptr) {
    const long file = syscall(SYS_openat, AT_FDCWD, mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) syscall(SYS_close, file);
  }
  errno = error;
  return true;
}

// What the program cannot answer for: libsystemc's memory pool uses what malloc answers without a look at it, and glibc
// aborts where it cannot note a thread's destructor.
bool is_unanswerable(void* caller) {
  if (family != Family::kMalloc || calls_left != 1) return false;
  Dl_info about{};
  if (dladdr(caller, &about) == 0) return false;
  return std::strstr(about.dli_fname, "libsystemc") != nullptr ||
         (about.dli_sname != nullptr && std::strcmp(about.dli_sname, "__cxa_thread_atexit_impl") == 0);
}

Family family_named(const char* name) {
  if (std::strcmp(name, "malloc") == 0) return Family::kMalloc;
  if (std::strcmp(name, "write") == 0) return Family::kWrite;
  if (std::strcmp(name, "fsync") == 0) return Family::kFsync;
  if (std::strcmp(name, "rename") == 0) return Family::kRename;
  if (std::strcmp(name, "fork") == 0) return Family::kFork;
  std::abort();  // a test that asks for nothing
}

template <class Function>
Function next(Function, const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void start_counting() {
  const char* const call = std::getenv("INJECT_CALL");
  const char* const at = std::getenv("INJECT_AT");
  if (call == nullptr || at == nullptr) return;
  mark = std::getenv("INJECT_MARK");
  calls_left = std::atol(at);
  family = family_named(call);
}

}  // namespace

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

// The program's first step is to say what happens at signals.
int sigaction(int number, const struct sigaction* action, struct sigaction* before) noexcept {
  if (number == SIGHUP && family == Family::kNone) start_counting();
  return next(&sigaction, "sigaction")(number, action, before);
}

void* malloc(std::size_t size) {
  if (is_unanswerable(__builtin_return_address(0))) return __libc_malloc(size);
  return fails(Family::kMalloc, ENOMEM) ? nullptr : __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  if (is_unanswerable(__builtin_return_address(0))) return __libc_calloc(count, size);
  return fails(Family::kMalloc, ENOMEM) ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  return fails(Family::kMalloc, ENOMEM) ? nullptr : __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return fails(Family::kMalloc, ENOMEM) ? nullptr : __libc_memalign(alignment, size);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  if (fails(Family::kMalloc, ENOMEM)) return ENOMEM;
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}

ssize_t write(int file, const void* data, std::size_t size) {
  return fails(Family::kWrite, ENOSPC) ? -1 : next(&write, "write")(file, data, size);
}
ssize_t writev(int file, const iovec* parts, int count) {
  return fails(Family::kWrite, ENOSPC) ? -1 : next(&writev, "writev")(file, parts, count);
}
ssize_t pwrite64(int file, const void* data, std::size_t size, off64_t at) {
  return fails(Family::kWrite, ENOSPC) ? -1 : next(&pwrite64, "pwrite64")(file, data, size, at);
}

int fsync(int file) {
  return fails(Family::kFsync, EIO) ? -1 : next(&fsync, "fsync")(file);
}
int fdatasync(int file) {
  return fails(Family::kFsync, EIO) ? -1 : next(&fdatasync, "fdatasync")(file);
}

int rename(const char* from, const char* to) noexcept {
  return fails(Family::kRename, EIO) ? -1 : next(&rename, "rename")(from, to);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  return fails(Family::kRename, EIO) ? -1 : next(&renameat2, "renameat2")(from_folder, from, to_folder, to, flags);
}

pid_t fork() noexcept {
  return fails(Family::kFork, EAGAIN) ? -1 : next(&fork, "fork")();
}

}  // extern "C"
