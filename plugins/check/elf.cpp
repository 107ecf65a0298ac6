#include "check/elf.h"

#include <elf.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

namespace chatd::plugin_check {

namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 20;
constexpr const char* kCutOff = "is not a whole library: its end is missing";

/// A struct at an offset, if it is all there: the file may be anything.
template <class T>
std::optional<T> at(const std::string& bytes, std::uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T out;
  std::memcpy(&out, bytes.data() + offset, sizeof out);
  return out;
}

bool isThere(const std::string& bytes, std::uint64_t offset, std::uint64_t size) {
  return offset <= bytes.size() && size <= bytes.size() - offset;
}

std::string textAt(const std::string& bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return {};
  const auto end = bytes.find('\0', offset);
  return bytes.substr(offset, end == std::string::npos ? 0 : end - offset);
}

void readExports(const std::string& bytes, const Elf64_Ehdr& header, const Elf64_Shdr& symbols, LibraryFacts& facts) {
  const auto names = at<Elf64_Shdr>(bytes, header.e_shoff + std::uint64_t{symbols.sh_link} * sizeof(Elf64_Shdr));
  if (!names) return;
  for (std::uint64_t i = 1; i < symbols.sh_size / sizeof(Elf64_Sym); ++i) {
    const auto symbol = at<Elf64_Sym>(bytes, symbols.sh_offset + i * sizeof(Elf64_Sym));
    if (!symbol) return;
    const unsigned binding = ELF64_ST_BIND(symbol->st_info);
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || binding == STB_LOCAL) continue;
    facts.exports.push_back(textAt(bytes, names->sh_offset + symbol->st_name));
  }
}

}  // namespace

Result<LibraryFacts> readLibrary(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error(Code::Invalid, "cannot be read");
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  const auto header = at<Elf64_Ehdr>(bytes, 0);
  if (bytes.size() > kMostBytes || !header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_type != ET_DYN || header->e_shentsize != sizeof(Elf64_Shdr) ||
      header->e_phentsize != sizeof(Elf64_Phdr)) {
    return Error(Code::Invalid, "is no 64-bit ELF shared library");
  }
  LibraryFacts facts;
  facts.executableStack = true;
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    const auto part = at<Elf64_Phdr>(bytes, header->e_phoff + std::uint64_t{i} * sizeof(Elf64_Phdr));
    if (!part || !isThere(bytes, part->p_offset, part->p_filesz)) return Error(Code::Invalid, kCutOff);
    if (part->p_type == PT_GNU_STACK) facts.executableStack = (part->p_flags & PF_X) != 0;
  }
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    const auto section = at<Elf64_Shdr>(bytes, header->e_shoff + std::uint64_t{i} * sizeof(Elf64_Shdr));
    if (!section) return Error(Code::Invalid, kCutOff);
    if (section->sh_type == SHT_DYNSYM) readExports(bytes, *header, *section, facts);
  }
  return facts;
}

}  // namespace chatd::plugin_check
