// The scripts that `chatctl completion` prints. They hold no knowledge of commands: `chatctl __complete` has it.
#include <fmt/format.h>

#include "cli/complete.h"

namespace chatd::cli {

namespace {

// Bash gives the line and wants what stands after its last word break (: and = are such); names are quoted for the line.
constexpr std::string_view kBash = R"script(# bash completion of chatctl: source <(chatctl completion bash)
_chatctl() {
  local line word files=0 typed=${COMP_WORDS[COMP_CWORD]} from=0
  local -a found=()
  COMPREPLY=()
  # What readline has already: "unix:" of unix:/run, "--output=" of --output=json.
  local whole=${COMP_LINE:0:COMP_POINT}
  whole=${whole##*[[:space:]]}
  [[ $typed == [:=] ]] && typed=
  if [[ $whole == *[:=]* && $whole == *"$typed" ]]; then from=$((${#whole} - ${#typed})); fi
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      files=1
      continue
    fi
    word=${line%%$'\t'*}
    case $typed in
      \'* | \"*) found+=("$word") ;;
      *) found+=("$(printf '%q' "${word:from}")") ;;
    esac
  done < <(command chatctl __complete --line "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  COMPREPLY=("${found[@]}")
  if ((files)); then compopt -o default 2>/dev/null; fi
}
complete -F _chatctl chatctl
)script";

constexpr std::string_view kZsh = R"script(#compdef chatctl
# zsh completion of chatctl: source <(chatctl completion zsh), or save it as _chatctl in a folder of $fpath
_chatctl() {
  local line files=0
  local -a names shown
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      files=1
      continue
    fi
    names+=("${line%%$'\t'*}")
    if [[ ${line#*$'\t'} == '' ]]; then
      shown+=("${line%%$'\t'*}")
    else
      shown+=("${line%%$'\t'*}  -- ${line#*$'\t'}")
    fi
  done < <(command chatctl __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( ${#names} )) && compadd -l -d shown -a names
  (( files )) && _files
  return 0
}
if [[ ${funcstack[1]} == _chatctl ]]; then
  _chatctl "$@"
else
  (( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -u }
  compdef _chatctl chatctl
fi
)script";

constexpr std::string_view kFish = R"script(# fish completion of chatctl: chatctl completion fish | source
function __chatctl_complete
    set -l typed (commandline -opc) (commandline -ct)
    set -l answers (command chatctl __complete -- $typed[2..-1] 2>/dev/null)
    for answer in $answers
        if test "$answer" = ":files"
            __fish_complete_path (commandline -ct)
        else
            printf '%s\n' $answer
        end
    end
end
complete -c chatctl -f -a '(__chatctl_complete)'
)script";

}  // namespace

Outcome<std::string> completionScript(const std::string& shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return usage(fmt::format("there is no completion for {}", shell), "One of bash, zsh, fish.");
}

}  // namespace chatd::cli
