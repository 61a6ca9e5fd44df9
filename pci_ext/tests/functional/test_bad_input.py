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

"""Invalid input is refused with the reason, and changes nothing."""

from pci_ext.tests.functional import base


class TestBadInput(base.TestCase):
    HOSTS = {
        'host-1': [
            {
                'kind': 'gpu',
                'vendor_id': '10de',
                'product_id': '20b0',
                'address': '0000:3b:00.0',
            }
        ]
    }

    def assertPciFlavorRefused(
        self, name: str, *reasons: str, **specs: str
    ) -> None:
        """Check that a PCI flavor is refused for reasons, and not created.

        The reasons must be in the response of the API and in the output of the
        command.
        """
        before = self.openstack('pci', 'flavor', 'list', '--long')
        response = self.request(
            *('POST', '/os-pci-flavors'),
            {'pci_flavor': {'name': name, 'specs': specs}},
        )
        self.assertEqual(400, response.status, response.data)
        options = []
        for key, value in specs.items():
            options += ['--property', f'{key}={value}']
        error = self.assertRefused(
            *('', 'pci', 'flavor', 'create', *options, name)
        )
        for reason in reasons:
            self.assertIn(reason, response.json()['badRequest']['message'])
            self.assertIn(reason, error)
        self.assertEqual(
            before, self.openstack('pci', 'flavor', 'list', '--long')
        )

    def test_refuses_an_unknown_attribute(self) -> None:
        self.assertPciFlavorRefused(
            'new', 'e.color', 'vendor_id', **{'e.color': 'red'}
        )

    def test_refuses_keys_of_a_single_host(self) -> None:
        for key, value in (
            ('address', '0000:3b:00.0'),
            ('parent_addr', '0000:3b:00.0'),
            ('dev_id', 'pci_0000_3b_00_0'),
            ('host', 'host-1'),
            ('compute_node_id', '1'),
        ):
            self.assertPciFlavorRefused('new', key, **{key: value})

    def test_refuses_an_invalid_pattern(self) -> None:
        self.assertPciFlavorRefused(
            *('new', 'product_id', '000[1-', 'missing ]'), product_id='000[1-'
        )

    def test_refuses_a_pattern_with_look_around(self) -> None:
        self.assertPciFlavorRefused(
            'new', 'product_id', '(?=a)b', product_id='(?=a)b'
        )

    def test_refuses_one_invalid_property_of_two(self) -> None:
        self.assertPciFlavorRefused(
            'new', 'product_id', '*(', vendor_id='10de', product_id='*('
        )

    def test_refuses_invalid_names(self) -> None:
        for name in ('123', 'x' * 256, 'a,b', 'a;b', 'a:b', ' a', 'a ', ''):
            self.assertPciFlavorRefused(name, 'name')

    def test_accepts_the_longest_name(self) -> None:
        name = 'x' * 255
        self.create_pci_flavor(name, vendor_id='10de')
        self.boot(f'1:{name}')

    def test_refuses_an_invalid_body(self) -> None:
        for body in ([], 'pci_flavor', 1, {'pci_flavor': []}, {}):
            response = self.request('POST', '/os-pci-flavors', body)
            self.assertEqual(400, response.status, response.data)
            self.assertIn('badRequest', response.json())
        self.assertEqual([], self.openstack('pci', 'flavor', 'list'))

    def test_refused_update_changes_nothing(self) -> None:
        self.create_pci_flavor('gpu', vendor_id='10de')
        before = self.openstack('pci', 'flavor', 'show', 'gpu')
        self.assertRefused(
            *('product_id', 'pci', 'flavor', 'set', '--description', 'new'),
            *('--property', 'product_id=[', 'gpu'),
        )
        self.assertEqual(
            before, self.openstack('pci', 'flavor', 'show', 'gpu')
        )

    def test_refuses_a_duplicate_name(self) -> None:
        self.create_pci_flavor('gpu', vendor_id='10de')
        self.assertRefused(
            *('gpu already exists', 'pci', 'flavor', 'create'),
            *('--property', 'vendor_id=8086', 'gpu'),
        )
        shown = self.openstack('pci', 'flavor', 'show', 'gpu')
        self.assertIn('10de', str(shown))

    def test_refuses_invalid_requests(self) -> None:
        self.create_pci_flavor('gpu', vendor_id='10de')
        flavor = self.create_flavor('1:gpu')
        for value, reason in (
            ('0:gpu', '0'),
            ('10000:gpu', '10000'),
            ('1:unknown', 'unknown'),
            ('1:gpu,unknown', 'unknown'),
            ('1:', '1:'),
            (';', ';'),
        ):
            error = self.assertRefused(
                *('400', 'flavor', 'set', '--property'),
                *(f'{base.EXTRA_SPEC}={value}', flavor),
            )
            self.assertIn(reason, error)
        shown = self.openstack('flavor', 'show', flavor)
        self.assertEqual({base.EXTRA_SPEC: '1:gpu'}, shown['properties'])

    def test_refuses_a_deleted_pci_flavor(self) -> None:
        self.openstack(
            *('pci', 'flavor', 'create', '--property', 'vendor_id=10de'),
            'gone',
        )
        flavor = self.create_flavor('1:gone')
        self.shell.run('pci', 'flavor', 'delete', 'gone')
        before = self.openstack('server', 'list')
        self.assertRefused(
            *('gone', 'server', 'create', '--flavor', flavor),
            *('--image', 'tiny', '--nic', 'none', 'refused'),
        )
        self.assertEqual(before, self.openstack('server', 'list'))

    def test_refuses_changes_by_members(self) -> None:
        self.create_pci_flavor('gpu', vendor_id='10de')
        listed = self.openstack(
            'pci', 'flavor', 'list', cloud='pci-ext-member'
        )
        self.assertEqual(['gpu'], [flavor['Name'] for flavor in listed])
        for command in (
            ('create', 'mine'),
            ('set', '--description', 'mine', 'gpu'),
            ('delete', 'gpu'),
        ):
            self.assertRefused(
                "Policy doesn't allow",
                'pci',
                'flavor',
                *command,
                cloud='pci-ext-member',
            )
