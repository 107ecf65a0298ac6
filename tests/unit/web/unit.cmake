chatd_unit(web)
