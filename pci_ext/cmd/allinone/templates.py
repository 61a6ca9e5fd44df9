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

"""The configuration files of the all-in-one, as templates."""

NOVA = """\
# Written by pci-ext-allinone at each start: changes made here are lost. Put
# them into a file of your own and give it with --config-file.

[DEFAULT]
host = controller
my_ip = 127.0.0.1
state_path = ${data_dir}
log_file = ${data_dir}/nova.log
use_stderr = false
transport_url = fake:/
# This transport carries no sign of life from a host that works at a call.
long_rpc_timeout = 60
compute_driver = pci_ext.FakeDriver
graceful_shutdown_timeout = 3
manager_shutdown_timeout = 1

# No agent reports a port as plugged on the destination.
[compute]
live_migration_wait_for_vif_plug = false

# The line that activates pci_ext in every service of Nova.
[oslo_messaging_notifications]
driver = pci_ext

[filter_scheduler]
enabled_filters = ComputeFilter,ComputeCapabilitiesFilter,\
ImagePropertiesFilter,ServerGroupAntiAffinityFilter,\
ServerGroupAffinityFilter,NUMATopologyFilter
weight_classes = nova.scheduler.weights.all_weighers,\
pci_ext.scheduler.weights.all_weighers

[pci_ext]
fake_hardware = ${hardware}
${offer}

[pci_ext_database]
connection = ${pci_ext_db}

[api_database]
connection = ${nova_api_db}
sqlite_synchronous = false

[database]
connection = ${nova_cell1_db}
sqlite_synchronous = false

# Nova checks each response against its schema, a tenth of the time that a
# response takes.
[api]
response_validation = ignore

[wsgi]
api_paste_config = ${data_dir}/api-paste.ini

# Servers that are booted at once compete for the same devices.
[scheduler]
max_attempts = 10

[quota]
instances = -1
cores = -1
ram = -1

[oslo_concurrency]
lock_path = ${data_dir}/locks

[vnc]
enabled = false

[placement]
auth_type = admin_token
token = nova:service:admin,service
endpoint = ${url}/placement
endpoint_override = ${url}/placement

# The services below are stubs.
[keystone]
auth_type = admin_token
token = admin
endpoint = ${url}/identity
endpoint_override = ${url}/identity/v3

[glance]
endpoint_override = ${url}/image

[neutron]
auth_type = admin_token
token = admin
endpoint = ${url}/network
endpoint_override = ${url}/network
"""

API_PASTE = """\
# Written by pci-ext-allinone at each start. Nova's own api-paste.ini without
# the metadata service, and with a stub for authentication.

[composite:osapi_compute]
use = call:nova.api.openstack.urlmap:urlmap_factory
/: oscomputeversions
/v2: oscomputeversion_legacy_v2
/v2.1: oscomputeversion_v2
/v2/+: openstack_compute_api_v21_legacy_v2_compatible
/v2.1/+: openstack_compute_api_v21

[composite:openstack_compute_api_v21]
use = call:nova.api.auth:pipeline_factory_v21
keystone = cors http_proxy_to_wsgi compute_req_id faultwrap request_log \
sizelimit osprofiler authtoken keystonecontext osapi_compute_app_v21

[composite:openstack_compute_api_v21_legacy_v2_compatible]
use = call:nova.api.auth:pipeline_factory_v21
keystone = cors http_proxy_to_wsgi compute_req_id faultwrap request_log \
sizelimit osprofiler authtoken keystonecontext legacy_v2_compatible \
osapi_compute_app_v21

[pipeline:oscomputeversions]
pipeline = cors faultwrap request_log http_proxy_to_wsgi oscomputeversionapp

[pipeline:oscomputeversion_v2]
pipeline = cors compute_req_id faultwrap request_log http_proxy_to_wsgi \
oscomputeversionapp_v2

[pipeline:oscomputeversion_legacy_v2]
pipeline = cors compute_req_id faultwrap request_log http_proxy_to_wsgi \
legacy_v2_compatible oscomputeversionapp_v2

[app:osapi_compute_app_v21]
paste.app_factory = nova.api.openstack.compute:APIRouterV21.factory

[app:oscomputeversionapp]
paste.app_factory = nova.api.openstack.compute.versions:Versions.factory

[app:oscomputeversionapp_v2]
paste.app_factory = nova.api.openstack.compute.versions:VersionsV2.factory

[filter:authtoken]
paste.filter_factory = pci_ext.cmd.allinone.stub_services:auth_filter_factory

[filter:compute_req_id]
paste.filter_factory = nova.api.compute_req_id:ComputeReqIdMiddleware.factory

[filter:cors]
paste.filter_factory = oslo_middleware.cors:filter_factory
oslo_config_project = nova

[filter:faultwrap]
paste.filter_factory = nova.api.openstack:FaultWrapper.factory

[filter:http_proxy_to_wsgi]
paste.filter_factory = \
oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory

[filter:keystonecontext]
paste.filter_factory = nova.api.auth:NovaKeystoneContext.factory

[filter:legacy_v2_compatible]
paste.filter_factory = nova.api.openstack:LegacyV2CompatibleWrapper.factory

[filter:osprofiler]
paste.filter_factory = nova.profiler:WsgiMiddleware.factory

[filter:request_log]
paste.filter_factory = nova.api.openstack.requestlog:RequestLog.factory

[filter:sizelimit]
paste.filter_factory = oslo_middleware:RequestBodySizeLimiter.factory
"""

PLACEMENT = """\
# Written by pci-ext-allinone at each start.

[DEFAULT]
log_file = ${data_dir}/placement.log
use_stderr = false

[api]
auth_strategy = noauth2

[placement_database]
connection = ${placement_db}
sqlite_synchronous = false
sync_on_startup = true
"""

CLOUDS = """\
# Written by pci-ext-allinone at each start.

clouds:
  pci-ext:
    auth_type: none
    auth:
      endpoint: ${url}/compute/v2.1
${endpoints}
  # A user without the role of an administrator, in a project of its own.
  pci-ext-member:
    auth_type: admin_token
    auth:
      endpoint: ${url}/compute/v2.1
      token: member:${member_project}:member,reader
${endpoints}
"""

ENDPOINTS = """\
    compute_api_version: '2.96'
    compute_endpoint_override: ${url}/compute/v2.1
    identity_api_version: '3'
    identity_endpoint_override: ${url}/identity/v3
    image_endpoint_override: ${url}/image
    network_endpoint_override: ${url}/network
    placement_endpoint_override: ${url}/placement"""
