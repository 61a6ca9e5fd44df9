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

"""The pages of devices in a project, and the actions of its servers."""

from django.urls import path

from pci_ext_dashboard.project.devices import views

_SERVER = 'servers/<str:instance_id>'

urlpatterns = [
    path('', views.IndexView.as_view(), name='index'),
    path(f'{_SERVER}/attach/', views.AttachView.as_view(), name='attach'),
    path(
        f'{_SERVER}/detach/<str:dev_id>/',
        views.DetachView.as_view(),
        name='detach',
    ),
    path(
        f'{_SERVER}/reattach/', views.ReattachView.as_view(), name='reattach'
    ),
]
