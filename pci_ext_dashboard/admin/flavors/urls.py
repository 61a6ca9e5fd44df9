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

"""The pages of the panel of the PCI flavors."""

from django.urls import path

from pci_ext_dashboard.admin.flavors import views

urlpatterns = [
    path('', views.IndexView.as_view(), name='index'),
    path('create/', views.CreateView.as_view(), name='create'),
    path('<str:uuid>/', views.DetailView.as_view(), name='detail'),
    path('<str:uuid>/update/', views.UpdateView.as_view(), name='update'),
    path('<str:uuid>/access/', views.AccessView.as_view(), name='access'),
    path('<str:uuid>/limits/', views.LimitsView.as_view(), name='limits'),
]
