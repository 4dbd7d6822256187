"""GStreamer's RTSP server as a relay: one shared presentation whose media comes from another RTSP server.

    gstreamer-relay.py URL PORT PATH repay|asis

`repay` takes each picture out of its packets and packs it anew, which is what its users do; `asis` hands the packets on as
they came. Prints "ready"; ends when standard input ends.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

url, port, path, how = sys.argv[1:]
# No jitter buffer to speak of, no waiting for one slow branch, packets of the size that comes in.
source = f"rtspsrc location={url} protocols=udp latency=0 drop-on-latency=false udp-buffer-size=8388608"
chain = {
    "repay": f"( {source} ! rtph264depay ! rtph264pay name=pay0 pt=96 mtu=1400 config-interval=-1 aggregate-mode=none )",
    "asis": f"( {source} ! application/x-rtp,media=video ! identity name=pay0 )",
}[how]

Gst.init(None)
loop = GLib.MainLoop()
server = GstRtspServer.RTSPServer()
server.set_address("0.0.0.0")
server.set_service(port)
server.set_backlog(1024)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(chain)
factory.set_shared(True)
factory.set_latency(0)
factory.set_buffer_size(8 << 20)
server.get_mount_points().add_factory(path, factory)
if server.attach(None) == 0:
    sys.exit(f"cannot listen on port {port}")
print("ready", flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
loop.run()
