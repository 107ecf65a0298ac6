// Pieces of work that several threads fetch at once and one takes in their order, while they are still being fetched. Parts
// wait in bounded queues; a thread gets at most a few pieces ahead of the one that is being taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "cli/failure.h"

namespace chatd::cli {

/// A part of a piece, as it goes from the thread that fetched it to the one that takes it.
struct Part {
  std::string lines;
  std::uint64_t rows = 0;
  std::int64_t mark = 0;  ///< what the taker notes once it has the part
};

struct PiecesOfWork {
  std::size_t count = 0, threads = 1;
  /// Fetches piece `i` on thread `thread`, and gives its parts. `give` waits while there is no room, and is false once
  /// nobody wants more: then return.
  std::function<Outcome<void>(std::size_t i, std::size_t thread, const std::function<bool(Part)>& give)> fetch;
  /// Takes a part, on the caller's thread. A failure ends all.
  std::function<Outcome<void>(std::size_t i, const Part& part)> take;
  /// Piece `i` is whole, or its fetch failed after the parts that were taken. A failure ends all.
  std::function<Outcome<void>(std::size_t i, const Outcome<void>& fetched)> end;
  /// Asked while waiting; true ends all with Exit::Interrupted. May be empty.
  std::function<bool()> interrupted;
};

/// Does them all. Returns when every thread has ended.
[[nodiscard]] Outcome<void> doInOrder(const PiecesOfWork& work);

}  // namespace chatd::cli
