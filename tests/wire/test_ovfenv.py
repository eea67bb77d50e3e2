from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.ids import Thumbprint
from limpet.model.provisioning import KeyPair, OvfEnvironment, PlatformSettings, PublicKey
from limpet.model.secret import Secret
from limpet.wire import xml
from limpet.wire.ovfenv import (
    AZURE,
    OVF,
    parse_ovf_environment,
    redacted_ovf_environment,
    render_ovf_environment,
)

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "provisioning"
TP = Thumbprint("00112233445566778899AABBCCDDEEFF00112233")
FULL = OvfEnvironment(
    host_name="vm-001",
    user_name="alice",
    user_password=Secret(" Example-Pw-1 & <more> "),
    custom_data=Secret("IyEvYmluL3NoCg=="),
    disable_ssh_password_authentication=False,
    public_keys=(
        PublicKey(
            path="/home/alice/.ssh/authorized_keys", fingerprint=TP, value="ssh-ed25519 AAAAEXAMPLE alice"
        ),
    ),
    key_pairs=(KeyPair(path="$HOME/alice/.ssh/id_rsa", fingerprint=TP),),
    platform=PlatformSettings(provision_guest_agent=True),
)
DOCUMENT = render_ovf_environment(FULL).decode()


def variant(old: str, new: str) -> bytes:
    assert old in DOCUMENT
    return DOCUMENT.replace(old, new).encode()


def test_the_document_has_the_skeleton_of_the_real_media() -> None:
    assert DOCUMENT.startswith(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<Environment xmlns="{OVF}" xmlns:wa="{AZURE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        "<wa:ProvisioningSection><wa:Version>1.0</wa:Version>"
        f'<LinuxProvisioningConfigurationSet xmlns="{AZURE}">'
        "<ConfigurationSetType>LinuxProvisioningConfiguration</ConfigurationSetType>"
        "<HostName>vm-001</HostName><UserName>alice</UserName>"
    )
    assert DOCUMENT.endswith(
        "<wa:PlatformSettings><wa:ProvisionGuestAgent>true</wa:ProvisionGuestAgent>"
        '<wa:GuestAgentPackageName xsi:nil="true"/><wa:PreprovisionedVm>false</wa:PreprovisionedVm>'
        '<wa:PreprovisionedVMType xsi:nil="true"/>'
        "<wa:ProvisionGuestProxyAgent>false</wa:ProvisionGuestProxyAgent></wa:PlatformSettings>"
        "</wa:PlatformSettingsSection></Environment>\n"
    )


def test_the_document_is_read() -> None:
    assert parse_ovf_environment(DOCUMENT.encode()) == FULL


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + DOCUMENT.encode(),
        DOCUMENT.encode() + b"\0\0\0",
        b"\xef\xbb\xbf\r\n" + DOCUMENT.encode(),
        b"\0 of an older agent " + DOCUMENT.encode(),
        DOCUMENT.replace("utf-8", "utf-16").encode("utf-16"),
        b"\xfe\xff" + DOCUMENT.encode("utf-16-be") + b"\0\0",
        DOCUMENT.replace("wa:", "ns1:").replace(":wa=", ":ns1=").encode(),
        DOCUMENT.replace("wa:", "").replace(f' xmlns:wa="{AZURE}"', "")
        .replace("<ProvisioningSection", f'<ProvisioningSection xmlns="{AZURE}"')
        .replace("<PlatformSettingsSection", f'<PlatformSettingsSection xmlns="{AZURE}"').encode(),
        DOCUMENT.replace("<Environment", "<oe:Environment").replace("</Environment", "</oe:Environment")
        .replace("xmlns=", "xmlns:oe=", 1).encode(),
        DOCUMENT.replace("><", ">\n  <").replace("\n", "\r\n").encode(),
    ],
    ids=["byte order mark", "trailing NULs", "mark and a line", "leading text", "UTF-16", "UTF-16, the other order", "other prefix", "default namespaces", "prefixed root", "indented"],
)  # fmt: skip
def test_prefixes_and_layout_do_not_matter(body: bytes) -> None:
    assert parse_ovf_environment(body) == FULL


def test_an_element_of_another_namespace_is_not_taken_for_it() -> None:
    with pytest.raises(MalformedDocument, match="HostName is missing in LinuxProvisioningConfigurationSet"):
        parse_ovf_environment(variant("<HostName>", '<HostName xmlns="urn:other">'))
    with pytest.raises(MalformedDocument, match="Environment is not in the namespace"):
        parse_ovf_environment(variant(OVF, "urn:other"))


