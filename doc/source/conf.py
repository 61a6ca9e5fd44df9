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

"""Configuration of the documentation build."""

from importlib import metadata
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / '_ext'))

extensions = [
    'openstackdocstheme',
    'cliff.sphinxext',
    'oslo_config.sphinxconfiggen',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxext',
    'oslo_policy.sphinxpolicygen',
    'sphinx.ext.autodoc',
    'sphinx.ext.graphviz',
    'pci_api',
]

config_generator_config_file = [
    ('../../etc/pci_ext/pci-ext-config-generator.conf', '_static/pci-ext'),
]
policy_generator_config_file = [
    (
        '../../etc/pci_ext/pci-ext-policy-generator.conf',
        '_static/pci-ext-policy',
    ),
]

project = 'pci_ext'
copyright = 'pci_ext contributors'  # noqa: A001
master_doc = 'index'
exclude_patterns = ['_static', '_ext']

man_pages = [
    (f'cli/{name}', name, description, '', 1)
    for name, description in (
        ('pci-ext-allinone', 'Nova with simulated PCI devices'),
        ('pci-ext-exporter', 'metrics of PCI devices for Prometheus'),
        ('pci-ext-manage', 'manage the database of PCI flavors'),
        ('pci-ext-status', 'check the configuration of pci_ext'),
    )
]
# `sphinx-build -t man -b man` needs no package but Sphinx: distributions build
# the manual pages by that.
if tags.has('man'):  # type: ignore[name-defined]  # noqa: F821
    extensions = []
    master_doc = man_pages[0][0]
    include_patterns = [f'{page}.rst' for page, *_ in man_pages]
    # The links to other pages stay text.
    suppress_warnings = ['ref.doc', 'ref.ref', 'toc.not_included']
else:
    version = release = metadata.version('pci_ext')

graphviz_output_format = 'svg'

html_theme = 'openstackdocs'
html_static_path = ['_static']
html_css_files = ['tables.css']
pygments_style = 'native'
# Blocks without a language are lines of logs and configuration, not Python.
highlight_language = 'none'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_use_storyboard = False
html_theme_options = {
    'display_global_toc_section': True,
    'sidebar_search': True,
}

autoprogram_cliff_application = 'openstack'
