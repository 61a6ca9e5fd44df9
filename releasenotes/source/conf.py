"""Configuration of the build of the release notes."""

extensions = ['openstackdocstheme', 'reno.sphinxext']

project = 'pci_ext Release Notes'
copyright = 'pci_ext contributors'  # noqa: A001
master_doc = 'index'

html_theme = 'openstackdocs'
pygments_style = 'native'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_use_storyboard = False
