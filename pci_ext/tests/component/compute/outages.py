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

"""Services that are away for a while, for nova-compute."""

from collections.abc import Callable
import functools
from typing import Any

import fixtures
from nova import exception as nova_exception
from nova.compute import resource_tracker
from nova.conductor import manager as conductor_manager
from nova.objects import base as objects_base
import oslo_messaging as messaging

from pci_ext import exception
from pci_ext.virt.fake import driver

#: By name: how many calls fail, and whether the first one has its effect.
KINDS = {
    'once': (1, False),
    'response_lost': (1, True),
    'until_the_end': (None, False),
}


class Outage(fixtures.Fixture):
    """A service that is away from one of its calls on.

    :param first: the number of the first call that fails, from 1
    :param length: the number of calls that fail; None for all of them
    :param has_effect: whether the first of them has its effect, and only the
        response is lost
    :ivar failed: the names of the calls that failed
    """

    def __init__(
        self, first: int, length: int | None, has_effect: bool
    ) -> None:
        super().__init__()
        self._first = first
        self._last = None if length is None else first + length - 1
        self._has_effect = has_effect
        self._calls = 0
        self.failed: list[str] = []

    def call(
        self, name: str, function: Callable[[], Any], error: Exception
    ) -> Any:
        """Call the service.

        :param name: the name of the call
        :param error: to raise if it is away
        """
        self._calls += 1
        is_away = self._calls >= self._first and (
            self._last is None or self._calls <= self._last
        )
        if not is_away:
            return function()
        self.failed.append(name)
        if self._has_effect and self._calls == self._first:
            function()
        raise error


class ConductorOutage(Outage):
    """nova-conductor, its messages, or the database is away."""

    def _setUp(self) -> None:
        self._serializer = objects_base.NovaObjectSerializer()
        # Without the RPC clients of its constructor.
        self._manager = object.__new__(conductor_manager.ConductorManager)
        self.useFixture(
            fixtures.MockPatchObject(
                objects_base.NovaObject, 'indirection_api', self
            )
        )

    def object_class_action_versions(
        self,
        context: Any,
        name: str,
        method: str,
        versions: dict[str, str],
        args: Any,
        kwargs: Any,
    ) -> Any:
        return self._act(
            f'{name}.{method}',
            lambda: self._manager.object_class_action_versions(
                context, name, method, versions, args, kwargs
            ),
        )

    def object_action(
        self,
        context: Any,
        instance: Any,
        method: str,
        args: Any,
        kwargs: Any,
    ) -> Any:
        sent = self._serializer.serialize_entity(context, instance)
        return self._act(
            f'{instance.obj_name()}.{method}',
            lambda: self._manager.object_action(
                context,
                # A copy: the caller's own is changed by a response only.
                self._serializer.deserialize_entity(context, sent),
                *(method, args, kwargs),
            ),
        )

    def _act(self, name: str, function: Callable[[], Any]) -> Any:
        return self.call(
            name,
            functools.partial(self._run, function),
            messaging.MessagingTimeout('nova-conductor is away'),
        )

    def _run(self, function: Callable[[], Any]) -> Any:
        # It has the database.
        objects_base.NovaObject.indirection_api = None
        try:
            return function()
        except messaging.ExpectedException as expected:
            raise expected.exc_info[1] from None
        finally:
            objects_base.NovaObject.indirection_api = self


class LibvirtOutage(Outage):
    """The hypervisor is away; the guests run on."""

    def __init__(
        self,
        first: int,
        length: int | None,
        has_effect: bool,
        compute_driver: driver.FakeDriver,
    ) -> None:
        super().__init__(first, length, has_effect)
        self._driver = compute_driver

    def _setUp(self) -> None:
        domains = self._driver._domains
        for name, error in (
            ('attach', exception.PciAttachFailed),
            ('release', exception.PciDetachFailed),
            *(
                (name, None)
                for name in ('devices', 'definition', 'check_ports')
            ),
        ):
            self.useFixture(
                fixtures.MockPatchObject(
                    domains,
                    name,
                    functools.partial(
                        self._act, getattr(domains, name), error
                    ),
                )
            )

    def _act(
        self,
        function: Callable[..., Any],
        error: type[exception.PciExtException] | None,
        uuid: str,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        return self.call(
            function.__name__,
            functools.partial(function, uuid, *args, **kwargs),
            error(address=args[0], reason='libvirt is away')
            if error
            else nova_exception.HypervisorUnavailable(host='host-1'),
        )


class PlacementOutage(Outage):
    """Placement is away, or refuses a report of the host."""

    def __init__(
        self,
        first: int,
        length: int | None,
        has_effect: bool,
        rt: resource_tracker.ResourceTracker,
    ) -> None:
        super().__init__(first, length, has_effect)
        self._rt = rt

    def _setUp(self) -> None:
        update_usage = self._rt.update_usage
        self.useFixture(
            fixtures.MockPatchObject(
                self._rt,
                'update_usage',
                lambda *args: self.call(
                    'update_usage',
                    functools.partial(update_usage, *args),
                    nova_exception.PlacementAPIConnectFailure(),
                ),
            )
        )