def test_unknown_elements_are_ignored() -> None:
    more = "<KmsServerHostname>kms</KmsServerHostname><dscfg>x</dscfg><HostName xmlns='urn:x'>y</HostName><HostName>"
    assert parse_ovf_environment(variant("<HostName>", more)) == FULL


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text
)
VERBATIM = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cn", "Cc"]) | st.sampled_from("\t\r\n"),
    min_size=1,
    max_size=20,
)
THUMBPRINTS = st.binary(min_size=20, max_size=20).map(lambda digest: Thumbprint(digest.hex().upper()))
PUBLIC_KEYS = st.one_of(
    st.builds(PublicKey, path=NAMES, fingerprint=st.none() | THUMBPRINTS, value=NAMES),
    st.builds(PublicKey, path=st.just("") | NAMES, fingerprint=THUMBPRINTS),
)


@given(
    st.builds(
        OvfEnvironment,
        host_name=NAMES,
        user_name=st.none() | NAMES,
        user_password=st.none() | VERBATIM.filter(lambda text: text.strip().strip("*")).map(Secret),
        custom_data=st.none() | VERBATIM.filter(lambda text: text.strip()).map(Secret),
        disable_ssh_password_authentication=st.none() | st.booleans(),
        public_keys=st.lists(PUBLIC_KEYS, max_size=3).map(tuple),
        key_pairs=st.lists(st.builds(KeyPair, path=NAMES, fingerprint=THUMBPRINTS), max_size=2).map(tuple),
        platform=st.builds(
            PlatformSettings,
            provision_guest_agent=st.none() | st.booleans(),
            preprovisioned_vm=st.booleans(),
            preprovisioned_vm_type=st.none()
            | st.sampled_from(["Running", "Savable", "PreprovisionedOSDisk"]),
            provision_guest_proxy_agent=st.booleans(),
        ),
        version=NAMES,
    )
)
def test_a_document_survives_writing_and_reading(environment: OvfEnvironment) -> None:
    assert parse_ovf_environment(render_ovf_environment(environment)) == environment


PASSWORD = "<UserPassword> Example-Pw-1 &amp; &lt;more&gt; </UserPassword>"


@pytest.mark.parametrize("text", ["", "*", "********", "REDACTED", "\n   "])
def test_a_password_that_is_empty_or_was_redacted_is_absent(text: str) -> None:
    assert (
        parse_ovf_environment(variant(PASSWORD, f"<UserPassword>{text}</UserPassword>")).user_password is None
    )
    assert parse_ovf_environment(variant(PASSWORD, "")).user_password is None


@pytest.mark.parametrize("text", ["*REDACTED", "REDACTED1", " * ", "p*"])
def test_other_passwords_are_taken_as_they_are(text: str) -> None:
    body = variant(PASSWORD, f"<UserPassword>{text}</UserPassword>")
    assert parse_ovf_environment(body).user_password == Secret(text)


DISABLE = "<DisableSshPasswordAuthentication>false</DisableSshPasswordAuthentication>"


@pytest.mark.parametrize(
    ("text", "meant"), [("true", True), ("True", True), (" TRUE ", True), ("1", True), ("false", False), ("0", False), ("", None)]
)  # fmt: skip
def test_booleans_are_read_in_every_spelling(text: str, meant: bool | None) -> None:
    body = variant(DISABLE, DISABLE.replace("false", text))
    assert parse_ovf_environment(body).disable_ssh_password_authentication is meant


def test_what_the_media_does_not_say_is_not_made_up() -> None:
    body = f"""<Environment xmlns="{OVF}" xmlns:wa="{AZURE}"><wa:ProvisioningSection>
      <wa:LinuxProvisioningConfigurationSet><wa:HostName>vm</wa:HostName></wa:LinuxProvisioningConfigurationSet>
      </wa:ProvisioningSection><wa:PlatformSettingsSection><wa:PlatformSettings/></wa:PlatformSettingsSection>
      </Environment>"""
    assert parse_ovf_environment(body.encode()) == OvfEnvironment(host_name="vm")


@pytest.mark.parametrize("element", ["UserName", "UserPassword", "CustomData", "SSH"])
def test_an_element_that_says_it_is_not_there_is_absent(element: str) -> None:
    whole = DOCUMENT.partition(f"<{element}>")[2].partition(f"</{element}>")[0]
    nil = variant(f"<{element}>{whole}</{element}>", f'<{element} xsi:nil="true"/>')
    assert parse_ovf_environment(nil) == parse_ovf_environment(variant(f"<{element}>{whole}</{element}>", ""))


