chatd_unit(net)
