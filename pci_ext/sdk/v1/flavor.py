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

"""PCI flavors."""

from typing import Any
from typing import Self
from urllib import parse

from keystoneauth1 import adapter
from openstack import resource


class Flavor(resource.Resource):
    resource_key = 'pci_flavor'
    resources_key = 'pci_flavors'
    base_path = '/os-pci-flavors'

    # capabilities
    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        'is_public', 'name', 'sort_dir', 'sort_key'
    )

    # Properties
    #: The uuid; ``0`` of the one that shows the available attributes.
    id = resource.Body('uuid', alternate_id=True)
    #: The name, which is unique.
    name = resource.Body('name')
    #: Text for users.
    description = resource.Body('description')
    #: Whether all projects see and can use it. *Type: bool*
    is_public = resource.Body('is_public', type=bool)
    #: Policy of its devices for live migrations: ``forbid``, ``hotplug`` or
    #: ``native``.
    live_migration = resource.Body('live_migration')
    #: Patterns by attribute. In an update, a pattern None removes the one of
    #: its attribute. *Type: dict*
    specs = resource.Body('specs', type=dict)
    #: Ids of the projects with access to a private one, if the user may see
    #: them. *Type: list*
    projects = resource.Body('projects', type=list)
    #: Counts of the devices that match, if the user may see them. *Type: dict*
    usage = resource.Body('usage', type=dict)
    #: Time of the creation.
    created_at = resource.Body('created_at')
    #: Time of the last change, if any.
    updated_at = resource.Body('updated_at')

    def commit(
        self, session: adapter.Adapter, *args: Any, **kwargs: Any
    ) -> Self:
        # openstacksdk itself leaves out an id of the name "id" only.
        self._body.clean(only=['uuid'])
        return super().commit(session, *args, **kwargs)

    @classmethod
    def find(  # type: ignore[override]
        cls, session: adapter.Adapter, name_or_id: str, **params: Any
    ) -> Self | None:
        """Find a PCI flavor by its name or uuid.

        A name may have characters that would end a path: a PCI flavor of
        another name would be found.
        """
        quoted = parse.quote(name_or_id, safe='')
        found: Self | None = super().find(session, quoted, **params)
        return found
