// chatd-documents: writes one document made from the table of options into a file. Run by the build target `generate`.
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "config/documents.h"

int main(int argc, char** argv) {
  const std::string_view kind = argc == 3 ? argv[1] : "";
  if (kind != "yaml" && kind != "man") {
    std::fputs("usage: chatd-documents yaml|man FILE\n", stderr);
    return 2;
  }
  std::ofstream out(argv[2], std::ios::binary);
  out << (kind == "yaml" ? chatd::configFileDocument() : chatd::manualDocument());
  out.close();
  if (!out) {
    std::fprintf(stderr, "chatd-documents: cannot write %s\n", argv[2]);
    return 1;
  }
  return 0;
}
