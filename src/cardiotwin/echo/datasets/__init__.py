"""Published data sets as their users download them, and batches of their clips."""

from ._camus import Camus as Camus
from ._camus_sequence import CamusSequence as CamusSequence
from ._echonet import EchoNetDynamic as EchoNetDynamic
from ._echonet import EchoNetVideo as EchoNetVideo
from ._records import EchoRecord as EchoRecord
from ._records import TracedFrame as TracedFrame
from ._stream import EchoBatch as EchoBatch
from ._stream import EchoStream as EchoStream
from ._stream import stream as stream
