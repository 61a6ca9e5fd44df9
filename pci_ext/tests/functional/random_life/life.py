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

"""Takes steps in a cloud, and checks it after each batch."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import concurrent.futures
import os
import signal
import time

import urllib3

from pci_ext.tests.functional.random_life import audit
from pci_ext.tests.functional.random_life import cloud as cloud_module
from pci_ext.tests.functional.random_life import invariants
from pci_ext.tests.functional.random_life import state as state_module
from pci_ext.tests.functional.random_life import steps

#: Seconds in which everything has to agree. Unfinished servers are looked at
#: after 10 seconds, and then after 20.
QUIET_TIMEOUT = 60

#: Seconds without a change until a cloud with a problem is looked at again,
#: and seconds from a change to that.
_PATIENCE, _PAUSE = 0.5, 0.04

#: After so many batches, servers that no step was about are looked at too.
_ALL_SERVERS = 10

#: Seconds that a task of Nova, interrupted by a restart, has to be resumed.
_RESUME_TIMEOUT = 12

#: Nova answers with these to one of two requests that come at the same time,
#: and to a reboot of a server that is on no host; pci_ext does not.
_RACES = (
    'UnexpectedTaskStateError',
    'UnexpectedDeletingTaskStateError',
    'InstanceNotFound',
    'nova.exception.NovaException',
    # To a delete of a server on no host that is unshelved meanwhile.
    'ObjectActionError',
)
_OF_PCI_EXT = ('attach', 'detach', 'reattach')

Report = Callable[[str], None]


class Disagreement(Exception):
    """A cloud in which something does not agree.

    :ivar problems: of the last batch
    """

    def __init__(self, problems: Sequence[invariants.Problem]) -> None:
        super().__init__('\n'.join(str(problem) for problem in problems))
        self.problems = problems

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(problem.kind for problem in self.problems)


class Life:
    """The life of the servers of one cloud.

    :param report: called with a line for each batch
    :ivar batches: those taken, the last one included
    """

    def __init__(self, cloud: cloud_module.Cloud, report: Report) -> None:
        self._cloud = cloud
        self._report = report
        self._state = cloud.state()
        self._interrupted: set[str] = set()
        self._restarted_at: float | None = None
        self.batches: list[steps.Batch] = []

    @property
    def states(self) -> dict[str, str]:
        """Return by name the vm_state of each server."""
        return {
            server.name: server.vm_state
            for server in self._state.servers.values()
        }

    def take(self, batch: steps.Batch) -> None:
        """Take the steps of a batch at the same time, and check the cloud.

        :raises Disagreement: if something does not agree
        """
        self.batches.append(batch)
        before = self._state
        self._restarted_at = None
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(len(batch)) as pool:
            outcomes = list(pool.map(self._take_step, batch))
        acted = time.monotonic()
        self._report(
            f'{len(self.batches)}: '
            + '; '.join(
                f'{step} -> {outcome}'
                for step, outcome in zip(batch, outcomes, strict=True)
            )
        )
        if self._restarted_at is None:
            problems = [
                invariants.Problem('answer', f'{step}: {outcome}')
                for step, outcome in zip(batch, outcomes, strict=True)
                if outcome.startswith('5')
                and (
                    step.name in _OF_PCI_EXT
                    or not any(race in outcome for race in _RACES)
                )
            ]
            if problems:
                raise Disagreement(problems)
        last = self._settle(before)
        self._report(
            f'    {acted - started:.1f} s, {time.monotonic() - acted:.1f} s'
            + (f', {last}' if last else '')
        )

    def audit(self) -> None:
        """Let Nova's own tools look at the allocations in Placement.

        :raises Disagreement: if they find something to mend
        """
        problems = list(audit.audit(self._cloud.allinone))
        if problems:
            raise Disagreement(problems)

    def _take_step(self, step: steps.Step) -> str:
        """Take one step.

        :returns: the status of the answer, and its message if refused
        """
        time.sleep(step.delay)
        cloud = self._cloud
        match step.name:
            case 'kill' | 'terminate':
                self._restart(lambda: cloud.restart(step.name))
            case 'evacuate':
                self._restart(lambda: cloud.evacuate(step.server))
            case 'offer':
                cloud.hosts.offer(cloud.allinone, step.argument)
                assert cloud.allinone.process is not None
                os.kill(cloud.allinone.process.pid, signal.SIGHUP)
            case 'hardware':
                cloud.hosts.change(cloud.allinone, *step.argument)
            case 'fault':
                cloud.hosts.inject(**step.argument)
            case _:
                return self._operate(step)
        return 'done'

    def _operate(self, step: steps.Step) -> str:
        try:
            response = self._cloud.operate(step)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            # Of a nova-api that a step of the same batch restarts.
            if len(self.batches[-1]) == 1:
                raise
            return type(error).__name__
        if response is None:
            return 'skipped'
        text = str(response.status)
        if response.status >= 400:
            text += f' {response.data.decode()[:300]}'
        return text

    def _restart(self, restart: Callable[[], None]) -> None:
        self._record_interrupted()
        restart()
        # Some began after that, while the services ended.
        self._record_interrupted()
        self._restarted_at = time.monotonic()

    def _record_interrupted(self) -> None:
        state = self._cloud.state()
        consumers = {consumer for consumer, *_ in state.allocations}
        self._interrupted |= {
            each.uuid
            for each in state.migrations
            if each.status in invariants.MIGRATING
            # Nova takes the allocations away after it has set the status.
            or (each.status != 'finished' and each.uuid in consumers)
        }

    def _settle(self, before: state_module.State) -> invariants.Problem | None:
        """Wait until the cloud is quiet, and everything agrees.

        :returns: the last problem before that, if any
        :raises Disagreement: if that takes too long
        """
        deadline = time.monotonic() + QUIET_TIMEOUT
        last = None
        while True:
            self._state = state = self._cloud.state()
            problems = invariants.check_quiet(state, self._interrupted)
            if problems:
                self._delete_interrupted(state)
            else:
                problems = self._check(before, state)
            if not problems:
                return last
            last = problems[0]
            if time.monotonic() > deadline:
                raise Disagreement(problems)
            self._cloud.wait_for_change(_PATIENCE)
            time.sleep(_PAUSE)

    def _check(
        self, before: state_module.State, state: state_module.State
    ) -> list[invariants.Problem]:
        hosts = self._cloud.hosts
        return (
            invariants.check(state, hosts, self._interrupted)
            or invariants.check_new_devices(before, state, hosts)
            or invariants.check_lost_requests(
                before, state, hosts, self.batches[-1]
            )
            or list(self._check_api(before, state))
        )

    def _check_api(
        self, before: state_module.State, state: state_module.State
    ) -> Iterable[invariants.Problem]:
        if state == before and self._restarted_at is None:
            # As for a request that is refused: nothing else to show.
            return
        acted = {step.server for step in self.batches[-1]}
        is_all = (
            self._restarted_at is not None
            or len(self.batches) % _ALL_SERVERS == 0
        )
        detailed = self._cloud.detailed() if is_all else {}
        for server in state.servers.values():
            if not is_all and server.name not in acted:
                continue
            expected = sorted(
                device.address
                for device in state.devices_of(server.uuid)
                if device.host == server.host
            )
            views = {
                'shown': self._cloud.shown(server.uuid),
                'listed': self._cloud.listed(server.uuid),
            }
            if is_all:
                views['in detail'] = detailed.get(server.uuid, ['none'])
            for text, found in views.items():
                if found != expected:
                    yield invariants.Problem(
                        'API',
                        f'{server.name} has {expected}, {text} are {found}',
                    )
        records = {
            (device.host, device.address): device.server
            for device in state.devices
        }
        owned = self._cloud.owned()
        for place in records.keys() | owned:
            if records.get(place) != owned.get(place, ''):
                yield invariants.Problem(
                    'API',
                    f'{place} has {records.get(place)}, shown is '
                    f'{owned.get(place, "none")}',
                )

    def _delete_interrupted(self, state: state_module.State) -> None:
        """Delete the servers whose task of Nova a restart interrupted.

        Nova resumes some of these tasks; others are left to operators.
        """
        if (
            self._restarted_at is None
            or time.monotonic() < self._restarted_at + _RESUME_TIMEOUT
        ):
            return
        for uuid in state.unscheduled:
            self._cloud.request('DELETE', f'/servers/{uuid}')
        for server in state.servers.values():
            is_ours = (server.task_state or '').endswith('ing_pci')
            if server.task_state is not None and not is_ours:
                self._report(f'    {server.name}: {server.task_state}')
                self._cloud.request('DELETE', f'/servers/{server.uuid}')
            elif server.vm_state == 'building':
                self._cloud.request('DELETE', f'/servers/{server.uuid}')
