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

"""Settings for the tests: those of Horizon's tests, with these panels.

The policies are checked, unlike in the tests of Horizon.
"""

import pathlib

from openstack_dashboard import defaults
from openstack_dashboard import enabled as horizon_enabled
from openstack_dashboard.test.settings import *  # noqa: F403,H303
from openstack_dashboard.test.settings import HORIZON_CONFIG
from openstack_dashboard.test.settings import INSTALLED_APPS
from openstack_dashboard.utils import settings

import pci_ext_dashboard
from pci_ext_dashboard import enabled

DATABASES = {
    'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}
}

# Rendered as in a deployment with the styles compiled offline.
COMPRESS_ENABLED = False
COMPRESS_PRECOMPILERS = ()

# The templates of Horizon's Angular application take seconds to render.
HORIZON_CONFIG['external_templates'] = []

HORIZON_CONFIG.pop('dashboards', None)
HORIZON_CONFIG.pop('default_dashboard', None)
_apps: list[str] = []
settings.update_dashboards([enabled, horizon_enabled], HORIZON_CONFIG, _apps)
# Horizon's own are there already.
INSTALLED_APPS += [app for app in _apps if app not in INSTALLED_APPS]

POLICY_CHECK_FUNCTION = defaults.POLICY_CHECK_FUNCTION
POLICY_FILES = defaults.POLICY_FILES
DEFAULT_POLICY_FILES = defaults.DEFAULT_POLICY_FILES
POLICY_DIRS = defaults.POLICY_DIRS
_SNIPPETS = pathlib.Path(pci_ext_dashboard.__file__).parent.joinpath(
    'local_settings.d'
)
for _snippet in sorted(_SNIPPETS.glob('*.py')):
    exec(_snippet.read_text())  # noqa: S102