TYPE = '<wa:PreprovisionedVMType xsi:nil="true"/>'


@pytest.mark.parametrize(
    ("element", "kind"),
    [
        (TYPE, None),
        ("", None),
        ("<wa:PreprovisionedVMType>None</wa:PreprovisionedVMType>", None),
        ("<wa:PreprovisionedVMType>Savable</wa:PreprovisionedVMType>", "Savable"),
        ("<wa:PreprovisionedVmType>Running</wa:PreprovisionedVmType>", "Running"),
    ],
)
def test_the_type_of_preprovisioning_is_read_in_both_spellings(element: str, kind: str | None) -> None:
    assert parse_ovf_environment(variant(TYPE, element)).platform.preprovisioned_vm_type == kind


FINGERPRINT = f"<Fingerprint>{TP}</Fingerprint><Path>/home"
VALUE = "<Value>ssh-ed25519 AAAAEXAMPLE alice</Value>"


@pytest.mark.parametrize(
    ("old", "new", "fingerprint"),
    [
        (FINGERPRINT, FINGERPRINT.replace(TP, TP.lower()), TP),
        (FINGERPRINT, "<Path>/home", None),
        (FINGERPRINT, "<Fingerprint/><Path>/home", None),
        (FINGERPRINT, "<Fingerprint>../../etc/shadow</Fingerprint><Path>/home", None),
    ],
)
def test_a_fingerprint_beside_a_value_is_taken_where_it_is_one(
    old: str, new: str, fingerprint: str | None
) -> None:
    assert parse_ovf_environment(variant(old, new)).public_keys[0].fingerprint == fingerprint


def test_a_key_by_fingerprint_alone_and_without_a_path_is_read() -> None:
    body = variant(VALUE, "").replace(b"<Path>/home/alice/.ssh/authorized_keys</Path>", b"")
    assert parse_ovf_environment(body).public_keys == (PublicKey(path="", fingerprint=TP),)


HOST, USER = "<HostName>vm-001</HostName>", "<UserName>alice</UserName>"
PLATFORM = "<wa:PlatformSettings>"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (HOST, "", "element HostName is missing in LinuxProvisioningConfigurationSet"),
        (HOST, "<HostName> </HostName>", "element HostName is empty"),
        (HOST, HOST + HOST, "element HostName stands 2 times"),
        (USER, "<UserName/>", "element UserName is empty"),
        (USER, USER + USER, "element UserName stands 2 times"),
        (PASSWORD, PASSWORD + PASSWORD, "element UserPassword stands 2 times"),
        (DISABLE, DISABLE.replace("false", "maybe"), "DisableSshPasswordAuthentication is neither true nor false"),
        ("LinuxProvisioningConfigurationSet", "WindowsProvisioningConfigurationSet", "element LinuxProvisioningConfigurationSet is missing in ProvisioningSection"),
        ("wa:ProvisioningSection", "wa:OtherSection", "element ProvisioningSection is missing in Environment"),
        ("</wa:ProvisioningSection>", "</wa:ProvisioningSection><wa:ProvisioningSection/>", "ProvisioningSection stands 2 times in Environment"),
        ("wa:PlatformSettingsSection", "wa:OtherSection", "element PlatformSettingsSection is missing"),
        ("wa:PlatformSettings>", "wa:Other>", "element PlatformSettings is missing in PlatformSettingsSection"),
        (PLATFORM, PLATFORM + "<wa:ProvisionGuestAgent>yes</wa:ProvisionGuestAgent>", "ProvisionGuestAgent stands 2 times"),
        ("<wa:ProvisionGuestAgent>true", "<wa:ProvisionGuestAgent>yes", "ProvisionGuestAgent is neither true nor false"),
        (f"{FINGERPRINT}/alice/.ssh/authorized_keys</Path>{VALUE}", "", "a PublicKey has neither"),
        (f"<KeyPair><Fingerprint>{TP}", "<KeyPair><Fingerprint>../../etc", "a KeyPair lacks"),
        ("<Path>$HOME/alice/.ssh/id_rsa</Path>", "", "a KeyPair lacks its Path"),
        ("</KeyPairs>", "</KeyPairs><KeyPairs/>", "element KeyPairs stands 2 times in SSH"),
        ("Environment", "Environmint", "root element"),
        ("\n<Environment", "\n<!DOCTYPE x [<!ENTITY e 'x'>]><Environment", "document type declaration"),
    ],
)  # fmt: skip
def test_a_document_that_leaves_doubt_is_refused_with_the_place(old: str, new: str, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint) as refusal:
        parse_ovf_environment(variant(old, new))
    assert "Example-Pw-1" not in str(refusal.value)


