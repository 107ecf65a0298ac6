// Secret: text that must not reach a log, a list or an error. It has no conversion and no formatter; whoever needs the
// bytes says reveal(). Thread: any (a value).
#pragma once

#include <string>
#include <utility>

namespace chatd {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// The bytes. Never hand them to a log.
  [[nodiscard]] const std::string& reveal() const { return text_; }
  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

}  // namespace chatd
