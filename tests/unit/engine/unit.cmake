chatd_unit(engine)
