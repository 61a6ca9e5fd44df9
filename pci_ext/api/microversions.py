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

"""The versions of the PCI API, and the header that chooses one.

They are microversions as the API special interest group defines them, and
independent of those of Nova: one header can choose both.
"""

from typing import Any

import microversion_parse
from nova import exception as nova_exception
from nova.api.openstack import wsgi
import webob.dec
import webob.exc

from pci_ext.i18n import _

#: Name of the API in the header.
SERVICE_TYPE = 'pci'

#: All versions, the oldest first. rest_api_version_history.rst describes
#: each.
VERSIONS = ('1.0',)

MIN_VERSION = VERSIONS[0]
MAX_VERSION = VERSIONS[-1]

_HEADER = wsgi.API_VERSION_REQUEST_HEADER


def requested(request: wsgi.Request) -> str | None:
    """Return the version that a request names, supported or not."""
    return microversion_parse.get_version(request.headers, SERVICE_TYPE)


class Resource(wsgi.Resource):
    """A resource as in Nova, under the versions of pci_ext."""

    @webob.dec.wsgify(RequestClass=wsgi.Request)
    def __call__(self, request: wsgi.Request) -> webob.Response:
        try:
            # Nova reads it later, and does not expect the error.
            request.path.isascii()
        except UnicodeDecodeError:
            return request.get_response(_refuse_path())
        try:
            version = microversion_parse.extract_version(
                request.headers, SERVICE_TYPE, VERSIONS
            )
        except (TypeError, ValueError) as error:
            response = request.get_response(_refuse(error, request))
        else:
            response = request.get_response(super().__call__)
            # After the version of Nova, if Nova has set it.
            chosen = response.headers.getall(_HEADER)
            chosen.append(f'{SERVICE_TYPE} {version}')
            response.headers[_HEADER] = ', '.join(chosen)
        if _HEADER not in response.headers.getall('Vary'):
            response.headers.add('Vary', _HEADER)
        return response

    def get_action_args(self, request_environment: Any) -> dict[str, Any]:
        """Return the variables of the path; WSGI has Latin-1 (PEP 3333)."""
        arguments = super().get_action_args(request_environment)
        return {
            name: value.encode('latin-1').decode()
            for name, value in arguments.items()
        }

    def get_method(
        self,
        request: wsgi.Request,
        action: str,
        content_type: str | None,
        body: bytes,
    ) -> Any:
        """Find the method of the controller.

        :raises nova.exception.MalformedRequestBody: if the body is not UTF-8;
            Nova logs the body before it parses it
        """
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise nova_exception.MalformedRequestBody(reason=error) from error
        return super().get_method(request, action, content_type, body)

    def deserialize(self, body: bytes) -> Any:
        """Read a body.

        :raises nova.exception.MalformedRequestBody: if it is not JSON, or
            nested deeper than Python can parse
        """
        try:
            return super().deserialize(body)
        except RecursionError as error:
            raise nova_exception.MalformedRequestBody(reason=error) from error


def _refuse_path() -> wsgi.Fault:
    return wsgi.Fault(
        webob.exc.HTTPBadRequest(explanation=_('The path is not UTF-8.'))
    )


def _refuse(
    error: TypeError | ValueError, request: wsgi.Request
) -> wsgi.Fault:
    version = requested(request)
    if isinstance(error, TypeError):
        return wsgi.Fault(
            webob.exc.HTTPBadRequest(
                explanation=_(
                    'Version %(requested)r of the PCI API is not of the form '
                    'X.Y, two numbers, and not "latest".'
                )
                % {'requested': version}
            )
        )
    return wsgi.Fault(
        webob.exc.HTTPNotAcceptable(
            explanation=_(
                'Version %(requested)s of the PCI API is not supported. The '
                'minimum is %(min)s and the maximum %(max)s.'
            )
            % {'requested': version, 'min': MIN_VERSION, 'max': MAX_VERSION}
        )
    )
