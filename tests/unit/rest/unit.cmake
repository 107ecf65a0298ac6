chatd_unit(rest chatd_store chatd_outbound)
