// Task: a move-only callable, run at most once or many times by its owner. Small captures live inside (no allocation).
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace chatd {

template <class Signature>
class UniqueFunction;

template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): lambdas convert, as with std::function.
  UniqueFunction(std::nullptr_t) {}

  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, UniqueFunction> &&
                                              std::is_invocable_r_v<R, std::decay_t<F>&, Args...>>>
  // NOLINTNEXTLINE(google-explicit-constructor)
  UniqueFunction(F&& f) {
    using Callable = std::decay_t<F>;
    if constexpr (fits<Callable>()) {
      ::new (static_cast<void*>(&buffer_)) Callable(std::forward<F>(f));
      ops_ = &inlineOps<Callable>;
    } else {
      ::new (static_cast<void*>(&buffer_)) Callable*(new Callable(std::forward<F>(f)));
      ops_ = &heapOps<Callable>;
    }
  }

  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() { reset(); }

  explicit operator bool() const { return ops_ != nullptr; }
  R operator()(Args... args) { return ops_->call(&buffer_, std::forward<Args>(args)...); }

 private:
  static constexpr std::size_t kInline = 48;
  struct Ops {
    R (*call)(void*, Args&&...);
    void (*move)(void* from, void* to) noexcept;  // leaves `from` destroyed
    void (*destroy)(void*) noexcept;
  };

  template <class C>
  static constexpr bool fits() {
    return sizeof(C) <= kInline && alignof(C) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<C>;
  }

  template <class C>
  static constexpr Ops inlineOps = {
      [](void* p, Args&&... args) -> R { return (*static_cast<C*>(p))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept {
        ::new (to) C(std::move(*static_cast<C*>(from)));
        static_cast<C*>(from)->~C();
      },
      [](void* p) noexcept { static_cast<C*>(p)->~C(); }};

  template <class C>
  static constexpr Ops heapOps = {
      [](void* p, Args&&... args) -> R { return (**static_cast<C**>(p))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept { ::new (to) C*(*static_cast<C**>(from)); },
      [](void* p) noexcept { delete *static_cast<C**>(p); }};

  void take(UniqueFunction& other) noexcept {
    if (other.ops_ == nullptr) return;
    other.ops_->move(&other.buffer_, &buffer_);
    ops_ = std::exchange(other.ops_, nullptr);
  }
  void reset() noexcept {
    if (ops_ != nullptr) std::exchange(ops_, nullptr)->destroy(&buffer_);
  }

  const Ops* ops_ = nullptr;
  alignas(std::max_align_t) std::byte buffer_[kInline];
};

using Task = UniqueFunction<void()>;

}  // namespace chatd
