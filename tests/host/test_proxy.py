"""Which proxy a download goes through."""

from __future__ import annotations

import pytest

from limpet.host.proxy import proxy_for

PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("tls", "host", "configured", "environment", "proxy"),
    [
        (True, "a.com", None, {}, None),
        (True, "a.com", PROXY, {}, PROXY),
        (False, "a.com", PROXY, {"http_proxy": "http://other"}, PROXY),
        (True, "a.com", None, {"https_proxy": PROXY, "http_proxy": "http://other"}, PROXY),
        (False, "a.com", None, {"https_proxy": PROXY, "http_proxy": "http://other"}, "http://other"),
        (True, "a.com", None, {"HTTPS_PROXY": PROXY}, PROXY),
        (True, "a.com", None, {"HTTPS_PROXY": "http://upper", "https_proxy": PROXY}, PROXY),
        (True, "a.com", None, {"https_proxy": "proxy:3128"}, PROXY),
        (True, "a.com", None, {"https_proxy": ""}, None),
        (True, "a.com", PROXY, {"no_proxy": "*"}, None),
        (True, "a.com", PROXY, {"NO_PROXY": "x, a.com"}, None),
        (True, "blob.a.com.", PROXY, {"no_proxy": ".A.com"}, None),
        (True, "blob.a.com", PROXY, {"no_proxy": "*.a.com"}, None),
        (True, "nota.com", PROXY, {"no_proxy": "a.com"}, PROXY),
        (True, "10.1.2.3", PROXY, {"no_proxy": "10.0.0.0/8"}, None),
        (True, "10.1.2.3", PROXY, {"no_proxy": "10.1.2.3"}, None),
        (True, "11.1.2.3", PROXY, {"no_proxy": "10.0.0.0/8, nonsense/99,,"}, PROXY),
        (True, "fe80::1", PROXY, {"no_proxy": "fe80::/10"}, None),
        (True, "a.com", PROXY, {"no_proxy": "10.0.0.0/8"}, PROXY),
    ],
)
def test_the_proxy_of_a_host(
    tls: bool, host: str, configured: str | None, environment: dict[str, str], proxy: str | None
) -> None:
    assert proxy_for(tls=tls, host=host, configured=configured, environment=environment) == proxy
