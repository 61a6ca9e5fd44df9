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

"""Forms that attach and detach the devices of a server."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from horizon import forms
from horizon import messages

from pci_ext_dashboard import forms as api_forms
from pci_ext_dashboard.api import pci

_MAX_DEVICES = 256


class ServerActionForm(api_forms.ApiForm):
    """An action of a server.

    :ivar request_id: of the action, for its result
    """

    def act(self, request: HttpRequest, action: dict[str, Any]) -> None:
        self.request_id = pci.client(request).act_on_server(
            self.initial['instance_id'], action
        )
        messages.info(request, _('The action was begun.'))


class AttachDevices(ServerActionForm):
    flavor = forms.ChoiceField(label=_('PCI Flavor'))
    or_else = forms.ChoiceField(
        label=_('Or Else'),
        required=False,
        help_text=_('If the host has no free device of the first.'),
    )
    count = forms.IntegerField(
        label=_('Number of Devices'),
        initial=1,
        min_value=1,
        max_value=_MAX_DEVICES,
    )

    def __init__(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(request, *args, **kwargs)
        choices = [
            (flavor['name'], _describe(flavor))
            for flavor in self.initial['flavors']
        ]
        self.fields['flavor'].choices = choices
        self.fields['or_else'].choices = [('', _('None')), *choices]

    def send(self, request: HttpRequest, data: dict[str, Any]) -> None:
        names = dict.fromkeys(
            name for name in (data['flavor'], data['or_else']) if name
        )
        text = f'{data["count"]}:{",".join(names)}'
        self.act(request, {'attach_pci': {'pci_passthrough:pci_flavor': text}})


def _describe(flavor: dict[str, Any]) -> str:
    usage = flavor.get('usage')
    if usage is None:
        return str(flavor['name'])
    return _('%(name)s (%(free)d free in the cloud)') % {
        'name': flavor['name'],
        'free': usage['available'],
    }


class DetachDevice(ServerActionForm):
    def send(self, request: HttpRequest, data: dict[str, Any]) -> None:
        device = {'dev_id': self.initial['dev_id']}
        self.act(request, {'detach_pci': [device]})


class ReattachDevices(ServerActionForm):
    def send(self, request: HttpRequest, data: dict[str, Any]) -> None:
        self.act(request, {'reattach_pci': None})
