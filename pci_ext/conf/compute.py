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

"""Options of compute hosts: the devices they offer, and their grouping."""

from oslo_config import cfg
from oslo_config import types

GROUP = 'pci_ext'

DEFAULT_PCI_FLAVOR_ATTRS = ['vendor_id', 'product_id', 'extra_info']

OPTS: list[cfg.Opt] = [
    cfg.MultiStrOpt(
        'pci_information',
        default=[],
        mutable=True,
        help="""
PCI devices that this compute host offers to servers, and what it says of them.

Not set by default.

Each entry is a JSON list of two objects: a selector, and extra attributes for
the devices it selects. Repeat the option for more entries. A device belongs
to the first entry that matches it, in the order written; a device that no
entry matches is not offered by pci_ext. Entries of ``[pci] device_spec`` are
tried after the entries of pci_ext.

The keys of the selector are properties of a device: ``vendor_id``,
``product_id``, ``class``, ``address``, ``dev_type``, ``numa_node`` and every
other property that the hypervisor reports. Its values are patterns: a literal,
a regular expression in RE2 syntax that matches the whole value, or ``*``. An
address is a full or partial PCI address with ``*`` or a regular expression in
place of any field, or a range ``0000:06:00.0-0000:06:01.7``. The keys of the
extra attributes start with ``e.``. Beside them, ``resource_class`` and
``traits`` name the resource class and the traits, with commas between them, of
the devices in Placement, as in ``[pci] device_spec``.

A change is taken up when nova-compute starts and, after a SIGHUP, at its next
periodic scan. A device that is offered no more while a server has it is kept
until the server gives it back.

Related options:

* ``[pci_ext] pci_flavor_attrs``
* ``[pci_ext] special_attrs``
""",
        sample_default=[
            '[{"vendor_id": "8086", "product_id": "000[1-2]"}, '
            '{"e.group": "gpu"}]'
        ],
    ),
    cfg.ListOpt(
        'pci_devices',
        default=[],
        mutable=True,
        help="""
Named PCI devices of this compute host.

Not set by default.

Each item is an address and a name, ``28:00.1|10GE``. It has the effect of an
entry ``[{"address": "0000:28:00.1"}, {"e.name": "10GE"}]`` in
``pci_information``, tried before the entries written there, and a change of it
is taken up in the same way. An address without a domain is in domain 0000.
Servers ask for them by the extra spec ``pci_passthrough:pci_name``.
""",
        sample_default=['28:00.1|10GE', '28:00.2|10GE'],
    ),
    cfg.ListOpt(
        'pci_flavor_attrs',
        default=DEFAULT_PCI_FLAVOR_ATTRS,
        help="""
Attributes by which this compute host groups its devices into pools.

Only what is listed here can be used in PCI flavors that select devices of this
host. ``extra_info`` stands for all extra attributes, those whose keys start
with ``e.``. The device type, the NUMA node and what Nova itself needs are
always used. The fewer attributes, the fewer pools, and the faster the
scheduler.
""",
    ),
    cfg.ListOpt(
        'special_attrs',
        item_type=types.String(regex=r'^e\..+'),
        default=[],
        help="""
Extra attributes that reserve a device for PCI flavors that name them.

Not set by default.

A device that carries one of these attributes is matched only by a PCI flavor
whose selector names that attribute. Each begins with ``e.``: other properties
are not given by operators, and cannot reserve a device.
""",
        sample_default=['e.group'],
    ),
    cfg.IntOpt(
        'reattach_attempts',
        default=5,
        min=1,
        help="""
How often to try to attach a PCI device after a live migration.

A device of a PCI flavor with the live migration policy ``hotplug`` is detached
before and attached after. The first attempt, made as soon as the guest runs
on this host, does not count. When the last one fails, the device stays
claimed for the server, whose action ends with an error, and the attempts begin
anew with ``openstack server pci reattach`` or the next start of nova-compute.

Related options:

* ``[pci_ext] reattach_delay``
""",
    ),
    cfg.FloatOpt(
        'reattach_delay',
        default=2.0,
        min=0.0,
        help="""
Seconds until a PCI device that could not be attached is tried again.

Doubled with each attempt, up to a minute.

Related options:

* ``[pci_ext] reattach_attempts``
""",
    ),
    cfg.StrOpt(
        'port_plug',
        default='hostdev',
        choices=[
            ('hostdev', 'the guest is given the device itself'),
            ('network', 'the guest names a network made for the port'),
        ],
        help="""
How the devices of SR-IOV ports are plugged into guests on this host.

With ``network`` each port has a libvirt network of its own that holds its one
device, so that the XML of the guest is the same on every host. It is made when
the port is plugged, which for a migration is before the guest arrives, and
removed when it is unplugged.

A guest goes by what was set when it was last started.
""",
    ),
    cfg.StrOpt(
        'fake_hardware',
        help="""
Hardware file, in YAML or JSON: the PCI devices of simulated compute hosts.

Used only by ``compute_driver = pci_ext.FakeDriver``, for tests and trials.
""",
    ),
    cfg.StrOpt(
        'fake_faults',
        help="""
File, in YAML, with the faults of simulated compute hosts.

It is read at each access to a guest, and may have these keys: ``root_ports``,
the PCIe root ports of each guest; ``busy``, a list of addresses that cannot be
attached; ``release_delay``, for each address the seconds until a guest
releases the device, or ``never``; ``timeout``, the seconds that the driver
waits for the release of a device; ``attach_delay``, the seconds that an attach
takes; ``transfer_delay``, the seconds that a live migration takes;
``transfer_fails``, whether it fails; ``prepare_fails``, whether the
destination fails before the migration begins; ``abort_delay``, the seconds
that the abort of a migration takes; ``unreachable``, whether nova-compute
cannot reach the hypervisor, while the guests run on. Used only by
``compute_driver = pci_ext.FakeDriver``, for tests and trials.
""",
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [(GROUP, OPTS)]
