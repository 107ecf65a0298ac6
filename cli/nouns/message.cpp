// message: what was said. REST: /chats/{id}/messages, /message/{id}.
#include <memory>

#include <fmt/format.h>

#include "base/random.h"
#include "base/text.h"
#include "cli/nouns/nouns.h"
#include "cli/nouns/rooms.h"
#include "cli/nouns/users.h"

namespace chatd::cli {

namespace {

const View kMessages{"id",
                     "id",
                     {{"ID", "id"},
                      {"SEQ", "seq"},
                      {"USER ID", "userId"},
                      {"CREATED", "createdAt"},
                      {"TEXT", "text"},
                      {"CLIENT MSG ID", "clientMsgId", true},
                      {"REPLY TO", "replyTo", true},
                      {"UPDATED", "updatedAt", true},
                      {"DELETED", "deletedAt", true}},
                     {"roomId", "room", "metadata", "duplicate"}};

struct SendWords {
  std::string room;
  std::string as;
  std::optional<std::string> text;
  std::optional<std::string> clientMsgId;
  std::optional<std::string> metadata;
};

/// The words' text, or standard input without the one newline that `echo` adds.
Outcome<std::string> textOf(Invocation& run, const SendWords& words) {
  if (words.text && *words.text != "-") return *words.text;
  CHATD_TRY(input, readInput(run));
  if (input.ends_with('\n')) input.pop_back();
  if (!isUtf8(input)) return usage("the text on standard input is not UTF-8");
  return std::move(input);
}

Handler messageSend(CLI::App& command) {
  auto words = std::make_shared<SendWords>();
  bindWord(command, "ROOM", words->room, "name or id");
  bindWord(command, "TEXT", words->text, "what to say; from standard input if absent or -")->type_name("");
  bindWord(command, "--as", words->as, "the sender, by the app's own id")->type_name("APPUSERID")->required();
  bindWord(command, "--client-msg-id", words->clientMsgId,
           "the same id never makes a second message; by itself a random one");
  bindWord(command, "--metadata", words->metadata, "any JSON of the app's")->type_name("JSON");
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(app, run.client.appId());
    CHATD_TRY(room, findRoom(run, words->room));
    CHATD_TRY(id, integerField(room.document, "id"));
    CHATD_TRY(text, textOf(run, *words));
    std::string body;
    JsonWriter json(body);
    json.beginObject();
    if (app && !run.settings.credentialNamesApp()) json.field("appId", *app);
    json.field("appUserId", words->as).field("text", text);
    json.field("clientMsgId", words->clientMsgId ? *words->clientMsgId : "chatctl-" + toHex(randomBytes(16)));
    if (words->metadata) {
      const auto parsed = parseJson(*words->metadata);
      if (!parsed.ok()) return badJson("--metadata", parsed.error());
      json.key("metadata").raw(toText(parsed.value()));
    }
    json.endObject();
    auto sent = run.client.call({"POST", fmt::format("/chats/{}/messages", id), {}, body});
    if (!sent.ok() && sent.error().code == "user_not_found") CHATD_CHECK(findUser(run, words->as));  // for its guess
    if (!sent.ok() && sent.error().code == "forbidden") {
      Failure failure = std::move(sent).error();
      failure.hint = "Only members speak in a room: `chatctl room member list` shows them, `room member add` adds one.";
      return failure;
    }
    CHATD_TRY(answer, std::move(sent));
    return run.printer.one(kMessages, answer);
  };
}

Handler messageList(CLI::App& command) {
  struct Words {
    std::string room;
    std::uint64_t limit = kAllItems;
    std::optional<std::uint64_t> before;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "ROOM", words->room, "name or id");
  bindLimit(command, words->limit);
  command.add_option("--before", words->before, "only messages with a smaller seq")->type_name("SEQ")->check(numberFrom1());
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(room, findRoom(run, words->room));
    CHATD_TRY(id, integerField(room.document, "id"));
    ListCall call{fmt::format("/chats/{}/messages", id), {}, words->limit};
    if (words->before) call.firstPage.emplace_back("before", fmt::format("{}", *words->before));
    return run.printer.list(kMessages, run.client, call);
  };
}

Handler messageGet(CLI::App& command) {
  auto id = std::make_shared<std::string>();
  bindWord(command, "ID", *id, "the message's id");
  return [id](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, run.client.get("/message/" + percentEncode(*id)));
    return run.printer.one(kMessages, answer);
  };
}

Handler messageDelete(CLI::App& command) {
  auto id = std::make_shared<std::string>();
  bindWord(command, "ID", *id, "the message's id");
  return [id](Invocation& run) -> Outcome<void> {
    CHATD_CHECK(confirm(run, fmt::format("Delete message {}?", *id)));
    CHATD_CHECK(run.client.call({"DELETE", "/message/" + percentEncode(*id), {}, {}}));
    note(run, fmt::format("message {} is deleted", *id));
    return {};
  };
}

}  // namespace

const Noun& messageNoun() {
  static const Noun noun{"message",
                         "What was said in a room",
                         {{"send", "Send a message as a user", messageSend, &kMessages},
                          {"list", "List the messages of a room, newest first", messageList},
                          {"get", "Show a message", messageGet},
                          {"delete", "Delete a message; its place in the order stays", messageDelete}}};
  return noun;
}

}  // namespace chatd::cli
