// Idempotency-Key on POST: the first request runs, repeats get its answer. The keys live in the store (24 h).
// Blocks; thread: worker.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "chat/credentials.h"
#include "rest/call.h"

namespace chatd::rest {

/// Looks at the header of a POST. True: go on (there is no key, or this is its first request, which is then held as running
/// in `call.idempotency`). False: the call has been answered: replayed, or refused with IdempotencyMismatch,
/// IdempotencyRunning, AlreadyDone, OutcomeUnknown (the first request was cut off), Invalid (the key), or an error of the
/// store.
[[nodiscard]] bool beginIdempotency(Credentials& credentials, Call& call);

/// Keeps the answer of the request that held `scope`, or forgets the key if the request did nothing and should be tried
/// again (5xx but OutcomeUnknown, 429). Answers with a secret keep only the id. A store that fails here does not change the
/// answer: what was done is done.
void settleIdempotency(Credentials& credentials, const std::string& scope, const Result<Reply>& result,
                       const std::string& requestId);

}  // namespace chatd::rest
