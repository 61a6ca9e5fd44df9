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

"""Projects as arguments of commands: by name or id."""

import argparse
from typing import Any

from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions
from osc_lib.command import command


def add_domain_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--project-domain',
        metavar='<project-domain>',
        help=(
            'Domain the project belongs to (name or ID). This can be used in '
            'case collisions between project names exist.'
        ),
    )


def find_id(
    cmd: command.Command,
    name_or_id: str,
    domain: str | None,
    must_exist: bool = True,
) -> str:
    """Find the id of a project.

    Users who may not list projects have to give ids, which are not checked.

    :param domain: name or id of its domain; None if it is in any
    :param must_exist: whether an unknown project is an error; otherwise the
        argument is taken as an id
    :raises CommandError: if it is empty, not found, or there are several
    """
    if not name_or_id:
        # Its path would be that of all projects.
        raise exceptions.CommandError(
            'The name or ID of the project is empty.'
        )
    manager: Any = cmd.app.client_manager
    identity = manager.sdk_connection.identity
    try:
        query = {}
        if domain is not None:
            found = identity.find_domain(domain)
            query['domain_id'] = found.id if found else domain
        project = identity.find_project(name_or_id, **query)
    except sdk_exceptions.ForbiddenException:
        return name_or_id
    except sdk_exceptions.DuplicateResource as error:
        raise exceptions.CommandError(
            f'There are several projects named {name_or_id}: give the ID, or '
            f'--project-domain.'
        ) from error
    if project is not None:
        project_id: str = project.id
        return project_id
    if must_exist:
        raise exceptions.CommandError(
            f'Project {name_or_id} could not be found.'
        )
    return name_or_id
