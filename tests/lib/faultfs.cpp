// faultfs: a disk that fails when told to. LD_PRELOAD it under a program; it looks only at files below one directory.
//
//   TALON_FAULT_DIR=/data LD_PRELOAD=.../libfaultfs.so TALON_FAULT_FILE=/tmp/faults talon serve
//   echo 'write EIO' >/tmp/faults       the next writes fail        (write, writev, pwrite, pwritev)
//   echo 'sync EIO' >/tmp/faults        the next flushes fail       (fsync, fdatasync, and writes through O_DSYNC)
//   echo 'allocate ENOSPC' >/tmp/faults no space can be had ahead   (posix_fallocate, fallocate)
//   echo 'write ENOSPC after 3' …       three more succeed first
//   echo 'allocate ENOSPC beyond 9999'  only what would end beyond byte 9999 of its file fails (allocate, pwrite, pwritev)
//   : >/tmp/faults                      the disk is well again
//
// The file is read at each call, so a test changes the disk by writing it. Several lines may stand.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

bool below_fault_dir(int descriptor) {
  static const char* const directory = std::getenv("TALON_FAULT_DIR");
  if (directory == nullptr) return false;
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const auto size = ::readlink(link, path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = '\0';
  const auto length = std::strlen(directory);
  return std::strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

int error_number(const char* name) {
  if (std::strcmp(name, "EIO") == 0) return EIO;
  if (std::strcmp(name, "ENOSPC") == 0) return ENOSPC;
  if (std::strcmp(name, "EDQUOT") == 0) return EDQUOT;
  return EIO;
}

/// What the fault file says now about this kind of call: 0, or the errno to fail with. `end`: where in its file it ends.
int fault(const char* kind, int descriptor, off_t end = 0) {
  static const char* const control = std::getenv("TALON_FAULT_FILE");
  static std::atomic<int> counted{0};
  if (control == nullptr || !below_fault_dir(descriptor)) return 0;
  const int file = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0));
  if (file < 0) return 0;
  char text[1024];
  const auto size = ::syscall(SYS_read, file, text, sizeof text - 1);
  ::syscall(SYS_close, file);
  if (size <= 0) {
    counted = 0;
    return 0;
  }
  text[size] = '\0';
  for (char* line = std::strtok(text, "\n"); line != nullptr; line = std::strtok(nullptr, "\n")) {
    char named[16];
    char error[16];
    int after = 0;
    long long beyond = 0;
    if (std::sscanf(line, "%15s %15s", named, error) < 2 || std::strcmp(named, kind) != 0) continue;
    if (std::sscanf(line, "%*s %*s beyond %lld", &beyond) == 1 && end <= beyond) continue;
    if (std::sscanf(line, "%*s %*s after %d", &after) != 1) after = 0;
    return counted.fetch_add(1) >= after ? error_number(error) : 0;
  }
  return 0;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool writes_through(int descriptor) { return (::fcntl(descriptor, F_GETFL) & O_DSYNC) != 0; }

int write_fault(int descriptor, off_t end = 0) {
  if (const int error = fault("write", descriptor, end)) return error;
  return writes_through(descriptor) ? fault("sync", descriptor) : 0;
}

}  // namespace

#define FAIL_WITH(error) \
  do {                   \
    errno = (error);     \
    return -1;           \
  } while (false)

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  if (const int error = write_fault(descriptor)) FAIL_WITH(error);
  return real(descriptor, bytes, size);
}

ssize_t writev(int descriptor, const iovec* parts, int count) {
  static const auto real = next<ssize_t (*)(int, const iovec*, int)>("writev");
  if (const int error = write_fault(descriptor)) FAIL_WITH(error);
  return real(descriptor, parts, count);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  if (const int error = write_fault(descriptor, at + static_cast<off_t>(size))) FAIL_WITH(error);
  return real(descriptor, bytes, size, at);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t at) {
  return pwrite(descriptor, bytes, size, at);
}

ssize_t pwritev(int descriptor, const iovec* parts, int count, off_t at) {
  static const auto real = next<ssize_t (*)(int, const iovec*, int, off_t)>("pwritev");
  off_t end = at;
  for (int i = 0; i < count; ++i) end += static_cast<off_t>(parts[i].iov_len);
  if (const int error = write_fault(descriptor, end)) FAIL_WITH(error);
  return real(descriptor, parts, count, at);
}

ssize_t pwritev64(int descriptor, const iovec* parts, int count, off64_t at) {
  return pwritev(descriptor, parts, count, at);
}

int fdatasync(int descriptor) {
  static const auto real = next<int (*)(int)>("fdatasync");
  if (const int error = fault("sync", descriptor)) FAIL_WITH(error);
  return real(descriptor);
}

int fsync(int descriptor) {
  static const auto real = next<int (*)(int)>("fsync");
  if (const int error = fault("sync", descriptor)) FAIL_WITH(error);
  return real(descriptor);
}

int posix_fallocate(int descriptor, off_t at, off_t size) {
  static const auto real = next<int (*)(int, off_t, off_t)>("posix_fallocate");
  if (const int error = fault("allocate", descriptor, at + size)) return error;
  return real(descriptor, at, size);
}

int posix_fallocate64(int descriptor, off64_t at, off64_t size) { return posix_fallocate(descriptor, at, size); }

int fallocate(int descriptor, int mode, off_t at, off_t size) {
  static const auto real = next<int (*)(int, int, off_t, off_t)>("fallocate");
  if (const int error = fault("allocate", descriptor, at + size)) FAIL_WITH(error);
  return real(descriptor, mode, at, size);
}

}  // extern "C"
