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

from typing import Any

from nova import context as nova_context
from nova import objects
from nova.api.openstack.compute import flavors as nova_flavors
from nova.api.validation.extra_specs import validators
from nova.pci import request as pci_request

from pci_ext import exception
from pci_ext.api import router
from pci_ext.api import visible_flavors
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.requests import from_flavor
from pci_ext.tests import fixtures
from pci_ext.tests.component.api import base


class VisibilityTestCase(base.CellsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Activation())
        self.useFixture(base.Database())
        # It makes the requests of servers use visible_flavors.
        self.app = router.app_factory({})
        for name, projects in (('private', []), ('ours', [base.OWN_PROJECT])):
            db.create(
                pci_flavor.PciFlavor(
                    name=name,
                    is_public=False,
                    projects=projects,
                    specs={'vendor_id': '8086'},
                )
            )
        db.create(
            pci_flavor.PciFlavor(name='public', specs={'vendor_id': '8086'})
        )
        self.member = self.context_of('member', 'reader')
        self.other = self.context_of(
            'member', 'reader', project_id=base.OTHER_PROJECT
        )

    def usable(self) -> set[str]:
        """Return the names of PCI flavors that an extra spec can request."""
        usable = set()
        for name in ('public', 'private', 'ours'):
            flavor = objects.Flavor(extra_specs={from_flavor.PCI_FLAVOR: name})
            try:
                pci_request.get_pci_requests_from_flavor(flavor)
                usable.add(name)
            except from_flavor.InvalidPciRequest as error:
                self.assertIn(
                    f'PCI flavor {name} could not be found', str(error)
                )
        return usable

    def test_each_user_can_use_visible_flavors(self) -> None:
        for context, expected in (
            (self.context, {'public', 'private', 'ours'}),
            (self.member, {'public', 'ours'}),
            (self.other, {'public'}),
        ):
            self.assertEqual(
                expected,
                {flavor.name for flavor in visible_flavors.get_all(context)},
            )
            with visible_flavors.for_request(context):
                self.assertEqual(expected, self.usable())

    def test_hidden_pci_flavor_takes_the_statements_of_a_missing_one(
        self,
    ) -> None:
        hidden = db.get_by_name('private')

        def find(name: str) -> None:
            self.assertRaises(
                exception.PciFlavorNotFound,
                visible_flavors.find,
                self.member,
                name,
            )

        def request(name: str) -> None:
            with visible_flavors.for_request(self.member):
                self.assertRaises(
                    from_flavor.InvalidPciRequest,
                    from_flavor.resolve,
                    {from_flavor.PCI_FLAVOR: name},
                )

        for use, names in (
            (find, (hidden.name, hidden.uuid)),
            (request, (hidden.name,)),
        ):
            with base.statements('pci_flavor') as expected:
                use('missing')
            for name in names:
                with base.statements('pci_flavor') as sent:
                    use(name)
                self.assertEqual(expected, sent)

    def test_request_without_a_user_uses_public_flavors_only(self) -> None:
        with visible_flavors.for_request(None):
            self.assertEqual({'public'}, self.usable())

    def test_refuses_pci_flavors_outside_of_an_api_request(self) -> None:
        with visible_flavors.for_request(self.context):
            pass
        error = self.assertRaises(
            from_flavor.InvalidPciRequest,
            from_flavor.resolve,
            {from_flavor.PCI_FLAVOR: 'public'},
        )
        self.assertIn('was not resolved by nova-api', str(error))

    def test_refuses_a_request_with_an_invisible_alternative(self) -> None:
        with visible_flavors.for_request(self.other):
            error = self.assertRaises(
                from_flavor.InvalidPciRequest,
                from_flavor.resolve,
                {from_flavor.PCI_FLAVOR: '1:public,ours'},
            )
        self.assertIn('PCI flavor ours could not be found', str(error))

    def test_ignores_other_contexts_of_nova(self) -> None:
        # Nova makes such a context to read the versions of compute services.
        with visible_flavors.for_request(self.other):
            with nova_context.target_cell(
                nova_context.get_admin_context(), self.cell_mappings['cell1']
            ):
                self.assertEqual({'public'}, self.usable())
            self.assertEqual({'public'}, self.usable())

    def test_uses_the_user_of_the_api_request(self) -> None:
        usable_in_request: list[set[str]] = []

        def index(*args: Any, **kwargs: Any) -> dict[str, Any]:
            usable_in_request.append(self.usable())
            return {'flavors': []}

        self.stub_out(
            f'{nova_flavors.__name__}.FlavorsController.index', index
        )
        for context in (self.other, self.context):
            request = base.wsgi.Request.blank('/flavors')
            request.environ['nova.context'] = context
            self.assertEqual(200, request.get_response(self.app).status_int)
        self.assertEqual(
            [{'public'}, {'public', 'private', 'ours'}], usable_in_request
        )

    def test_validates_extra_specs_for_the_user(self) -> None:
        with visible_flavors.for_request(self.context):
            validators.validate(from_flavor.PCI_FLAVOR, '1:private')
        with visible_flavors.for_request(self.other):
            self.assertRaisesRegex(
                Exception,
                'private could not be found',
                validators.validate,
                from_flavor.PCI_FLAVOR,
                '1:private',
            )
