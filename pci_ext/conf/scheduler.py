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

"""Options of the scheduler: the weights of the fit of PCI devices."""

from oslo_config import cfg

GROUP = 'pci_ext'

OPTS: list[cfg.Opt] = [
    cfg.FloatOpt(
        'pci_flavor_weight_multiplier',
        default=1000.0,
        help="""
Multiplier of the weight of PciFlavorWeigher.

Hosts that can serve earlier alternatives of a request are preferred, and
among these the hosts where the fewest matching devices stay free. The default
makes this count more than Nova's own weighers; 0 turns the weigher off.
""",
    ),
    cfg.FloatOpt(
        'first_fit_weight_multiplier',
        default=0.0,
        help="""
Multiplier of the weight of FirstFitWeigher.

Among hosts that can serve a request for PCI devices, the first in the order of
their names is preferred. The default turns the weigher off. A small number,
such as 0.001, makes it choose among hosts that all other weighers find equal;
a number greater than the multipliers of the others fills host after host.
""",
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [(GROUP, OPTS)]
