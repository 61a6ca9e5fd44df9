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

"""``openstack pci attribute``: list."""

import argparse

from osc_lib.command import command

from pci_ext.client import plugin


class ListPciAttribute(command.Lister):
    """List the attributes that properties of PCI flavors may name

    The compute hosts group their devices by these attributes.
    """

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        attributes = plugin.client_of(self).list_attributes()
        return ('Attribute',), tuple((each,) for each in attributes)
