chatd_unit(chat)
