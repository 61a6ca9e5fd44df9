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

"""Forms of PCI flavors."""

from typing import Any

from django.core import exceptions
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from horizon import forms
from horizon import messages

from pci_ext_dashboard import forms as api_forms
from pci_ext_dashboard.api import pci

_LIVE_MIGRATION = (
    ('forbid', _('Forbid: servers with its devices are not live migrated')),
    ('hotplug', _('Hotplug: devices are detached, and attached again')),
    ('native', _('Native: the devices themselves are migrated')),
)


def format_specs(specs: dict[str, str]) -> str:
    """Return specs with one key and pattern in a line."""
    return '\n'.join(
        f'{key}={pattern}' for key, pattern in sorted(specs.items())
    )


def parse_specs(text: str) -> dict[str, str]:
    """Return the specs in a text that has one in a line.

    :raises django.core.exceptions.ValidationError: if a line has no key, or
        the key of another line
    """
    specs: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        key, separator, pattern = line.partition('=')
        key = key.strip()
        if not separator or not key:
            raise exceptions.ValidationError(
                _('"%s" is not of the form key=pattern.') % line
            )
        if key in specs:
            raise exceptions.ValidationError(
                _('The key %s is there twice.') % key
            )
        specs[key] = pattern.strip()
    return specs


class PciFlavorForm(api_forms.ApiForm):
    """The fields that a PCI flavor has when it is created and later."""

    name = forms.CharField(label=_('Name'), max_length=255)
    description = forms.CharField(
        label=_('Description'),
        required=False,
        widget=forms.Textarea(attrs={'rows': 2}),
    )
    specs = forms.CharField(
        label=_('Specs'),
        required=False,
        widget=forms.Textarea(attrs={'rows': 5}),
    )
    live_migration = forms.ChoiceField(
        label=_('Live Migration'), choices=_LIVE_MIGRATION
    )
    is_public = forms.BooleanField(
        label=_('Public'),
        required=False,
        initial=True,
        help_text=_('All projects see and can use it.'),
    )

    def clean_specs(self) -> dict[str, str]:
        return parse_specs(self.cleaned_data['specs'])

    def clean_description(self) -> str | None:
        return self.cleaned_data['description'] or None


class CreatePciFlavor(PciFlavorForm):
    def send(self, request: HttpRequest, data: dict[str, Any]) -> None:
        pci.client(request).create_flavor(data)
        messages.success(
            request, _('Created the PCI flavor %s.') % data['name']
        )


class UpdatePciFlavor(PciFlavorForm):
    """Sends the changed fields only.

    Two administrators can change different fields at the same time.
    """

    def send(self, request: HttpRequest, data: dict[str, Any]) -> None:
        flavor = self.initial['flavor']
        changes = {
            key: value
            for key, value in data.items()
            if key != 'specs' and value != flavor[key]
        }
        specs: dict[str, str | None] = {
            key: pattern
            for key, pattern in data['specs'].items()
            if flavor['specs'].get(key) != pattern
        }
        # The API removes a spec that is null.
        specs.update(
            dict.fromkeys(flavor['specs'].keys() - data['specs'].keys())
        )
        if specs:
            changes['specs'] = specs
        if changes:
            pci.client(request).update_flavor(flavor['uuid'], changes)
        messages.success(
            request, _('Changed the PCI flavor %s.') % data['name']
        )


class PciFlavorAccess(api_forms.ApiForm):
    """The projects with access to a private PCI flavor."""

    projects = forms.MultipleChoiceField(
        label=_('Projects'),
        required=False,
        widget=forms.CheckboxSelectMultiple(),
    )

    def __init__(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields['projects'].choices = list(
            self.initial['project_names'].items()
        )

    def send(self, request: HttpRequest, data: dict[str, Any]) -> None:
        client = pci.client(request)
        name_or_uuid = self.initial['uuid']
        before = set(self.initial['projects'])
        after = set(data['projects'])
        for project_id in sorted(after - before):
            client.add_access(name_or_uuid, project_id)
        for project_id in sorted(before - after):
            client.remove_access(name_or_uuid, project_id)
        messages.success(request, _('Changed the access.'))


def _limit_of(project_id: str) -> str:
    """Return the name of the field of the limit of a project."""
    return f'limit_{project_id}'


class PciFlavorLimits(api_forms.ApiForm):
    """The limits of a PCI flavor: a default, and those of projects.

    It has a field for each project with a limit, and one for another project.
    """

    default = forms.IntegerField(
        label=_('Default'),
        required=False,
        min_value=-1,
        help_text=_('For projects without their own limit.'),
    )

    def __init__(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(request, *args, **kwargs)
        names = self.initial['project_names']
        limits = self.initial['projects']
        for project_id, limit in limits.items():
            self.fields[_limit_of(project_id)] = forms.IntegerField(
                label=names.get(project_id, project_id),
                required=False,
                min_value=-1,
                initial=limit,
            )
        self.fields['project'] = forms.ChoiceField(
            label=_('Another Project'),
            required=False,
            choices=[('', _('None'))]
            + [
                (project_id, name)
                for project_id, name in names.items()
                if project_id not in limits
            ],
        )
        self.fields['limit'] = forms.IntegerField(
            label=_('Limit of This Project'), required=False, min_value=-1
        )

    def send(self, request: HttpRequest, data: dict[str, Any]) -> None:
        before = self.initial['projects']
        projects = {
            project_id: data[_limit_of(project_id)]
            for project_id, limit in before.items()
            if data[_limit_of(project_id)] != limit
        }
        if data['project']:
            projects[data['project']] = data['limit']
        changes: dict[str, Any] = {}
        if data['default'] != self.initial['default']:
            changes['default'] = data['default']
        if projects:
            changes['projects'] = projects
        if changes:
            pci.client(request).update_limits(self.initial['uuid'], changes)
        messages.success(request, _('Changed the limits.'))
