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

"""Pages that need policies of their own, beside those of their panel."""

from typing import Any

from django.http import HttpRequest
from django.http import HttpResponse
from horizon import exceptions

from pci_ext_dashboard import policies


class PolicyMixin:
    """A page for users that pass all policies."""

    policies: tuple[str, ...] = ()

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Serve the page.

        :raises horizon.exceptions.NotAuthorized: if a policy forbids it
        """
        if not all(policies.allows(request, name) for name in self.policies):
            raise exceptions.NotAuthorized
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
