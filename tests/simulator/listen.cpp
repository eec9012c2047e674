// Opens the simulator's listening socket; see listen.h.
#include "tests/simulator/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace talon::simulator {
namespace {

constexpr int k_backlog = 4096;

int listen_or_close(int fd, const sockaddr* address, socklen_t size) {
  if (fd >= 0 && bind(fd, address, size) == 0 && listen(fd, k_backlog) == 0) return fd;
  const int error = errno;
  if (fd >= 0) close(fd);
  errno = error;
  return -1;
}

}  // namespace

int open_listener(const Options& options, std::string& address) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  if (!options.unix_path.empty()) {
    address = fmt::format("unix:{}", options.unix_path);
    sockaddr_un path{};
    path.sun_family = AF_UNIX;
    if (options.unix_path.size() >= sizeof path.sun_path) return errno = ENAMETOOLONG, -1;
    std::memcpy(path.sun_path, options.unix_path.c_str(), options.unix_path.size() + 1);
    return listen_or_close(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                           reinterpret_cast<const sockaddr*>(&path), sizeof path);
  }
  address = fmt::format("{}:{}", options.host, options.port);
  sockaddr_in ip{};
  ip.sin_family = AF_INET;
  ip.sin_port = htons(static_cast<std::uint16_t>(options.port));
  if (inet_pton(AF_INET, options.host.c_str(), &ip.sin_addr) != 1) return errno = EINVAL, -1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (listen_or_close(fd, reinterpret_cast<const sockaddr*>(&ip), sizeof ip) < 0) return -1;
  socklen_t size = sizeof ip;
  getsockname(fd, reinterpret_cast<sockaddr*>(&ip), &size);
  address = fmt::format("{}:{}", options.host, ntohs(ip.sin_port));
  return fd;
}

}  // namespace talon::simulator
