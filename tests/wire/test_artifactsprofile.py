"""The artifacts profile: each rule of wire-protocol.md §13."""

from __future__ import annotations

import pytest

from limpet.model.errors import MalformedDocument
from limpet.wire.artifactsprofile import ArtifactsProfile, parse_artifacts_profile, render_artifacts_profile


@pytest.mark.parametrize("on_hold", [True, False])
def test_a_profile_survives_the_way_to_the_wire_and_back(on_hold: bool) -> None:
    profile = ArtifactsProfile(on_hold=on_hold)
    assert parse_artifacts_profile(render_artifacts_profile(profile)) == profile


@pytest.mark.parametrize(
    ("body", "on_hold"),
    [
        (b'{"onHold": true}', True),
        (b'{"onHold": "true"}', True),
        (b'{"onHold": "TRUE"}', True),
        (b'{"ONHOLD": true}', True),
        (b'{"onHold": false}', False),
        (b'{"onHold": "False"}', False),
        (b'{"onHold": null}', False),
        (b'{"onHold": 1}', False),
        (b'{"onHold": "yes"}', False),
        (b'{"onHold": [true]}', False),
        (b"{}", False),
        (b"", False),
        (b"\0" * 512, False),
        (b" \r\n", False),
        (b'{"onHold": true}\n \0\0\0', True),
        (b'\xef\xbb\xbf{"onHold": true}', True),
        (
            b'{"inVMArtifactsProfileBlobSeqNo": 1, "profileId": "x", "onHold": true, "encryptedHealthChecks": {}}',
            True,
        ),
    ],
)
def test_only_true_or_that_word_holds(body: bytes, on_hold: bool) -> None:
    assert parse_artifacts_profile(body).on_hold is on_hold


@pytest.mark.parametrize("body", [b"{", b"null", b"[]", b'"true"', b'{"onHold": true}x', b"\xff", b"<a/>"])
def test_a_blob_that_is_no_profile_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedDocument, match=r"^artifacts profile: "):
        parse_artifacts_profile(body)
