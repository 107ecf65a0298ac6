chatd_unit(realtime)
