#include "auth/verifier_metrics.h"

#include <algorithm>
#include <string_view>

namespace chatd {

namespace {

constexpr std::size_t kVerifiers = 500;      // pairs of app and plugin
constexpr std::size_t kPluginSeries = 2000;  // of plugins' own counters, over all
constexpr std::size_t kNamesOfPlugin = 50;   // of one app's plugin
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxLabels = 4;

std::string idText(AppId app) { return std::to_string(raw(app)); }

bool isName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// "key=value,key=value", by key: one label of ours, whatever labels a plugin thinks of.
std::string joined(VerifierMetrics::Pairs& labels) {
  std::sort(labels.begin(), labels.end());
  std::string out;
  for (const auto& [key, value] : labels) out.append(out.empty() ? "" : ",").append(key).append("=").append(value);
  return out;
}

}  // namespace

VerifierMetrics::VerifierMetrics(Metrics& metrics)
    : verdicts_(metrics.countersBy("chatd_verifier_verdicts_total", "What verifiers said when they were asked.",
                                   {"app", "verifier", "verdict"}, 4 * kVerifiers)),
      seconds_(metrics.histograms("chatd_verifier_seconds", "From asking a verifier to its verdict, or to its deadline.",
                                  secondsBuckets(), {"app", "verifier"}, kVerifiers)),
      hits_(metrics.countersBy("chatd_verifier_cache_hits_total", "Verdicts that the cache knew.", {"app", "verifier"},
                               kVerifiers)),
      restarts_(metrics.countersBy("chatd_plugin_restarts_total", "Processes of plugins that ended before their time.",
                                   {"app", "plugin"}, kVerifiers)),
      counts_(metrics.sums("chatd_plugin_counts_total", "What plugins count themselves (metric_add).",
                           {"app", "plugin", "name", "labels"}, kPluginSeries)) {}

void VerifierMetrics::asked(AppId app, const std::string& plugin, Verdict::Kind said, std::chrono::nanoseconds took) {
  const std::string id = idText(app);
  verdicts_.withAll({id, plugin, kindText(said)}).add();
  seconds_.withAll({id, plugin}).observe(std::chrono::duration<double>(took).count());
}

void VerifierMetrics::cached(AppId app, const std::string& plugin) { hits_.withAll({idText(app), plugin}).add(); }

void VerifierMetrics::restarted(AppId app, const std::string& plugin) { restarts_.withAll({idText(app), plugin}).add(); }

void VerifierMetrics::counted(AppId app, const std::string& plugin, const std::string& name, double by, Pairs labels) {
  const bool named = isName(name) && labels.size() <= kMaxLabels &&
                     std::all_of(labels.begin(), labels.end(), [](const auto& label) { return isName(label.first); });
  if (!named || !(by > 0)) return;
  std::pair<std::string, std::string> series(name, joined(labels));
  {
    LockGuard g(mutex_);
    // Pairs beyond the bound share one account.
    auto of = named_.find({app, plugin});
    if (of == named_.end())
      of =
          named_.try_emplace(named_.size() < kVerifiers ? std::pair(app, plugin) : std::pair(AppId{0}, std::string())).first;
    if (of->second.count(series) == 0) {
      if (of->second.size() >= kNamesOfPlugin) series = {"other", ""};
      of->second.insert(series);
    }
  }
  counts_.withAll({idText(app), plugin, series.first, series.second}).add(by);
}

}  // namespace chatd
