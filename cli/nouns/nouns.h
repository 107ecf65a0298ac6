// Every noun of chatctl; one file each. A new noun is a file here and a row in nouns.cpp.
#pragma once

#include "cli/command.h"

namespace chatd::cli {

const Noun& appNoun();
const Noun& userNoun();
const Noun& roomNoun();
const Noun& messageNoun();
const Noun& backupNoun();
const Noun& storeNoun();  // migrate-store
const Noun& contextNoun();
const Noun& loginNoun();   // login, logout, whoami
const Noun& serverNoun();  // status, api, version, help
const Noun& daemonNoun();  // wait, reload, loglevel, drain
const Noun& accountNoun();
const Noun& applyNoun();  // apply, diff, delete
const Noun& bulkNoun();   // export, import
const Noun& tailNoun();   // tail
const Noun& watchNoun();
const Noun& pluginNoun();
const Noun& doctorNoun();  // doctor, completion

}  // namespace chatd::cli
