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

"""Makes the client of the PCI API for a request of Horizon."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from horizon import exceptions
from keystoneauth1 import adapter as ksa_adapter
from keystoneauth1 import session as ksa_session
from keystoneauth1 import token_endpoint
from openstack_dashboard.api import base

from pci_ext.client import api_client


class _ComputeAdapter(ksa_adapter.Adapter):
    def request(self, url: str, method: str, **kwargs: Any) -> Any:
        """Send a request.

        :raises horizon.exceptions.NotAuthorized: if the token has expired
        """
        response = super().request(url, method, **kwargs)
        if response.status_code == 401:
            raise exceptions.NotAuthorized
        return response


def client(request: HttpRequest) -> api_client.PciClient:
    """Return a client with the token, region and endpoint of a request.

    :raises horizon.exceptions.ServiceCatalogException: if the catalog of the
        user has no compute service
    """
    endpoint = base.url_for(request, 'compute')
    session = ksa_session.Session(
        auth=token_endpoint.Token(endpoint, request.user.token.id),
        verify=(
            not settings.OPENSTACK_SSL_NO_VERIFY
            and (settings.OPENSTACK_SSL_CACERT or True)
        ),
        app_name='pci_ext_dashboard',
    )
    return api_client.PciClient(
        _ComputeAdapter(session, endpoint_override=endpoint)
    )
