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

"""The projects of the cloud, for administrators."""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from openstack_dashboard.api import keystone


def names(request: HttpRequest) -> dict[str, str]:
    """Return the names of all projects by their ids, sorted by name.

    They are empty if keystone does not list them, and the user is told so.
    """
    try:
        projects, _more = keystone.tenant_list(request)
    except Exception:
        exceptions.handle(request, _('Unable to list the projects.'))
        return {}
    return {
        project.id: project.name
        for project in sorted(projects, key=lambda project: project.name)
    }