def test_a_document_cut_at_any_byte_is_refused() -> None:
    body = DOCUMENT.encode().rstrip()
    for length in range(len(body)):
        with pytest.raises(MalformedDocument):
            parse_ovf_environment(body[:length])


@pytest.mark.parametrize(
    "body", [b"", b"\0" * 512, b"\xff\xfe<\0E\0", DOCUMENT.encode() + b" " * 2**20], ids=["empty", "NULs", "UTF-16", "huge"]
)  # fmt: skip
def test_what_is_no_such_document_is_refused(body: bytes) -> None:
    for read in (parse_ovf_environment, redacted_ovf_environment):
        with pytest.raises(MalformedDocument):
            read(body)


def test_no_password_shows_in_the_printout_of_what_was_read() -> None:
    assert "Example-Pw-1" not in repr(parse_ovf_environment(DOCUMENT.encode()))
    assert "IyEvYmlu" not in repr(parse_ovf_environment(DOCUMENT.encode()))


def without_password(environment: OvfEnvironment) -> OvfEnvironment:
    return OvfEnvironment(
        **{
            field: getattr(environment, field)
            for field in OvfEnvironment.__dataclass_fields__
            if field != "user_password"
        }
    )


@pytest.mark.parametrize(
    "written",
    [
        PASSWORD,
        "<UserPassword><![CDATA[ Example-Pw-1]]></UserPassword>",
        '<wa:UserPassword x="y">Example-Pw-1</wa:UserPassword>',
        "<UserPassword\n>Example-<!-- -->Pw-1</UserPassword>",
        "<UserPassword><b>Example-Pw-1</b></UserPassword>",
        "<userpassword>Example-Pw-1</userpassword><AdminPassword>Example-Pw-1</AdminPassword>",
        "<UserPasswordOld>Example-Pw-1</UserPasswordOld>",
        "<!-- Example-Pw-1 -->",
    ],
)
def test_the_redacted_copy_has_no_password_however_it_was_written(written: str) -> None:
    copy = redacted_ovf_environment(variant(PASSWORD, written))
    assert b"Example" not in copy
    assert b"Pw-1" not in copy
    assert parse_ovf_environment(copy) == without_password(FULL)


def test_the_redacted_copy_keeps_what_is_unknown_and_is_its_own_copy() -> None:
    more = '<Unknown a="1&amp;2" xmlns="urn:x">text &amp; more<in/></Unknown>'
    copy = redacted_ovf_environment(variant("<HostName>", more + "<HostName>"))
    unknown = xml.first(xml.parse(copy, "copy"), "Unknown")
    assert unknown is not None
    assert (unknown.namespace, dict(unknown.attributes), unknown.text) == (
        "urn:x",
        {"a": "1&2"},
        "text & more",
    )
    assert b'<wa:GuestAgentPackageName xsi:nil="true">' in copy
    assert redacted_ovf_environment(copy) == copy


def test_a_redacted_copy_can_be_made_of_a_document_that_is_refused() -> None:
    copy = redacted_ovf_environment(variant(PASSWORD, PASSWORD + PASSWORD).replace(HOST.encode(), b""))
    assert b"Example-Pw-1" not in copy


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside this checkout")
@pytest.mark.parametrize(("name", "agent"), [("ovf-env.xml", False), ("ovf-env-2.xml", True)])
def test_the_corpus_samples_are_read(name: str, agent: bool) -> None:
    body = (CORPUS / name).read_bytes()
    fingerprint = Thumbprint("EB0C0AB4B2D5FC35F2F0658D19F44C8283E2DD62")
    read = parse_ovf_environment(body)
    assert read == OvfEnvironment(
        host_name="HostName",
        user_name="UserName",
        user_password=Secret("UserPassword"),
        custom_data=Secret("CustomData"),
        disable_ssh_password_authentication=False,
        public_keys=(
            PublicKey(
                path="$HOME/UserName/.ssh/authorized_keys",
                fingerprint=fingerprint,
                value="ssh-rsa AAAANOTAREALKEY== foo@bar.local",
            ),
        ),
        key_pairs=(KeyPair(path="$HOME/UserName/.ssh/id_rsa", fingerprint=fingerprint),),
        platform=PlatformSettings(provision_guest_agent=agent),
    )
    copy = redacted_ovf_environment(body)
    assert b"UserPassword" not in copy
    assert parse_ovf_environment(copy) == without_password(read)
