"""Model values of every shape that the fabric's documents can carry."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st

from limpet.model.extensions import (
    AgentFamily,
    BlobType,
    Channel,
    Dependency,
    ExtensionSettings,
    ExtensionsGoalState,
    Handler,
    Source,
    StatusUpload,
    Wanted,
)
from limpet.model.goalstate import GoalState
from limpet.model.ids import ConfigName, ContainerId, Incarnation, InstanceId, SequenceNumber, Thumbprint, Url
from limpet.model.secret import Secret

LARGEST_TICKS = 3_155_378_975_999_999_999
"""The last one of the year 9999."""

WORDS = string.ascii_letters + string.digits
# What survives XML as it is: text without controls, surrogates and surrounding white space.
printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
texts = st.lists(printable, min_size=1, max_size=3).map(" ".join)
identifiers = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=1, max_size=40)
names = st.lists(st.text(WORDS, min_size=1, max_size=8), min_size=1, max_size=3).map(".".join)
versions = st.lists(st.integers(0, 999_999_999), min_size=1, max_size=4).map(lambda v: ".".join(map(str, v)))
ticks = st.integers(0, LARGEST_TICKS)
urls = st.builds(
    lambda scheme, rest: Url(f"{scheme}://{rest}"),
    st.sampled_from(["http", "https"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30),
)
thumbprints = st.binary(min_size=20, max_size=20).map(lambda digest: Thumbprint(digest.hex().upper()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip

goal_states = st.builds(
    GoalState,
    incarnation=identifiers.map(Incarnation),
    container_id=identifiers.map(ContainerId),
    instance_id=identifiers.map(InstanceId),
    config_name=identifiers.map(ConfigName),
    hosting_environment=urls,
    shared_config=urls,
    extensions_config=st.none() | urls,
    certificates=st.none() | urls,
    remote_access=st.none() | urls,
    full_config=st.none() | urls,
    expected_state=texts,
    instance_state=texts,
)

families = st.builds(
    AgentFamily,
    name=texts,
    version=st.none() | versions,
    from_version=st.none() | versions,
    is_version_from_rsm=st.none() | st.booleans(),
    is_vm_enabled_for_rsm_upgrades=st.none() | st.booleans(),
    uris=st.lists(urls, max_size=2, unique=True).map(tuple),
)
dependencies = st.builds(Dependency, handler=texts, extension=st.none() | texts)


def settings(name: str, *, wanted: st.SearchStrategy[Wanted]) -> st.SearchStrategy[ExtensionSettings]:
    protected = st.none() | st.tuples(
        st.text(WORDS + "+/=", min_size=1, max_size=20).map(Secret), thumbprints
    )
    return protected.flatmap(
        lambda pair: st.builds(
            ExtensionSettings,
            name=st.just(name),
            sequence_number=st.integers(0, 2**63 - 1).map(SequenceNumber),
            public=json_values,
            protected=st.just(pair[0] if pair else None),
            thumbprint=st.just(pair[1] if pair else None),
            wanted=wanted,
            dependency_level=st.integers(0, 100),
            dependencies=st.lists(dependencies, max_size=2).map(tuple),
        )
    )


@st.composite
def handlers(draw: st.DrawFn) -> Handler:
    name = draw(names)
    multi_config = draw(st.booleans())
    if multi_config:
        both = st.sampled_from([Wanted.ENABLED, Wanted.DISABLED])
        extensions = draw(st.lists(names, min_size=1, max_size=3, unique=True))
        configured = tuple(draw(settings(extension, wanted=both)) for extension in extensions)
    else:
        single = settings(name, wanted=st.just(Wanted.ENABLED)).map(lambda one: (one,))
        configured = draw(st.just(()) | single)
    flag = st.none() | st.booleans()
    return Handler(
        name=name,
        version=draw(versions),
        wanted=draw(st.sampled_from(Wanted)),
        manifest_uris=tuple(draw(st.lists(urls, max_size=4, unique=True))),
        settings=configured,
        multi_config=multi_config,
        encoded_signature=draw(st.text(WORDS, max_size=10)),
        auto_upgrade=draw(flag),
        use_exact_version=draw(flag),
        run_as_startup_task=draw(flag),
        is_json=draw(flag),
    )


uploads = st.builds(StatusUpload, url=urls.map(Secret), blob_type=st.sampled_from(BlobType))
handler_lists = st.lists(handlers(), max_size=3, unique_by=lambda handler: handler.name.lower()).map(tuple)

fabric_goal_states = st.builds(
    ExtensionsGoalState,
    id=st.just(""),
    channel=st.just(Channel.WIRE_SERVER),
    source=st.just(Source.FABRIC),
    activity_id=texts,
    correlation_id=texts,
    svd_sequence_number=identifiers,
    status_upload=st.none() | uploads,
    artifacts_profile=st.none() | urls.map(Secret),
    required_features=st.lists(texts, max_size=3).map(tuple),
    families=st.lists(families, max_size=2).map(tuple),
    handlers=handler_lists,
)

vm_settings = st.builds(
    ExtensionsGoalState,
    id=st.just(""),
    channel=st.just(Channel.HOST_PLUGIN),
    source=st.sampled_from(Source),
    activity_id=texts,
    correlation_id=texts,
    svd_sequence_number=st.integers(-(2**63), 2**63) | texts,
    status_upload=st.none() | uploads,
    on_hold=st.booleans(),
    required_features=st.lists(texts, max_size=3).map(tuple),
    families=st.lists(families, max_size=2).map(tuple),
    handlers=handler_lists,
    host_plugin_version=st.none() | versions,
    schema_version=st.none() | texts,
    certificates_revision=st.none() | st.integers(),
    vm_metadata=st.dictionaries(texts, texts, max_size=3),
)


def extended(node: Any) -> Any:
    """A JSON document with a member in every object that no reader knows."""
    if isinstance(node, dict):
        return {**{key: extended(value) for key, value in node.items()}, "unheardOf": [{}]}
    return [extended(value) for value in node] if isinstance(node, list) else node
