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

"""The values that scrapes are answered with, and when they are read."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import threading
import time

from keystoneauth1 import exceptions as ks_exceptions
from oslo_log import log as logging
from prometheus_client import core

LOG = logging.getLogger(__name__)

Families = list[core.Metric]


class Source:
    """A part of the cloud, with the values read last."""

    def __init__(
        self, name: str, read: Callable[[], Families], lifetime: float
    ) -> None:
        """Read nothing yet.

        :param read: returns the values
        :param lifetime: in seconds, until values are read again
        """
        self.name = name
        self._read = read
        self._lifetime = lifetime
        self._tried: float | None = None
        #: The last values that could be read.
        self.families: Families = []
        #: Whether the last attempt to read succeeded.
        self.is_up = False
        #: When values could be read last, in seconds of the epoch.
        self.read_at: float | None = None
        #: Of the last attempt, in seconds.
        self.duration: float | None = None

    def is_due(self) -> bool:
        return (
            self._tried is None
            or time.monotonic() - self._tried >= self._lifetime
        )

    def read(self) -> None:
        """Read the values; keep the old ones if they cannot be read."""
        begin = time.monotonic()
        try:
            self.families = self._read()
        except Exception as error:
            self.is_up = False
            # The reason of other errors is in the program, or in the form of
            # the answer.
            is_expected = isinstance(error, ks_exceptions.ClientException)
            LOG.error(
                'The source %s of metrics cannot be read: %s',
                self.name,
                error,
                exc_info=not is_expected,
            )
        else:
            self.is_up = True
            self.read_at = time.time()
        finally:
            # A failed read is not repeated by each scrape.
            self._tried = time.monotonic()
            self.duration = self._tried - begin


class Sources:
    """Reads sources when they are scraped, one at a time."""

    def __init__(self, sources: Sequence[Source], max_wait: float) -> None:
        """Take sources, in the order in which they are read.

        :param max_wait: time in seconds that a scrape waits for values
        """
        self._sources = sources
        self._max_wait = max_wait
        self._lock = threading.Lock()
        self._reading: threading.Thread | None = None

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources)

    def refresh(self) -> None:
        """Read the sources that are due, or wait for those being read."""
        with self._lock:
            if self._reading is None or not self._reading.is_alive():
                due = [each for each in self._sources if each.is_due()]
                if not due:
                    return
                # The end of the program does not wait for an answer.
                self._reading = threading.Thread(
                    target=self._read, args=(due,), name='read', daemon=True
                )
                self._reading.start()
            reading = self._reading
        reading.join(self._max_wait)

    @staticmethod
    def _read(due: Iterable[Source]) -> None:
        for source in due:
            source.read()
