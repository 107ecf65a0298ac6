chatd_unit(base)
