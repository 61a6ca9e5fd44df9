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

"""Metrics of attaches and detaches, from notifications of nova-compute."""

from collections import OrderedDict
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import datetime
from typing import Any

from oslo_config import cfg
import oslo_messaging
import prometheus_client

from pci_ext.conf import exporter as exporter_conf

# The queue of the exporter. Other consumers of the topic have their own.
_POOL = 'pci-ext-exporter'

# The default of [DEFAULT] control_exchange in Nova.
_EXCHANGE = 'nova'

# A start that nothing follows is forgotten after this many others.
_MAX_STARTS = 10_000

# By the phase of the last notification.
_RESULTS = {'end': 'success', 'error': 'error'}

_LABELS = ('operation', 'result')

_BUCKETS = (1, 2.5, 5, 10, 20, 40, 80, 160, 320)

#: A server, an action and the id of its request.
_Key = tuple[str, str, str]


class Operations:
    """Counts operations; an endpoint of a notification listener."""

    filter_rule = oslo_messaging.NotificationFilter(
        event_type=r'^instance\.pci_(attach|detach)\.(start|end|error)$'
    )

    def __init__(self, registry: prometheus_client.CollectorRegistry) -> None:
        self._starts: OrderedDict[_Key, datetime.datetime] = OrderedDict()
        self._number = prometheus_client.Counter(
            'pci_ext_operations',
            'Attaches and detaches that ended.',
            _LABELS,
            registry=registry,
        )
        # Prometheus sees no increase in a series that begins with 1.
        for operation in 'attach', 'detach':
            for result in _RESULTS.values():
                self._number.labels(operation, result)
        self._duration = prometheus_client.Histogram(
            'pci_ext_operation_duration_seconds',
            'Duration of attaches and detaches.',
            _LABELS,
            buckets=_BUCKETS,
            registry=registry,
        )

    def info(
        self,
        context: Mapping[str, Any],
        publisher_id: str,
        event_type: str,
        payload: Mapping[str, Any],
        metadata: Mapping[str, str],
    ) -> None:
        """Receive a notification of a start or an end."""
        data = payload['nova_object.data']
        _, action, phase = event_type.split('.')
        key = (data['uuid'], action, data['request_id'])
        sent = datetime.datetime.fromisoformat(metadata['timestamp'])
        if phase == 'start':
            self._starts[key] = sent
            if len(self._starts) > _MAX_STARTS:
                self._starts.popitem(last=False)
            return
        labels = (action.removeprefix('pci_'), _RESULTS[phase])
        # The exporter may have been started later. A device that the guest
        # releases after an error has a second end.
        start = self._starts.pop(key, None)
        if start is not None:
            self._duration.labels(*labels).observe(
                (sent - start).total_seconds()
            )
        self._number.labels(*labels).inc()

    #: Errors have the priority ERROR.
    error = info


@contextlib.contextmanager
def listening(conf: cfg.ConfigOpts, operations: Operations) -> Iterator[None]:
    """Receive the notifications of the topics of a configuration."""
    transport = oslo_messaging.get_notification_transport(conf)
    # Nova sends to its own exchange, not to the one of oslo.messaging. The
    # transport has registered the option.
    conf.set_default('control_exchange', _EXCHANGE)
    listener = oslo_messaging.get_notification_listener(
        transport,
        [
            oslo_messaging.Target(topic=topic, exchange=conf.control_exchange)
            for topic in conf[exporter_conf.GROUP].notification_topics
        ],
        [operations],
        executor='threading',
        pool=_POOL,
    )
    # By one thread, or an end could overtake its start.
    listener.start(override_pool_size=1)
    try:
        yield
    finally:
        listener.stop()
        listener.wait()
