"""Rules for everything that is rendered: each policy takes the objects and returns what is wrong with them.

They come from the Pod Security Standards, kube-linter's defaults and operators' practice. Whether the objects
agree with our code is not their subject: `test_settings` and its neighbours compare the two.
"""

from collections.abc import Callable, Iterator

from ..kustomize import Documents
from .labels import (
    labels_are_complete,
    nothing_hangs_in_the_air,
    selectors_are_stable,
)
from .network import (
    nobody_talks_unasked,
    nothing_is_legacy_or_experimental,
    services_are_public_only,
    the_admin_port_is_for_few,
    the_nodes_credentials_are_out_of_reach,
)
from .pods import (
    containers_are_watched,
    evictions_are_few,
    images_are_pinned,
    namespaces_are_restricted,
    pods_are_restricted,
    pods_are_spread,
    resources_are_bounded,
    rollouts_are_careful,
)
from .rights import accounts_say_nothing, rights_are_few, secrets_are_elsewhere
from .scaling import (
    autoscalers_have_cpu,
    one_autoscaler_each,
    scale_in_is_slow,
    scalers_are_fail_static,
)

Policy = Callable[[Documents], Iterator[str]]


POLICIES: tuple[Policy, ...] = (
    labels_are_complete,
    selectors_are_stable,
    nothing_hangs_in_the_air,
    pods_are_restricted,
    resources_are_bounded,
    containers_are_watched,
    rollouts_are_careful,
    evictions_are_few,
    pods_are_spread,
    one_autoscaler_each,
    scale_in_is_slow,
    autoscalers_have_cpu,
    scalers_are_fail_static,
    services_are_public_only,
    nobody_talks_unasked,
    the_admin_port_is_for_few,
    the_nodes_credentials_are_out_of_reach,
    images_are_pinned,
    secrets_are_elsewhere,
    accounts_say_nothing,
    rights_are_few,
    nothing_is_legacy_or_experimental,
    namespaces_are_restricted,
)
