// The gateway as one object: `talon serve` builds it, runs it, stops it.
//
//   auto server = Server::start(snapshot, vault, options);   // listeners are bound, workers run
//   server->wait();                                          // until stop() has finished
//
// Owns listeners, workers (each with its io_context, connections and upstream pools), the threads
// for what blocks (net/worker.h, Shared) and the timers. The vault and the snapshot outlive it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "core/time.h"
#include "gateway/snapshot.h"
#include "vault/vault.h"

namespace talon::gateway {

/// One JSON object a line on stderr, or short human lines on a terminal. Thread-safe.
class Log;

struct ServerOptions {
  unsigned workers = 0;  ///< 0: cores − 1, at least 1
  std::chrono::milliseconds drain_timeout{30'000};
  const core::Clock* clock = nullptr;
  Log* log = nullptr;
  std::string version;
  /// For a reload: reads the configuration again, checks it whole and builds its snapshot; on the admin thread.
  /// Error: config_invalid and all that is wrong with it, or a file that cannot be read.
  std::function<core::Result<SnapshotRef>()> load;
  /// A drain begins that no signal asked for; may be empty.
  std::function<void()> drain_begins;
  /// A reload begins; it is over, with the new generation or with none.
  std::function<void()> reload_begins;
  std::function<void(const Snapshot* loaded)> reload_ended;
  /// Called by a worker about once a second while all workers answer: feeds the watchdog.
  std::function<void()> alive;
};

class Server {
 public:
  /// Error: address_in_use, vault_permission …; nothing is left bound.
  [[nodiscard]] static core::Result<std::unique_ptr<Server>> start(SnapshotRef snapshot, vault::Vault& vault,
                                                                   ServerOptions options);
  ~Server();

  struct Bound {
    std::string address;  ///< as bound, real port
    bool tls = false;
    bool admin = false;  ///< of admin_listen
  };
  [[nodiscard]] const std::vector<Bound>& addresses() const noexcept;
  /// Any thread, as SIGHUP does. Returns at once; the log says what came of it.
  void reload();
  enum class Stop { drain, now };
  /// Any thread; may be called again with Stop::now. Drain: stop accepting, finish what runs.
  void stop(Stop how);
  /// Returns when all workers have ended and all their records are committed.
  void wait();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace talon::gateway
