chatd_unit(protocol)
