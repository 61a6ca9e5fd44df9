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

"""Forms that show the errors of the API beside their fields."""

from typing import Any

from django.http import HttpRequest
from horizon import forms
from osc_lib import exceptions


class ApiForm(forms.SelfHandlingForm):
    """A form of which ``send`` calls the API."""

    def send(self, request: HttpRequest, data: dict[str, Any]) -> None:
        """Call the API with the cleaned data of the form.

        :raises osc_lib.exceptions.CommandError: if the API refuses them
        """
        raise NotImplementedError

    def handle(self, request: HttpRequest, data: dict[str, Any]) -> bool:
        try:
            self.send(request, data)
        except exceptions.CommandError as error:
            self.api_error(str(error))
            return False
        return True
