// Crew: the processors of this machine, for work on many small things that do not touch one another (hashing and reading
// lines). One owner; between start() and finish() the owner may do something else, such as bring the next batch or look
// at the one before.
//
//   Crew crew;
//   crew.start(lines.size(), [&](std::size_t i) { examine(lines[i]); });   // what it uses stays until finish()
//   ...
//   crew.finish();                                                         // helps with what is left, waits for the rest
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace talon::vault {

class Crew {
 public:
  Crew() = default;
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// `work(i)` for each i below `count`, on any thread and in any order; it does not throw. The last job is finished.
  void start(std::size_t count, std::function<void(std::size_t)> work);
  void finish();

 private:
  void help();
  void run();

  std::vector<std::thread> threads_;  ///< made with the first job that is worth them
  std::mutex guard_;
  std::condition_variable wake_, idle_;
  std::function<void(std::size_t)> work_;
  std::size_t count_ = 0;
  std::atomic<std::size_t> next_{0};
  std::uint64_t job_ = 0;    ///< under guard_, as are these
  std::size_t helping_ = 0;  ///< threads inside help()
  bool over_ = false;
};

}  // namespace talon::vault
