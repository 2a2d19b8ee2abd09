"""Echocardiography: clips, synthetic clips, from pixels to volumes, from video to circulation."""

from ._clip import VIEWS as VIEWS
from ._clip import EchoClip as EchoClip
from ._contact_sheet import contact_sheet as contact_sheet
from ._contact_sheet import write_contact_sheet as write_contact_sheet
from ._cycle import Cycle as Cycle
from ._cycle import find_cycle as find_cycle
from ._disks import Disks as Disks
from ._disks import disk_volumes as disk_volumes
from ._disks import find_disks as find_disks
from ._phantom import Phantom as Phantom
from ._phantom import PhantomClip as PhantomClip
from ._phantom_folder import PhantomFolder as PhantomFolder
from ._phantom_folder import write_phantom as write_phantom
from ._resize import crop_to_sector as crop_to_sector
from ._resize import resize as resize
from ._resize import resize_labels as resize_labels
from ._sector import find_sector as find_sector
from .datasets import Camus as Camus
from .datasets import EchoNetDynamic as EchoNetDynamic
from .formats import read_echo as read_echo
from .formats import write_echo as write_echo
