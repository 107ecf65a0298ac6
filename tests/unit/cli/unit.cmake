chatd_unit(cli Poco::Net Poco::NetSSL yaml-cpp)
