// Accepts, reads, carries out plans; see server.h.
#include "tests/simulator/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <unordered_map>

#include <fmt/format.h>

#include "tests/simulator/connection.h"
#include "tests/simulator/listen.h"
#include "tests/simulator/waiting.h"

namespace talon::simulator {
namespace {

constexpr std::uint64_t k_listener = 0;
constexpr std::uint64_t k_signals = 1;
constexpr std::uint64_t k_first_connection = 2;
constexpr std::size_t k_largest_request = std::size_t{80} << 20U;

class Server {
 public:
  Server(int listener, int signals, bool keep) : listener_(listener), buffer_(256 * 1024) {
    state_.keep = keep;
    waiting_.add(listener, k_listener, EPOLLIN);
    waiting_.add(signals, k_signals, EPOLLIN);
  }

  void run() {
    for (;;) {
      for (const epoll_event& event : waiting_.ready()) {
        const std::uint64_t id = event.data.u64;
        if (id == k_signals) return;
        if (id == k_listener)
          accept_all();
        else if (const auto found = connections_.find(id); found != connections_.end())
          on_event(found->second, event.events);
      }
      for (const std::uint64_t id : waiting_.due()) {
        const auto found = connections_.find(id);
        if (found != connections_.end() && found->second.wants == Connection::Wants::timer) advance(found->second);
      }
    }
  }

 private:
  /// Asks epoll for what the connection waits for; costs a call only when that changes.
  void rewatch(Connection& c) {
    std::uint32_t what = EPOLLRDHUP;
    if (c.wants == Connection::Wants::request || c.wants == Connection::Wants::end) what |= EPOLLIN;
    if (c.wants == Connection::Wants::writable) what |= EPOLLOUT;
    if (what == c.watched) return;
    c.watched = what;
    waiting_.change(c.fd, c.id, what);
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      Connection& c = connections_[next_id_];
      c.fd = fd;
      c.id = next_id_++;
      c.watched = EPOLLIN | EPOLLRDHUP;
      waiting_.add(fd, c.id, c.watched);
      ++state_.counters.connections;
      ++state_.counters.open;
    }
  }

