chatd_unit(auth)
