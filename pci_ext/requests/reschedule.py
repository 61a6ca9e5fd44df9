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

"""What users are told of a server that no host could build.

Nova tells the reason of the last host where the attempts are used up, and
keeps it to itself where the hosts are. A device that cannot be given to a
guest, for its IOMMU group say, mostly has few hosts that are tried.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import contextvars
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects

from pci_ext.matching import compiled_requests

#: Why the last host did not build what is built in this thread.
_last: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    'pci_ext_last_reason', default=None
)


@contextlib.contextmanager
def _building(filter_properties: dict[str, Any]) -> Iterator[None]:
    reason = (filter_properties.get('retry') or {}).get('exc_reason')
    token = _last.set(reason)
    try:
        yield
    finally:
        _last.reset(token)


class Reasons:
    """To be mixed in before Nova's manager of the conductor."""

    def build_instances(
        self,
        context: nova_context.RequestContext,
        instances: 'Sequence[objects.Instance]',
        image: Any,
        filter_properties: dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        with _building(filter_properties):
            super().build_instances(  # type: ignore[misc]
                context, instances, image, filter_properties, *args, **kwargs
            )

    def _cleanup_when_reschedule_fails(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        exception: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        last = _last.get()
        if (
            last
            and type(exception) is nova_exception.MaxRetriesExceeded
            and _has_devices(instance)
            and last not in exception.kwargs['reason']
        ):
            # In the words that Nova has for it.
            exception = nova_exception.MaxRetriesExceeded(
                reason=f'{exception.kwargs["reason"]} Last exception: {last}'
            )
        super()._cleanup_when_reschedule_fails(  # type: ignore[misc]
            context, instance, exception, *args, **kwargs
        )


def _has_devices(instance: 'objects.Instance') -> bool:
    return any(
        compiled_requests.is_by_pci_flavor(request.spec)
        for request in (
            instance.pci_requests.requests if instance.pci_requests else ()
        )
    )
