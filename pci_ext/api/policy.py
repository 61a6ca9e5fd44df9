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

"""Policies of pci_ext on the enforcer of Nova."""

from collections.abc import Mapping
import threading

from nova import context as nova_context
from nova import policy as nova_policy
from oslo_policy import policy

from pci_ext import policies

_lock = threading.Lock()


def register_rules() -> None:
    """Register the policies of pci_ext on the enforcer that Nova has now.

    Nova may replace its enforcer at any time; registering twice on the same
    one is harmless.
    """
    with _lock:
        nova_policy.init()
        enforcer = nova_policy._ENFORCER
        for rule in policies.list_rules():
            if rule.name not in enforcer.registered_rules:
                enforcer.register_default(rule)


def get_enforcer() -> policy.Enforcer:
    """Return the enforcer of Nova for the commands of oslo.policy.

    It has the policies of Nova and of pci_ext, and the policy file of Nova.
    """
    enforcer: policy.Enforcer = nova_policy.get_enforcer()
    register_rules()
    return enforcer


def authorize(
    context: nova_context.RequestContext,
    rule: str,
    target: Mapping[str, str] | None = None,
    fatal: bool = True,
) -> bool:
    """Check a policy of pci_ext, like the method ``can`` of the context.

    :param target: attributes of the resource; the project of the context if
        None
    :param fatal: whether to raise if the rule does not allow it
    :returns: whether the rule allows it
    :raises nova.exception.PolicyNotAuthorized: if not, and fatal
    """
    register_rules()
    return bool(context.can(rule, target=target, fatal=fatal))
