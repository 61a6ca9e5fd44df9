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

"""The metrics of all sources, and of the sources themselves."""

from collections.abc import Iterable
from collections.abc import Iterator

from prometheus_client import core
from prometheus_client import registry

from pci_ext.exporter import sources as metric_sources

_LABELS = ('source',)


class Collector(registry.Collector):
    """Answers scrapes with the values of sources."""

    def __init__(self, sources: metric_sources.Sources) -> None:
        self._sources = sources

    def describe(self) -> Iterable[core.Metric]:
        """Return nothing: the registry would otherwise collect to know."""
        return ()

    def collect(self) -> Iterator[core.Metric]:
        self._sources.refresh()
        up = core.GaugeMetricFamily(
            'pci_ext_up',
            '1 if a source could be read at the last attempt, 0 if not.',
            labels=_LABELS,
        )
        read_at = core.GaugeMetricFamily(
            'pci_ext_last_read_timestamp_seconds',
            'Time at which the values of a source were read.',
            labels=_LABELS,
        )
        duration = core.GaugeMetricFamily(
            'pci_ext_read_duration_seconds',
            'Duration of the last attempt to read a source.',
            labels=_LABELS,
        )
        for source in self._sources:
            labels = (source.name,)
            up.add_metric(labels, source.is_up)
            if source.read_at is not None:
                read_at.add_metric(labels, source.read_at)
            if source.duration is not None:
                duration.add_metric(labels, source.duration)
            yield from source.families
        yield from (up, read_at, duration)
