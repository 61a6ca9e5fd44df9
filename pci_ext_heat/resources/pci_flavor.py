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

"""The resource OS::Nova::PciFlavor."""

from typing import Any

from heat.common import exception
from heat.common.i18n import _
from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties
from heat.engine import resource
from heat.engine import translation

from pci_ext_heat import clients


class PciFlavor(resource.Resource):
    """A PCI flavor: a named selector of PCI devices.

    By default only administrators manage PCI flavors.
    """

    default_client_name = clients.CLIENT_NAME

    PROPERTIES = (
        NAME,
        DESCRIPTION,
        IS_PUBLIC,
        PROJECTS,
        LIVE_MIGRATION,
        SPECS,
    ) = (
        'name',
        'description',
        'is_public',
        'projects',
        'live_migration',
        'specs',
    )

    ATTRIBUTES = (NAME_ATTR, SPECS_ATTR, USAGE_ATTR) = (
        'name',
        'specs',
        'usage',
    )

    properties_schema = {
        NAME: properties.Schema(
            properties.Schema.STRING,
            _('Unique name. By default a name is made from the stack.'),
            constraints=[constraints.Length(min=1, max=255)],
            update_allowed=True,
        ),
        DESCRIPTION: properties.Schema(
            properties.Schema.STRING,
            _('Text for users.'),
            update_allowed=True,
        ),
        IS_PUBLIC: properties.Schema(
            properties.Schema.BOOLEAN,
            _('Whether all projects see and can use it.'),
            default=True,
            update_allowed=True,
        ),
        PROJECTS: properties.Schema(
            properties.Schema.LIST,
            _('Projects with access, if it is not public.'),
            schema=properties.Schema(
                properties.Schema.STRING,
                constraints=[constraints.CustomConstraint('keystone.project')],
            ),
            default=[],
            update_allowed=True,
        ),
        LIVE_MIGRATION: properties.Schema(
            properties.Schema.STRING,
            _('Policy of its devices for live migrations.'),
            constraints=[
                constraints.AllowedValues(['forbid', 'hotplug', 'native'])
            ],
            default='forbid',
            update_allowed=True,
        ),
        SPECS: properties.Schema(
            properties.Schema.MAP,
            _('Patterns by attribute.'),
            default={},
            update_allowed=True,
        ),
    }

    attributes_schema = {
        NAME_ATTR: attributes.Schema(
            _('The name, for requests of devices.'),
            type=attributes.Schema.STRING,
        ),
        SPECS_ATTR: attributes.Schema(
            _('Patterns by attribute.'), type=attributes.Schema.MAP
        ),
        USAGE_ATTR: attributes.Schema(
            _('Counts of its devices: total, available and allocated.'),
            type=attributes.Schema.MAP,
        ),
    }

    def translation_rules(
        self, properties: Any
    ) -> list[translation.TranslationRule]:
        return [
            translation.TranslationRule(
                properties,
                translation.TranslationRule.RESOLVE,
                [self.PROJECTS],
                client_plugin=self.client_plugin('keystone'),
                finder='get_project_id',
            )
        ]

    def validate(self) -> None:
        super().validate()
        if self.properties[self.IS_PUBLIC] and self.properties[self.PROJECTS]:
            raise exception.ResourcePropertyValueDependency(
                prop1=self.PROJECTS, prop2=self.IS_PUBLIC, value=False
            )

    def handle_create(self) -> None:
        values = dict(self.properties)
        values[self.NAME] = self._name(values)
        if values[self.IS_PUBLIC]:
            del values[self.PROJECTS]
        self.resource_id_set(self.client().pci.create_flavor(**values).id)

    def _name(self, values: dict[str, Any]) -> str:
        return values[self.NAME] or self.physical_resource_name()

    def handle_update(
        self, json_snippet: Any, tmpl_diff: Any, prop_diff: dict[str, Any]
    ) -> None:
        values = dict(prop_diff)
        projects = values.pop(self.PROJECTS, None)
        if self.NAME in values:
            values[self.NAME] = self._name(values)
        pci = self.client().pci
        if self.SPECS in values:
            # The API removes a pattern of None, and keeps one not named.
            present = pci.get_flavor(self.resource_id).specs
            values[self.SPECS] = {**dict.fromkeys(present), **values['specs']}
        if values:
            pci.update_flavor(self.resource_id, **values)
        # A public one has no list of projects.
        if (
            projects is not None
            and not pci.get_flavor(self.resource_id)[self.IS_PUBLIC]
        ):
            self._set_access(projects)

    def _set_access(self, projects: list[str]) -> None:
        pci = self.client().pci
        present = {
            access.project_id for access in pci.flavor_access(self.resource_id)
        }
        for project in present.difference(projects):
            pci.remove_flavor_access(self.resource_id, project)
        for project in set(projects) - present:
            pci.add_flavor_access(self.resource_id, project)

    def handle_delete(self) -> None:
        if self.resource_id is not None:
            self.client().pci.delete_flavor(self.resource_id)

    def _show_resource(self) -> dict[str, Any]:
        shown = self.client().pci.get_flavor(self.resource_id)
        return dict(shown.to_dict(computed=False, headers=False))

    def _resolve_attribute(self, name: str) -> Any:
        if self.resource_id is None:
            return None
        return self._show_resource()[name]


def resource_mapping() -> dict[str, type[resource.Resource]]:
    return {'OS::Nova::PciFlavor': PciFlavor}
