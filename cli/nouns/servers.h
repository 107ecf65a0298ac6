// What the verbs about the daemon itself share.
#pragma once

#include "cli/command.h"

namespace chatd::cli {

/// The answer of /healthz or /readyz, 503 included. Errors: as AdminClient::raw, any other status of 400 and
/// above, and Exit::Other with the code "not_chatd" if something else listens there.
[[nodiscard]] Outcome<HttpAnswer> probe(Invocation& run, const char* path);
/// How GET /server looks.
[[nodiscard]] const View& serverView();

}  // namespace chatd::cli
