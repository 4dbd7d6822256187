"""A viewer's player: GStreamer's rtspsrc with both streams decoded.

Arguments: the URL, and `udp`, `tcp` or `http`. A line on standard output for every decoded picture (`picture`), and
for what happens besides. SIGINT ends it as a person would.

Not gst-launch: there the pads of a source are linked by a search of its own as they come, and when the two of rtspsrc
come at once, now and then one of them stays without a link ("Delayed linking failed"). Here each knows its way.
"""

import signal
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

url, transport = sys.argv[1:]


def tell(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


Gst.init(None)
pipeline = Gst.parse_launch(
    "rtspsrc name=source latency=100"
    " rtph264depay name=video ! avdec_h264 ! identity name=pictures ! fakesink sync=false"
    " rtpopusdepay name=audio ! opusdec ! fakesink sync=false"
)
source = pipeline.get_by_name("source")
if transport == "http":
    # The tunnel is chosen by the method of the URL.
    source.set_property("location", url.replace("rtsp:", "rtsph:", 1))
else:
    source.set_property("location", url)
    source.set_property("protocols", transport)


def on_pad(_source, pad):
    media = pad.get_current_caps().get_structure(0).get_string("media")
    linked = pad.link(pipeline.get_by_name(media).get_static_pad("sink"))
    tell(f"{media}: {linked.value_nick}")


def on_message(_bus, message):
    if message.type == Gst.MessageType.ERROR:
        fault, where = message.parse_error()
        tell(f"error: {fault.message} ({where})")
        loop.quit()
    elif message.type == Gst.MessageType.WARNING:
        fault, where = message.parse_warning()
        tell(f"warning: {fault.message} ({where})")
    elif message.type == Gst.MessageType.PROGRESS:
        _kind, _code, text = message.parse_progress()
        tell(f"progress: {text}")
    elif message.type == Gst.MessageType.EOS:
        tell("end of stream")
        loop.quit()


loop = GLib.MainLoop()
source.connect("pad-added", on_pad)
pipeline.get_by_name("pictures").connect("handoff", lambda _identity, _buffer: tell("picture"))
bus = pipeline.get_bus()
bus.add_signal_watch()
bus.connect("message", on_message)
GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGINT, loop.quit)
pipeline.set_state(Gst.State.PLAYING)
loop.run()
# Asks for TEARDOWN, and waits for it.
pipeline.set_state(Gst.State.NULL)
