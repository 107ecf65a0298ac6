chatd_unit(observe)
