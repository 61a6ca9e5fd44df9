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
"""Seam: from the ports of a server to its PCI requests.

Nova makes a request for each SR-IOV port. The request of a port with a PCI
flavor becomes one by PCI flavor: its spec combines the selector of the PCI
flavor and the values that the port needs, a device of the right type on the
right physical network. The request keeps the id that Nova gave it, by which
Nova finds the device of the port.
"""

from collections.abc import Mapping
import contextlib
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.network import model as network_model
from nova.network import neutron
from nova.objects import fields
from nova.pci import request as pci_request

from pci_ext import exception
from pci_ext.activation import seam
from pci_ext.i18n import _
from pci_ext.matching import compiled_requests
from pci_ext.matching import device_specs
from pci_ext.matching import patterns
from pci_ext.matching import selectors
from pci_ext.requests import call_arguments
from pci_ext.requests import from_flavor
from pci_ext.requests import instance_requests
from pci_ext.requests import port_attach

#: Key in the binding profile of a port, and in a network of the body that
#: creates a server.
PCI_FLAVOR = 'pci_flavor'

_BINDING_PROFILE = 'binding:profile'
_VNIC_TYPE = 'binding:vnic_type'


def passing_port_flavors(
    port_flavors: Mapping[str, str],
) -> contextlib.AbstractContextManager[None]:
    """Request PCI flavors for the ports that a server is created with.

    :param port_flavors: names of PCI flavors, in order of preference, by the
        id of the port
    """
    return call_arguments.passing(port_flavors=port_flavors)


