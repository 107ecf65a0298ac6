"""HTTP/1.1: what a request may look like (RFC 9112 sections 2, 3 and 5, RFC 9110 section 5)."""

import unittest

from cases import table, tabled
from wire import Wire, http, lines

HEAD_BYTES = 16 * 1024  # of request line and headers
SMUGGLED = http("GET /smuggled HTTP/1.1")


def get(*headers):
    return lines("GET / HTTP/1.1", "Host: a", *headers, "")


def raw(text):
    return text.encode("latin-1")


# What is taken: name, request, body of the echo.
TAKEN = [
    ("get", get(), b""),
    ("a_method_of_any_token", lines("BREW / HTTP/1.1", "Host: a", ""), b""),
    ("a_method_with_every_token_character", lines("A!#$%&'*+-.^_`|~9 / HTTP/1.1", "Host: a", ""), b""),
    ("a_query", lines("GET /?a=1&b=%20 HTTP/1.1", "Host: a", ""), b""),
    ("an_absolute_target", lines("GET http://a/ HTTP/1.1", "Host: a", ""), b""),
    ("an_absolute_target_in_upper_case", lines("GET HTTP://A/ HTTP/1.1", "Host: a", ""), b""),
    ("an_absolute_target_that_is_not_the_host", lines("GET http://other:8080/ HTTP/1.1", "Host: a", ""), b""),
    ("an_absolute_target_without_a_path", lines("GET http://a HTTP/1.1", "Host: a", ""), b""),
    ("an_absolute_target_with_a_query_alone", lines("GET http://a?x HTTP/1.1", "Host: a", ""), b""),
    ("the_asterisk_of_options", lines("OPTIONS * HTTP/1.1", "Host: a", ""), b""),
    ("one_empty_line_in_front", b"\r\n" + get(), b""),
    ("a_target_of_8_kib", lines("GET /?" + "a" * 8190 + " HTTP/1.1", "Host: a", ""), b""),
    ("header_names_in_any_case", lines("POST / HTTP/1.1", "hOsT: a", "CONTENT-length: 2", "") + b"hi", b"hi"),
    ("no_space_behind_the_colon", lines("POST / HTTP/1.1", "Host:a", "Content-Length:2", "") + b"hi", b"hi"),
    ("spaces_and_tabs_around_a_value", lines("POST / HTTP/1.1", "Host: \t a \t", "Content-Length:\t2 ", "") + b"hi", b"hi"),
    ("an_empty_value", get("X-Empty:"), b""),
    ("a_tab_inside_a_value", get("X: a\tb"), b""),
    ("bytes_above_127_in_a_value", get("X: caf\xe9 \xff"), b""),
    ("the_same_header_twice", get("X: 1", "X: 2"), b""),
    ("a_hundred_headers", get(*(f"X-{i}: y" for i in range(99))), b""),
    ("a_head_of_the_limit", get("X: " + "y" * (HEAD_BYTES - len(get("X: ")))), b""),
    ("an_ipv6_host", lines("GET / HTTP/1.1", "Host: [::1]:8080", ""), b""),
    ("a_host_with_a_port", lines("GET / HTTP/1.1", "Host: example.com:65535", ""), b""),
    ("a_host_with_an_empty_port", lines("GET / HTTP/1.1", "Host: example.com:", ""), b""),
    ("http_1_0_without_host", lines("GET / HTTP/1.0", "Connection: keep-alive", ""), b""),
    ("an_upgrade_to_what_is_not_spoken", get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"), b""),
    ("a_get_with_a_body", http("GET / HTTP/1.1", body=b"hello"), b"hello"),
]

# What is refused: name, request (what follows it must not be answered), status.
REFUSED = [
    ("two_empty_lines_in_front", b"\r\n\r\n" + get(), 400),
    ("a_space_in_front", b" " + get(), 400),
    ("a_nul_in_front", b"\0" + get(), 400),
    ("a_tls_hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("a_bare_lf_behind_the_request_line", raw("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400),
    ("a_bare_lf_in_front", b"\n" + get(), 400),
    ("a_bare_cr_in_the_request_line", raw("GET / HTTP/1.1\rHost: a\r\n\r\n"), 400),
    ("two_spaces_before_the_target", raw("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("two_spaces_behind_the_target", raw("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("a_space_behind_the_version", raw("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400),
    ("a_tab_for_a_space", raw("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("http_0_9", raw("GET /\r\n\r\n"), 400),
    ("no_target", raw("GET HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("no_method", raw(" / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("a_method_that_is_no_token", raw("GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("a_method_without_end", raw("A" * 33 + " / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("http_2_preface", raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505),
    ("http_3_0", raw("GET / HTTP/3.0\r\nHost: a\r\n\r\n"), 505),
    ("a_version_in_lower_case", raw("GET / http/1.1\r\nHost: a\r\n\r\n"), 400),
    ("a_version_of_two_digits", raw("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), 400),
    ("a_version_without_a_minor", raw("GET / HTTP/1\r\nHost: a\r\n\r\n"), 400),
    ("another_protocol", raw("GET / ICY/1.1\r\nHost: a\r\n\r\n"), 400),
    ("a_fragment_in_the_target", raw("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("a_control_byte_in_the_target", raw("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("a_raw_byte_above_127_in_the_target", raw("GET /caf\xe9 HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("a_target_without_a_slash", raw("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("the_asterisk_of_get", raw("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("a_foreign_scheme", raw("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("an_absolute_target_with_a_user", raw("GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("an_absolute_target_without_a_host", raw("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
    ("connect", raw("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), 501),
    ("a_target_over_8_kib", lines("GET /" + "a" * 8192 + " HTTP/1.1", "Host: a", ""), 414),
    ("a_request_line_without_end", b"GET /" + b"a" * HEAD_BYTES, 414),
    ("a_space_before_the_colon", get("X : y"), 400),
    ("a_tab_before_the_colon", get("X\t: y"), 400),
    ("a_header_folded_with_a_space", get("X: a", " b"), 400),
    ("a_header_folded_with_a_tab", get("X: a", "\tb"), 400),
    ("a_space_before_the_first_header", lines("GET / HTTP/1.1", " Host: a", ""), 400),
    ("a_header_without_a_colon", get("nothing"), 400),
    ("a_header_without_a_name", get(": y"), 400),
    ("a_space_inside_a_name", get("A B: y"), 400),
    ("a_control_byte_in_a_name", get("A\x01: y"), 400),
    ("a_byte_above_127_in_a_name", get("\xc4: y"), 400),
    ("a_nul_in_a_value", get("X: a\x00b"), 400),
    ("a_control_byte_in_a_value", get("X: a\x01b"), 400),
    ("a_delete_in_a_value", get("X: a\x7fb"), 400),
    ("a_bare_cr_in_a_value", get("X: a\rY: b"), 400),
    ("a_bare_lf_behind_a_header", raw("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"), 400),
    ("a_bare_lf_at_the_end_of_the_head", raw("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400),
    ("no_host", lines("GET / HTTP/1.1", "X: y", ""), 400),
    ("no_host_beside_an_absolute_target", lines("GET http://a/ HTTP/1.1", "X: y", ""), 400),
    ("two_hosts", lines("GET / HTTP/1.1", "Host: a", "Host: b", ""), 400),
    ("the_same_host_twice", lines("GET / HTTP/1.1", "Host: a", "Host: a", ""), 400),
    ("an_empty_host", lines("GET / HTTP/1.1", "Host:", ""), 400),
    ("a_host_with_a_path", lines("GET / HTTP/1.1", "Host: a/b", ""), 400),
    ("a_host_with_a_user", lines("GET / HTTP/1.1", "Host: u@a", ""), 400),
    ("a_list_of_hosts", lines("GET / HTTP/1.1", "Host: a, b", ""), 400),
    ("a_host_with_a_port_of_letters", lines("GET / HTTP/1.1", "Host: a:http", ""), 400),
    ("a_host_with_an_open_bracket", lines("GET / HTTP/1.1", "Host: [::1", ""), 400),
    ("two_hosts_in_http_1_0", lines("GET / HTTP/1.0", "Host: a", "Host: b", ""), 400),
    ("a_hundred_and_one_headers", get(*(f"X-{i}: y" for i in range(100))), 431),
    ("a_head_over_the_limit", get("X: " + "y" * (HEAD_BYTES + 1 - len(get("X: ")))), 431),
    ("a_header_without_end", lines("GET / HTTP/1.1", "Host: a") + b"X: " + b"y" * HEAD_BYTES, 431),
    ("headers_without_end", lines("GET / HTTP/1.1", "Host: a") + b"X: yyyyyyyy\r\n" * 2000, 431),
]


@tabled
class Syntax(unittest.TestCase):
    @table([(f"{name}_is_taken", request, body) for name, request, body in TAKEN])
    def taken(self, request, body):
        for size in (len(request), 1):
            with Wire() as wire:
                wire.send_cut(request, size)
                response = wire.response()
                self.assertEqual((response.status, response.body), (200, body))
                self.assertEqual(wire.request("GET", "/").status, 200, "the connection stays usable")

    @table([(f"{name}_is_refused", request, status) for name, request, status in REFUSED])
    def refused(self, request, status):
        for size in (len(request + SMUGGLED), 1):
            with Wire() as wire:
                wire.send_cut(request + SMUGGLED, size)
                response = wire.response()
                self.assertEqual(response.status, status)
                self.assertEqual(response.header("Connection"), "close")
                self.assertEqual(wire.read_to_end(), b"", "nothing behind it is answered")

    def test_the_target_and_the_method_arrive_as_they_were_sent(self):
        with Wire() as wire:
            response = wire.request("PUT", "/?%2e%2F=%00&a=b+c")
            self.assertEqual(response.header("X-Method"), "PUT")
            self.assertEqual(response.header("X-Target"), "/?%2e%2F=%00&a=b+c")

    def test_dots_and_escapes_in_a_path_are_not_resolved(self):
        with Wire() as wire:
            for target in ("/a/..", "//", "/%2e", "/./"):
                self.assertEqual(wire.request("GET", target).status, 404, target)


if __name__ == "__main__":
    unittest.main()
