#include "store/postgresql/pg_call.h"

#include <vector>

namespace chatd::store {

PgResult pgCall(PGconn* connection, CallLimit& limit, const char* name, std::span<const std::string> scalars,
                std::span<PgArray* const> arrays, PgForm answer) {
  const std::size_t count = scalars.size() + arrays.size();
  std::vector<const char*> values;
  std::vector<int> lengths;
  values.reserve(count);
  lengths.reserve(count);
  const std::vector<int> forms(count, static_cast<int>(PgForm::Binary));
  const auto bind = [&](const std::string& bytes) {
    values.push_back(bytes.data());
    lengths.push_back(static_cast<int>(bytes.size()));
  };
  for (const std::string& scalar : scalars) bind(scalar);
  for (PgArray* array : arrays) bind(array->bytes());
  const CallLimit::Guard guard(&limit);
  return checked(connection, PQexecPrepared(connection, name, static_cast<int>(count), values.data(), lengths.data(),
                                            forms.data(), static_cast<int>(answer)));
}

}  // namespace chatd::store