  void on_event(Connection& c, std::uint32_t events) {
    if (c.wants == Connection::Wants::request || c.wants == Connection::Wants::end) {
      if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0U) receive(c);
    } else if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0U) {
      drop(c);
    } else if ((events & EPOLLOUT) != 0U) {
      advance(c);
    }
  }

  void receive(Connection& c) {
    const ssize_t got = recv(c.fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return drop(c);
    if (c.wants == Connection::Wants::end) return;
    const std::string_view fresh(buffer_.data(), static_cast<std::size_t>(got));
    if (c.on_next != Step::Kind::bytes) return c.on_next == Step::Kind::reset_next ? reset(c) : drop(c);
    c.in.append(fresh);
    read_requests(c);
  }

  /// Parses and answers what `in` holds until it needs more bytes or an answer needs time. May drop `c`.
  void read_requests(Connection& c) {
    const std::uint64_t id = c.id;
    while (!c.in.empty()) {
      std::size_t used = 0;
      const Parsed parsed = parse_request(c.in, c.request, used);
      if (parsed == Parsed::bad || c.in.size() > k_largest_request) {
        c.request.keep_alive = false;
        c.in.clear();
        start(c,
              make_plan(make_error(400, "bad_request", "the simulator does not understand this request"), {}, false));
        return;
      }
      if (parsed == Parsed::head_only && c.request.header("x-sim").find("early") != std::string_view::npos) {
        c.in.clear();
        c.early = true;
        answer(c);
        return;
      }
      if (parsed != Parsed::complete) {
        if (parsed == Parsed::head_only && c.request.expects_continue && !c.continue_sent) {
          c.continue_sent = true;
          constexpr std::string_view k_continue = "HTTP/1.1 100 Continue\r\n\r\n";
          (void)send(c.fd, k_continue.data(), k_continue.size(), MSG_NOSIGNAL);
        }
        return;
      }
      c.in.erase(0, used);
      c.continue_sent = false;
      answer(c);
      if (!connections_.contains(id) || c.wants != Connection::Wants::request) return;
    }
  }

  void answer(Connection& c) {
    const Request& request = c.request;
    if (is_control(request)) {
      std::size_t release = 0;
      const Answer reply = control(request, state_, release);
      if (release > 0) release_held(release);
      return start(c, make_plan(reply, {}, request.keep_alive));
    }
    ++state_.counters.requests;
    state_.remember(request, c.id);
    ++state_.counters.inflight;
    c.counts = true;
    const Ask ask = request.body.empty() ? Ask{} : read_ask(request.body);
    Behaviour how;
    std::string wrong;
    if (!state_.script.empty()) {
      how = std::move(state_.script.front());
      state_.script.pop_front();
    } else if (const std::string_view line = request.header("x-sim"); !line.empty()) {
      wrong = read_behaviour(line, how);
    } else {
      wrong = read_model(ask.model, how);
    }
    const Answer reply =
        wrong.empty() ? make_answer(request, ask, how, state_.objects)
                      : make_error(400, "bad_behaviour", fmt::format("the simulator does not understand: {}", wrong));
    start(c, make_plan(reply, how, request.keep_alive));
  }

  void start(Connection& c, std::vector<Step> steps) {
    c.steps = std::move(steps);
    c.step = 0;
    c.sent = 0;
    advance(c, false);
  }

  /// Carries out steps until one has to wait. `resume`: go on with buffered requests afterwards.
  void advance(Connection& c, bool resume = true) {
    for (; c.step < c.steps.size(); ++c.step) {
      const Step& step = c.steps[c.step];
      switch (step.kind) {
        case Step::Kind::bytes:
          if (!write(c, step.bytes)) return;
          break;
        case Step::Kind::wait:
          ++c.step;
          waiting_.set_timer(c.id, step.ms);
          return park(c, Connection::Wants::timer);
        case Step::Kind::hold:
          if (state_.holds_off) break;
          ++c.step;
          ++state_.counters.held;
          held_.push_back(c.id);
          return park(c, Connection::Wants::release);
        case Step::Kind::silence:
          return park(c, Connection::Wants::nothing);
        case Step::Kind::close:
          return finish_and_close(c);
        case Step::Kind::reset:
          return reset(c);
        case Step::Kind::close_next:
        case Step::Kind::reset_next:
          c.on_next = step.kind;
          break;
      }
    }
    finished(c);
    c.steps.clear();
    park(c, Connection::Wants::request);
    if (resume && !c.in.empty()) read_requests(c);
  }

  /// False: the connection now waits to be writable, or is gone.
  bool write(Connection& c, std::string_view bytes) {
    while (c.sent < bytes.size()) {
      const ssize_t put = send(c.fd, bytes.data() + c.sent, bytes.size() - c.sent, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return park(c, Connection::Wants::writable), false;
      if (put < 0) return drop(c), false;
      c.sent += static_cast<std::size_t>(put);
    }
    c.sent = 0;
    return true;
  }

  void park(Connection& c, Connection::Wants wants) {
    c.wants = wants;
    rewatch(c);
  }

  void finished(Connection& c) {
    if (!c.counts) return;
    c.counts = false;
    --state_.counters.inflight;
    ++state_.counters.answered;
  }

  void finish_and_close(Connection& c) {
    finished(c);
    if (!c.early) return drop(c);
    // The peer is still sending its body: closing over unread bytes would send RST and might eat the answer.
    shutdown(c.fd, SHUT_WR);
    park(c, Connection::Wants::end);
  }

  void reset(Connection& c) {
    const linger now{1, 0};
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    finished(c);
    drop(c);
  }

  void drop(Connection& c) {
    if (c.wants == Connection::Wants::release) --state_.counters.held;
    if (c.counts) {
      --state_.counters.inflight;
      ++state_.counters.aborted;
    }
    --state_.counters.open;
    close(c.fd);
    connections_.erase(c.id);
  }

  void release_held(std::size_t count) {
    std::deque<std::uint64_t> waiting = std::move(held_);
    held_.clear();
    for (const std::uint64_t id : waiting) {
      const auto found = connections_.find(id);
      if (found == connections_.end() || found->second.wants != Connection::Wants::release) continue;
      if (count == 0) {
        held_.push_back(id);
        continue;
      }
      --count;
      // On the next turn of the loop, so that the caller's own connection is not in the middle of anything.
      --state_.counters.held;
      park(found->second, Connection::Wants::timer);
      waiting_.set_timer(id, 0);
    }
  }

  Waiting waiting_;
  int listener_;
  std::vector<char> buffer_;
  State state_;
  std::uint64_t next_id_ = k_first_connection;
  std::unordered_map<std::uint64_t, Connection> connections_;
  std::deque<std::uint64_t> held_;
};

}  // namespace

int serve(const Options& options) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  const int signals = signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);

  std::string address;
  const int listener = open_listener(options, address);
  if (listener < 0) {
    fmt::print(stderr, "simulator: cannot listen on {}: {}\n", address, std::strerror(errno));
    return 3;
  }
  fmt::print("listening {}\n", address);
  std::fflush(stdout);
  Server(listener, signals, options.keep).run();
  if (!options.unix_path.empty()) unlink(options.unix_path.c_str());
  return 0;
}

}  // namespace talon::simulator
