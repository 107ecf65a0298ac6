// Frame: encoded bytes that many connections send. Immutable once shared; one encoding, one buffer, any number of readers.
#pragma once

#include <memory>
#include <string>

namespace chatd {

using Frame = std::string;
using FramePtr = std::shared_ptr<const Frame>;

inline FramePtr makeFrame(std::string bytes) { return std::make_shared<const Frame>(std::move(bytes)); }

}  // namespace chatd
