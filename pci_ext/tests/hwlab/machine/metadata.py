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

"""Write the metadata by which the entry points of the project are found."""

import configparser
import os
import sys


def main(setup_cfg: str, target: str) -> None:
    """Write the metadata of a setup.cfg into the folder target, as pip."""
    parser = configparser.ConfigParser()
    parser.read(setup_cfg)
    name = parser['metadata']['name']
    folder = os.path.join(target, f'{name}-0.dist-info')
    os.makedirs(folder)
    with open(os.path.join(folder, 'METADATA'), 'w') as stream:
        stream.write(f'Metadata-Version: 2.1\nName: {name}\nVersion: 0\n')
    with open(os.path.join(folder, 'entry_points.txt'), 'w') as stream:
        for group, entries in parser['entry_points'].items():
            stream.write(f'[{group}]\n{entries.strip()}\n\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
