// See address.h.
#include "gateway/net/address.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

namespace talon::gateway {
namespace {

constexpr int k_backlog = 4096;

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

core::Result<AddressList> resolve(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const auto service = std::to_string(port);
  if (const int problem = getaddrinfo(host.c_str(), service.c_str(), &hints, &list); problem != 0) {
    return core::fail(core::Code::provider_error,
                      "The host \"" + host + "\" could not be resolved: " + gai_strerror(problem) + ".");
  }
  return AddressList(list, &freeaddrinfo);
}

void set_no_delay(int descriptor) {
  const int on = 1;
  // Fails on unix sockets, which have no delay to turn off.
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::string to_text(const sockaddr_storage& bound) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&bound), sizeof bound, host.data(), host.size(), port.data(),
                  port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  const bool six = bound.ss_family == AF_INET6;
  return (six ? "[" : "") + std::string(host.data()) + (six ? "]:" : ":") + port.data();
}

core::Error cannot_listen(const core::ListenAddress& address, int problem) {
  if (problem == EADDRINUSE) {
    return {core::Code::address_in_use,
            "Cannot listen on " + address.text + ": the address is in use by another process.", address.place};
  }
  return {core::Code::address_in_use, "Cannot listen on " + address.text + ": " + std::strerror(problem) + ".",
          address.place};
}

/// Is somebody answering at this unix socket?
bool is_live(const sockaddr_un& name) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int outcome = connect(probe, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  const bool live = outcome == 0 || errno == EAGAIN;
  close(probe);
  return live;
}

core::Result<Listening> listen_on_unix(const core::ListenAddress& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (address.unix_path.size() >= sizeof name.sun_path) return core::fail(cannot_listen(address, ENAMETOOLONG));
  std::memcpy(name.sun_path, address.unix_path.data(), address.unix_path.size());
  struct stat there{};
  if (lstat(address.unix_path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) return core::fail(cannot_listen(address, EEXIST));
    if (is_live(name)) return core::fail(cannot_listen(address, EADDRINUSE));
    unlink(address.unix_path.c_str());
  }
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return core::fail(cannot_listen(address, errno));
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      chmod(address.unix_path.c_str(), 0660) != 0 || listen(descriptor, k_backlog) != 0) {
    const int problem = errno;
    close(descriptor);
    return core::fail(cannot_listen(address, problem));
  }
  return Listening{descriptor, "unix:" + address.unix_path, address.unix_path};
}

}  // namespace

core::Result<std::vector<Address>> look_up(const std::string& host, std::uint16_t port, Lookup how) {
  const bool literal_only = how == Lookup::literal_only;
  const auto list = resolve(host, port, literal_only ? AI_NUMERICHOST : AI_ADDRCONFIG);
  if (!list && literal_only) return std::vector<Address>{};
  if (!list) return core::fail(list.error());
  std::vector<Address> addresses;
  for (const addrinfo* one = list->get(); one != nullptr; one = one->ai_next) {
    Address address;
    if (one->ai_addrlen > address.storage.size()) continue;
    std::memcpy(address.storage.data(), one->ai_addr, one->ai_addrlen);
    address.length = one->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

int begin_connect(const Address& address) {
  const auto* name = reinterpret_cast<const sockaddr*>(address.storage.data());
  const int descriptor = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -1;
  set_no_delay(descriptor);
  if (connect(descriptor, name, address.length) != 0 && errno != EINPROGRESS) {
    const int problem = errno;
    close(descriptor);
    errno = problem;
    return -1;
  }
  return descriptor;
}

int finish_connect(int descriptor) {
  int problem = 0;
  socklen_t size = sizeof problem;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) return errno;
  return problem;
}

core::Result<Listening> listen_on(const core::ListenAddress& address) {
  if (!address.unix_path.empty()) return listen_on_unix(address);
  const auto list = resolve(address.host, address.port, AI_PASSIVE);
  if (!list) return core::fail(cannot_listen(address, EADDRNOTAVAIL));
  const addrinfo& first = **list;
  const int descriptor = socket(first.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return core::fail(cannot_listen(address, errno));
  const int on = 1;
  // So that a restart finds the port although old connections linger; never SO_REUSEPORT (house.md).
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(descriptor, first.ai_addr, first.ai_addrlen) != 0 || listen(descriptor, k_backlog) != 0) {
    const int problem = errno;
    close(descriptor);
    return core::fail(cannot_listen(address, problem));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size);
  return Listening{descriptor, to_text(bound), {}};
}

Accept accept_from(int listener, int& descriptor) {
  descriptor = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor >= 0) {
    set_no_delay(descriptor);
    return Accept::accepted;
  }
  switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return Accept::exhausted;
    default:
      return Accept::none_waiting;
  }
}

std::string peer_of(int descriptor) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  if (peer.ss_family == AF_INET) {
    const auto* four = reinterpret_cast<const sockaddr_in*>(&peer);
    return {reinterpret_cast<const char*>(&four->sin_addr), sizeof four->sin_addr};
  }
  if (peer.ss_family == AF_INET6) {
    const auto* six = reinterpret_cast<const sockaddr_in6*>(&peer);
    // A network of its own is what a customer of a provider gets: its last 64 bits are free to choose. Not so where
    // the address is an IPv4 one in disguise.
    if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) return {reinterpret_cast<const char*>(&six->sin6_addr) + 12, 4};
    return {reinterpret_cast<const char*>(&six->sin6_addr), 8};
  }
  return {};
}

int duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 0); }
void close_descriptor(int descriptor) noexcept { close(descriptor); }

}  // namespace talon::gateway
