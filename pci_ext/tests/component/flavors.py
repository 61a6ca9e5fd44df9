# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Nova's flavors for the servers of component tests."""

from nova import context as nova_context
from nova import objects


def make_flavor(
    context: nova_context.RequestContext,
    name: str,
    is_public: bool = True,
    extra_specs: dict[str, str] | None = None,
) -> objects.Flavor:
    """Return a small flavor that is not in the database yet."""
    return objects.Flavor(
        context,
        name=name,
        flavorid=name,
        memory_mb=1,
        vcpus=1,
        root_gb=1,
        ephemeral_gb=0,
        swap=0,
        disabled=False,
        is_public=is_public,
        extra_specs=extra_specs or {},
    )


def create_private(
    context: nova_context.RequestContext, name: str, **extra_specs: str
) -> None:
    """Create a flavor that is not public; lists have to include it, too.

    :param extra_specs: by key, without the prefix pci_passthrough
    """
    make_flavor(
        context,
        name,
        is_public=False,
        extra_specs={
            f'pci_passthrough:{key}': value
            for key, value in extra_specs.items()
        },
    ).create()
