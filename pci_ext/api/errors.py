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

"""How the API answers what is expected to go wrong."""

from collections.abc import Iterator
import contextlib

import webob.exc

from pci_ext import exception

#: The first one that an error is decides.
_STATUSES: tuple[
    tuple[type[exception.PciExtException], type[webob.exc.HTTPError]], ...
] = (
    (exception.Invalid, webob.exc.HTTPBadRequest),
    (exception.PciFlavorNotFound, webob.exc.HTTPNotFound),
    (exception.PciFlavorAccessNotFound, webob.exc.HTTPNotFound),
    (exception.PciDeviceNotAttached, webob.exc.HTTPNotFound),
    (exception.PciFlavorExists, webob.exc.HTTPConflict),
    (exception.PciFlavorAccessExists, webob.exc.HTTPConflict),
    (exception.PciActionRefused, webob.exc.HTTPConflict),
)


@contextlib.contextmanager
def as_http() -> Iterator[None]:
    """Answer errors with the status that says what they are.

    :raises webob.exc.HTTPError: for the errors listed here, with what they
        say; others pass
    """
    try:
        yield
    except exception.PciExtException as error:
        for kind, status in _STATUSES:
            if isinstance(error, kind):
                raise status(explanation=error.format_message()) from error
        raise
