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

"""Decisions for random states of a server, and what they lead to."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from pci_ext import server_state
from pci_ext.compute.recovery import decision
from pci_ext.compute.recovery import healing_actions
from pci_ext.compute.recovery import observed_state

OPERATIONS = ('op-1', 'op-2')
REQUESTS = ('request-1', 'request-2', 'request-3')
ADDRESSES = tuple(f'0000:0{bus}:00.0' for bus in range(1, 5))

devices = st.builds(
    observed_state.Device,
    address=st.sampled_from(ADDRESSES),
    request_id=st.sampled_from((*REQUESTS, None)),
    is_allocated=st.booleans(),
    in_guest=st.booleans(),
    in_definition=st.booleans(),
)
requests = st.builds(
    observed_state.Request,
    request_id=st.sampled_from(REQUESTS),
    count=st.integers(1, 3),
    attach=st.sampled_from((None, *OPERATIONS)),
    is_hot=st.booleans(),
)
any_states = st.builds(
    observed_state.State,
    task_state=st.sampled_from(
        (None, 'rebuilding', *server_state.TASK_STATES)
    ),
    operation=st.sampled_from(('', *OPERATIONS)),
    is_completed=st.booleans(),
    is_stale=st.booleans(),
    guest=st.sampled_from(observed_state.Guest),
    devices=st.lists(devices, unique_by=lambda each: each.address).map(tuple),
    devices_of_deleted_ports=st.lists(
        st.builds(
            observed_state.Device,
            address=st.just('0000:08:00.0'),
            request_id=st.just('port-request'),
            in_guest=st.booleans(),
        ),
        max_size=1,
    ).map(tuple),
    requests=st.lists(requests, unique_by=lambda each: each.request_id).map(
        tuple
    ),
    pending_detach=st.dictionaries(
        st.sampled_from(ADDRESSES), st.sampled_from(OPERATIONS)
    ),
    pending_reattach=st.dictionaries(
        st.sampled_from(REQUESTS), st.sampled_from(OPERATIONS)
    ),
    gave_up_reattach=st.booleans(),
    foreign=st.sets(st.just('0000:09:00.0')).map(frozenset),
)


def observed(state: observed_state.State) -> observed_state.State:
    """Return a state with the marks as they are observed.

    A mark of a device that the server does not have is void.
    """
    addresses = {device.address for device in state.devices}
    return dataclasses.replace(
        state,
        pending_detach={
            address: operation
            for address, operation in state.pending_detach.items()
            if address in addresses
        },
        void_detach=frozenset(
            state.void_detach | (state.pending_detach.keys() - addresses)
        ),
    )


states = any_states.map(observed)


def released(
    state: observed_state.State, device: observed_state.Device
) -> bool:
    return (
        state.guest is not observed_state.Guest.RUNNING or not device.in_guest
    )


def after_undo(
    state: observed_state.State, attach: str
) -> observed_state.State:
    """Return the state after the undo of an attach, as Attach does it."""
    request_ids = {
        each.request_id for each in state.requests if each.attach == attach
    }
    remaining = tuple(
        device
        for device in state.devices
        if device.request_id not in request_ids or not released(state, device)
    )
    pending = {
        device.address: attach
        for device in remaining
        if device.request_id in request_ids
    }
    left = {device.request_id for device in remaining}
    return dataclasses.replace(
        state,
        devices=remaining,
        requests=tuple(
            dataclasses.replace(each, attach=None, is_hot=True)
            if each.request_id in request_ids
            else each
            for each in state.requests
            if each.request_id not in request_ids or each.request_id in left
        ),
        pending_detach={**state.pending_detach, **pending},
    )


def synced(
    state: observed_state.State, request_ids: frozenset[str | None]
) -> observed_state.State:
    counts = {
        each.request_id: sum(
            device.request_id == each.request_id for device in state.devices
        )
        for each in state.requests
    }
    return dataclasses.replace(
        state,
        requests=tuple(
            dataclasses.replace(each, count=counts[each.request_id])
            if each.request_id in request_ids
            else each
            for each in state.requests
            if each.request_id not in request_ids or counts[each.request_id]
        ),
    )


def ended(state: observed_state.State) -> observed_state.State:
    return dataclasses.replace(
        state, task_state=None, operation='', is_completed=False
    )


def without(
    state: observed_state.State, addresses: frozenset[str]
) -> observed_state.State:
    return dataclasses.replace(
        state,
        pending_detach={
            address: operation
            for address, operation in state.pending_detach.items()
            if address not in addresses
        },
        void_detach=state.void_detach - addresses,
    )


def freed(
    state: observed_state.State, addresses: frozenset[str]
) -> observed_state.State:
    request_ids = frozenset(
        device.request_id
        for device in state.devices
        if device.address in addresses
    )
    return synced(
        without(
            dataclasses.replace(
                state,
                devices=tuple(
                    each
                    for each in state.devices
                    if each.address not in addresses
                ),
                devices_of_deleted_ports=tuple(
                    each
                    for each in state.devices_of_deleted_ports
                    if each.address not in addresses
                ),
            ),
            addresses,
        ),
        request_ids,
    )


def apply(
    state: observed_state.State, action: healing_actions.Action
) -> observed_state.State:
    """Return the state that an action leads to."""
    match action:
        case healing_actions.CompleteAttach(operation):
            return ended(
                dataclasses.replace(
                    state,
                    requests=tuple(
                        dataclasses.replace(each, attach=None, is_hot=True)
                        if each.attach == operation
                        else each
                        for each in state.requests
                    ),
                    devices=tuple(
                        dataclasses.replace(each, is_allocated=True)
                        for each in state.devices
                    ),
                )
            )
        case healing_actions.UndoAttach(operation):
            state = after_undo(state, operation)
            return ended(state) if state.operation == operation else state
        case healing_actions.ResumeDetach(operation):
            return ended(
                freed(
                    state,
                    frozenset(
                        device.address
                        for device in state.devices
                        if state.pending_detach.get(device.address)
                        == operation
                        and released(state, device)
                    ),
                )
            )
        case healing_actions.EndOperation() | healing_actions.EndEvent():
            return ended(state)
        case healing_actions.Free(addresses):
            return freed(state, addresses)
        case healing_actions.ClearPendingDetach(addresses):
            return without(state, addresses)
        case healing_actions.SyncRequests(request_ids):
            return synced(state, request_ids)
        case healing_actions.Allocate(addresses):
            return dataclasses.replace(
                state,
                devices=tuple(
                    dataclasses.replace(each, is_allocated=True)
                    if each.address in addresses
                    else each
                    for each in state.devices
                ),
            )
        case healing_actions.ClearPendingReattach():
            return dataclasses.replace(
                state, pending_reattach={}, gave_up_reattach=False
            )
    return state


def due(state: observed_state.State) -> list[healing_actions.Action]:
    return [
        action
        for action in decision.decide(state)
        if not isinstance(action, healing_actions.PASSIVE)
    ]


def heal(state: observed_state.State) -> observed_state.State:
    for action in due(state):
        state = apply(state, action)
    return state


class DecideTestCase(base.BaseTestCase):
    @given(states)
    def test_two_passes_leave_nothing_due(
        self, state: observed_state.State
    ) -> None:
        self.assertEqual([], due(heal(heal(state))))

    @given(states)
    def test_no_device_in_a_guest_is_freed(
        self, state: observed_state.State
    ) -> None:
        in_guest = {
            device.address
            for device in (*state.devices, *state.devices_of_deleted_ports)
            if not released(state, device)
        }
        for action in decision.decide(state):
            if isinstance(action, healing_actions.Free):
                self.assertEqual(frozenset(), action.addresses & in_guest)

    @given(states)
    def test_frees_nothing_that_is_requested_and_wanted(
        self, state: observed_state.State
    ) -> None:
        request_ids = {each.request_id for each in state.requests}
        others = {each.address for each in state.devices_of_deleted_ports} | {
            each.address
            for each in state.devices
            if each.request_id not in request_ids
        }
        for action in decision.decide(state):
            if isinstance(action, healing_actions.Free):
                self.assertLessEqual(
                    action.addresses, state.pending_detach.keys() | others
                )

    @given(states)
    def test_a_server_with_a_task_is_left_alone(
        self, state: observed_state.State
    ) -> None:
        if state.task_state is None or state.is_stale:
            return
        self.assertEqual([], due(state))

    @given(states)
    def test_an_attach_is_completed_only_with_all_its_devices(
        self, state: observed_state.State
    ) -> None:
        for action in decision.decide(state):
            if not isinstance(action, healing_actions.CompleteAttach):
                continue
            self.assertEqual(state.operation, action.operation)
            self.assertEqual(server_state.ATTACHING_PCI, state.task_state)

    @given(states)
    def test_every_unfinished_state_has_an_action_or_a_reason(
        self, state: observed_state.State
    ) -> None:
        unfinished = (
            state.task_state is not None
            or state.operation
            or state.pending_detach
            or state.void_detach
            or state.devices_of_deleted_ports
            or state.pending_reattach
            or any(each.attach for each in state.requests)
        )
        if unfinished:
            self.assertNotEqual([], decision.decide(state))

    def test_released_device_of_a_stopped_server_is_freed(self) -> None:
        [address, *_] = ADDRESSES
        state = observed_state.State(
            guest=observed_state.Guest.OFF,
            devices=(observed_state.Device(address, 'request-1'),),
            requests=(observed_state.Request('request-1', 1),),
            pending_detach={address: 'op-1'},
        )
        self.assertEqual(
            [healing_actions.Free(frozenset({address}))],
            decision.decide(state),
        )

    def test_deleted_port_waits_for_a_missing_guest(self) -> None:
        state = observed_state.State(
            guest=observed_state.Guest.MISSING,
            devices_of_deleted_ports=(
                observed_state.Device('0000:08:00.0', 'port-request'),
            ),
        )
        [action] = decision.decide(state)
        self.assertIsInstance(action, healing_actions.Wait)

    def test_device_without_a_request(self) -> None:
        [address, *_] = ADDRESSES
        free = healing_actions.Free(frozenset({address}))
        for guest, in_guest, expected in (
            (observed_state.Guest.RUNNING, False, free),
            (observed_state.Guest.OFF, True, free),
            (
                observed_state.Guest.RUNNING,
                True,
                healing_actions.Report(
                    'Devices in the guest have no request',
                    frozenset({address}),
                ),
            ),
            (
                observed_state.Guest.MISSING,
                True,
                healing_actions.Wait('the guest does not run'),
            ),
        ):
            state = observed_state.State(
                guest=guest,
                devices=(
                    observed_state.Device(address, 'lost', in_guest=in_guest),
                ),
            )
            self.assertEqual([expected], decision.decide(state))

    def test_missing_device_is_reattached(self) -> None:
        state = observed_state.State(
            devices=(
                observed_state.Device(
                    ADDRESSES[0], 'request-1', in_guest=False
                ),
            ),
            requests=(observed_state.Request('request-1', 1),),
        )
        self.assertIn(healing_actions.Reattach(''), decision.decide(state))
