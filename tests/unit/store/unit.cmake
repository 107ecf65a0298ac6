chatd_unit(store)