def _required_values(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the literal values that a device for a port must have.

    :param spec: spec of the request that Nova made for the port
    """
    needs = {
        # libvirt plugs nothing but virtual functions into interfaces.
        'dev_type': spec.get(
            pci_request.PCI_DEVICE_TYPE_TAG, fields.PciDeviceType.SRIOV_VF
        )
    }
    if spec.get(pci_request.PCI_NET_TAG):
        needs[device_specs.PHYSICAL_NETWORK] = spec[pci_request.PCI_NET_TAG]
    if pci_request.PCI_TRUSTED_TAG in spec:
        needs['e.trusted'] = spec[pci_request.PCI_TRUSTED_TAG].lower()
    return needs


def _resolve_port(port_id: str, names: str) -> call_arguments.PortSpec:
    """Look up the PCI flavors of a port.

    :raises InvalidPciRequest: if the names do not parse, or a PCI flavor does
        not exist or the user may not see it
    """
    resolved = from_flavor.resolve({from_flavor.PCI_FLAVOR: names})
    if len(resolved) != 1 or resolved[0]['count'] != 1:
        raise from_flavor.InvalidPciRequest(
            reason=_('port %(port)s has one device; %(names)r requests others')
            % {'port': port_id, 'names': names}
        )
    alternatives: call_arguments.PortSpec = resolved[0]['spec']
    return alternatives


def _add_port_needs(
    port_id: str,
    alternatives: call_arguments.PortSpec,
    spec: Mapping[str, Any],
) -> call_arguments.PortSpec:
    """Add the values that a port needs to its alternatives.

    :param spec: spec of the request that Nova made for the port
    :raises InvalidPciRequest: if a PCI flavor excludes a value, or the port is
        for a SmartNIC
    """
    if spec.get(pci_request.PCI_REMOTE_MANAGED_TAG, '').lower() == 'true':
        raise from_flavor.InvalidPciRequest(
            reason=_(
                'port %s is remote-managed: its device is one of a SmartNIC, '
                'which no PCI flavor selects'
            )
            % port_id
        )
    needs = _required_values(spec)
    for alternative in alternatives:
        for key, value in needs.items():
            if key in alternative and not selectors.Selector(
                {key: alternative[key]}
            ).matches({key: value}):
                raise from_flavor.InvalidPciRequest(
                    reason=_(
                        'PCI flavor %(name)s has %(key)s %(has)s, and port '
                        '%(port)s needs %(value)s'
                    )
                    % {
                        'name': alternative[compiled_requests.PCI_FLAVOR],
                        'key': key,
                        'has': alternative[key],
                        'port': port_id,
                        'value': value,
                    }
                )
            alternative[key] = patterns.literal(value)
    return alternatives


class API(neutron.API):
    """Nova's client of Neutron, with PCI flavors of ports."""

    def create_resource_requests(
        self,
        context: nova_context.RequestContext,
        requested_networks: 'objects.NetworkRequestList',
        pci_requests: 'objects.InstancePCIRequests | None' = None,
        affinity_policy: str | None = None,
    ) -> Any:
        """Make the requests of ports.

        :raises InvalidPciRequest: if the PCI flavors do not fit the port
        """
        with call_arguments.passing(binding_profiles={}):
            result = super().create_resource_requests(
                context, requested_networks, pci_requests, affinity_policy
            )
            if requested_networks and not requested_networks.no_allocate:
                made = instance_requests.by_id(
                    pci_requests.requests if pci_requests else ()
                )
                for network in requested_networks:
                    self._apply_pci_flavors(
                        context, network, made.get(network.pci_request_id)
                    )
        return result

    def _show_port(
        self,
        context: nova_context.RequestContext,
        port_id: str,
        neutron_client: Any = None,
        fields: list[str] | None = None,
    ) -> dict[str, Any]:
        """Read a port, and keep its profile for the request of the port."""
        port: dict[str, Any] = super()._show_port(
            context, port_id, neutron_client, fields
        )
        profiles = call_arguments.current().binding_profiles
        if profiles is not None and _BINDING_PROFILE in (fields or ()):
            profiles[port_id] = neutron.get_binding_profile(port)
        return port

    def make_port_request(
        self, context: nova_context.RequestContext, port_id: str
    ) -> 'objects.InstancePCIRequest | None':
        """Make the request of a port to attach to a running server.

        Nova's own, which needs more of Neutron, is made for a port that has no
        PCI flavor.

        :returns: None if the port needs no device
        :raises InvalidPciRequest: if its PCI flavors cannot be resolved
        :raises nova.exception.PortNotFound: if the port does not exist
        """
        port = self._read_port(context, port_id)
        names = str(neutron.get_binding_profile(port).get(PCI_FLAVOR) or '')
        if names:
            return objects.InstancePCIRequest(
                count=1, spec=_resolve_port(port_id, names)
            )
        if port.get(_VNIC_TYPE) not in network_model.VNIC_TYPES_SRIOV:
            return None
        made = objects.InstancePCIRequests(requests=[])
        super().create_resource_requests(
            context,
            objects.NetworkRequestList(
                objects=[objects.NetworkRequest(port_id=port_id)]
            ),
            made,
        )
        return made.requests[0] if made.requests else None

    def _apply_pci_flavors(
        self,
        context: nova_context.RequestContext,
        network: 'objects.NetworkRequest',
        request: 'objects.InstancePCIRequest | None',
    ) -> None:
        port_id = network.port_id
        names = (call_arguments.current().port_flavors or {}).get(port_id)
        if request is None:
            if names:
                raise from_flavor.InvalidPciRequest(
                    reason=_('port %s is not one for SR-IOV, by its vnic_type')
                    % port_id
                )
            return
        if not from_flavor.is_resolving():
            self._apply_resolved(context, port_id, request)
            return
        if not names:
            names = self._flavors_of_profile(context, port_id)
        if names:
            request.spec = _add_port_needs(
                port_id, _resolve_port(port_id, names), request.spec[0]
            )

    def _apply_resolved(
        self,
        context: nova_context.RequestContext,
        port_id: str,
        request: 'objects.InstancePCIRequest',
    ) -> None:
        """Make the request of a port in nova-compute.

        :raises nova.exception.InterfaceAttachPciClaimFailed: if the PCI
            flavors do not fit the port; nova-api answers 400
        """
        alternatives = port_attach.port_spec(port_id)
        if alternatives is None:
            if not self._flavors_of_profile(context, port_id):
                return
            raise nova_exception.InterfaceAttachPciClaimFailed(
                _('Port %s: nova-api resolved none of its PCI flavors.')
                % port_id
            )
        try:
            request.spec = _add_port_needs(
                port_id, alternatives, request.spec[0]
            )
        except from_flavor.InvalidPciRequest as error:
            raise nova_exception.InterfaceAttachPciClaimFailed(
                error.format_message()
            ) from error

    def _flavors_of_profile(
        self, context: nova_context.RequestContext, port_id: str
    ) -> str:
        profiles = call_arguments.current().binding_profiles or {}
        profile = profiles.get(port_id)
        if profile is None:
            profile = neutron.get_binding_profile(
                self._read_port(context, port_id)
            )
        return str(profile.get(PCI_FLAVOR) or '')

    def _read_port(
        self, context: nova_context.RequestContext, port_id: str
    ) -> dict[str, Any]:
        return self._show_port(
            context,
            port_id,
            neutron_client=neutron.get_client(context, admin=True),
            fields=[_BINDING_PROFILE, _VNIC_TYPE],
        )

    def _get_pci_device_profile(
        self, pci_dev: 'objects.PciDevice'
    ) -> dict[str, Any]:
        # The options may have changed since nova-compute started.
        with contextlib.suppress(exception.InvalidPciInformation):
            self.pci_whitelist.refresh()
        profile: dict[str, Any] = super()._get_pci_device_profile(pci_dev)
        return profile


SEAM = seam.Seam(
    module='nova.network.neutron',
    name='API',
    replacement=API,
    signatures={
        'create_resource_requests': (
            'self',
            'context',
            'requested_networks',
            'pci_requests',
            'affinity_policy',
        ),
        '_show_port': (
            'self',
            'context',
            'port_id',
            'neutron_client',
            'fields',
        ),
        '_get_pci_device_profile': ('self', 'pci_dev'),
    },
)
