chatd_unit(outbound)
