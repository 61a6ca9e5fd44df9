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

"""The HTTP status of each expected error, of pci_ext and of Nova."""

from collections.abc import Iterator
import contextlib
from typing import Any

from nova import exception as nova_exception
import webob.exc

from pci_ext import exception
from pci_ext.i18n import _

#: By error the answer, and its text in place of that of the error. The first
#: entry that an error is an instance of decides.
_ANSWERS: tuple[
    tuple[type[Any], type[webob.exc.HTTPError], str | None], ...
] = (
    (exception.Invalid, webob.exc.HTTPBadRequest, None),
    (nova_exception.PciInvalidAlias, webob.exc.HTTPBadRequest, None),
    (nova_exception.PciRequestAliasNotDefined, webob.exc.HTTPBadRequest, None),
    (nova_exception.OverQuota, webob.exc.HTTPForbidden, None),
    (exception.PciFlavorNotFound, webob.exc.HTTPNotFound, None),
    (exception.PciFlavorAccessNotFound, webob.exc.HTTPNotFound, None),
    (exception.PciDeviceNotAttached, webob.exc.HTTPNotFound, None),
    (nova_exception.InstanceNotFound, webob.exc.HTTPNotFound, None),
    (exception.PciFlavorExists, webob.exc.HTTPConflict, None),
    (exception.PciFlavorAccessExists, webob.exc.HTTPConflict, None),
    (exception.PciActionRefused, webob.exc.HTTPConflict, None),
    (
        nova_exception.InstanceNotReady,
        webob.exc.HTTPConflict,
        _('The server is on no host.'),
    ),
    # A subclass of InstanceInvalidState.
    (nova_exception.InstanceIsLocked, webob.exc.HTTPConflict, None),
    (
        nova_exception.InstanceInvalidState,
        webob.exc.HTTPConflict,
        # As Nova's controllers answer it.
        _(
            "Cannot '%(method)s' instance %(instance_uuid)s while it is in "
            '%(attr)s %(state)s'
        ),
    ),
    (exception.DatabaseUnusable, webob.exc.HTTPServiceUnavailable, None),
    (exception.HostUnreachable, webob.exc.HTTPServiceUnavailable, None),
    (
        nova_exception.HypervisorUnavailable,
        webob.exc.HTTPServiceUnavailable,
        _('The hypervisor on the host of the server does not answer.'),
    ),
    (
        nova_exception.ServiceUnavailable,
        webob.exc.HTTPServiceUnavailable,
        # Nova does not name the service either.
        _(
            'The compute service on the host of the server is down. '
            'Nothing was changed.'
        ),
    ),
)


@contextlib.contextmanager
def as_http() -> Iterator[None]:
    """Answer expected errors with their status and text.

    :raises webob.exc.HTTPError: for the errors listed here; others pass
    """
    try:
        yield
    except (exception.PciExtException, nova_exception.NovaException) as error:
        for kind, answer, text in _ANSWERS:
            if isinstance(error, kind):
                raise answer(explanation=_explain(error, text)) from error
        raise


def _explain(
    error: exception.PciExtException | nova_exception.NovaException,
    text: str | None,
) -> str:
    """Fill the text for an error; its own message if it lacks a value."""
    if text:
        with contextlib.suppress(KeyError):
            return str(text % error.kwargs)
    return str(error.format_message())
