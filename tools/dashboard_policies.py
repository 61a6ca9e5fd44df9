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

"""Write the policy files of the dashboard from the policies of pci_ext.

    .tox/dashboard/bin/python -m tools.dashboard_policies

The default policies are those of pci_ext and the rules of Nova that they refer
to. The policy file is empty but for comments, and for overrides of operators.
"""

from collections.abc import Iterable
import pathlib
import re

from nova.policies import base as nova_rules
from oslo_policy import policy
import yaml

from pci_ext import policies

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONF = ROOT / 'pci_ext_dashboard/conf'
DEFAULTS = CONF / 'default_policies/pci_ext.yaml'

_HEADER = '# Made by tools/dashboard_policies.py.\n'


def referred_rules(
    rules: Iterable[policy.RuleDefault],
) -> list[policy.RuleDefault]:
    """Return the rules of Nova that rules refer to, and those they do."""
    known = {rule.name: rule for rule in nova_rules.list_rules()}
    found: dict[str, policy.RuleDefault] = {}
    pending = list(rules)
    while pending:
        for name in re.findall(r'rule:(\w+)', pending.pop().check_str):
            if name not in found:
                found[name] = known[name]
                pending.append(known[name])
    return [found[name] for name in sorted(found)]


def default_policies() -> str:
    """Return the default policies, in the form that Horizon reads."""
    ours = policies.list_rules()
    return _HEADER + yaml.safe_dump(
        [
            {
                'name': rule.name,
                'check_str': rule.check_str,
                'description': rule.description,
                'operations': getattr(rule, 'operations', []),
                'scope_types': rule.scope_types,
            }
            for rule in [*referred_rules(ours), *ours]
        ],
        sort_keys=False,
    )


def main() -> None:
    DEFAULTS.write_text(default_policies())


if __name__ == '__main__':
    main()
