// What a fuzz target asserts: stops the run, so that libFuzzer keeps the input.
#pragma once

#include <cstdlib>

#define FUZZ_CHECK(condition) ((condition) ? void(0) : std::abort())
