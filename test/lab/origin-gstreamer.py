"""A real RTSP origin: GStreamer's own RTSP server, one shared live presentation.

Its only argument is a JSON object (see origin-gstreamer.ts). What happens is told as one JSON object a line on
standard output; `{"event": "listening"}` comes first. It ends when standard input ends.
"""

import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

options = json.loads(sys.argv[1])


def tell(event, **facts):
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


def pipeline():
    video = (
        "videotestsrc is-live=true pattern=ball animation-mode=frames"
        " ! video/x-raw,width=320,height=240,framerate=25/1"
        # One slice a picture: the payloader repeats SPS and PPS before every IDR slice, and FFmpeg would take each
        # for a picture of its own.
        f" ! x264enc threads=1 tune=zerolatency speed-preset=ultrafast bitrate={options['videoKbps']}"
        f" key-int-max={options['keyInterval']} ! video/x-h264,profile=baseline"
        " ! rtph264pay name=pay0 pt=96 mtu=1400 config-interval=-1"
    )
    audio = {
        "opus": " audiotestsrc is-live=true ! opusenc bitrate=32000 ! rtpopuspay name=pay1 pt=97",
        "aac": " audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2"
        " ! voaacenc bitrate=64000 ! rtpmp4gpay name=pay1 pt=97",
        "none": "",
    }[options["audio"]]
    return f"( {video}{audio} )"


def lower_transports():
    known = {"udp": GstRtsp.RTSPLowerTrans.UDP, "tcp": GstRtsp.RTSPLowerTrans.TCP}
    chosen = GstRtsp.RTSPLowerTrans(0)
    for name in options["transports"]:
        chosen |= known[name]
    return chosen


def guarded(server, factory):
    """Asks for Basic or Digest credentials (RFC 2617) before anything but OPTIONS."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_realm(options["realm"])
    digest = options["auth"] == "digest"
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST if digest else GstRtsp.RTSPAuthMethod.BASIC)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    for user, password in options["users"].items():
        if digest:
            auth.add_digest(user, password, token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)


class Watch:
    """Numbers the clients and tells what each of them asks for."""

    METHODS = ("options", "describe", "setup", "play", "pause", "teardown", "get-parameter", "set-parameter")

    def __init__(self):
        self.clients = 0

    def connected(self, _server, client):
        number = self.clients
        self.clients += 1
        tell("connected", client=number, peer=client.get_connection().get_ip())
        client.connect("closed", lambda _: tell("closed", client=number))
        client.connect("new-session", self.session, number)
        for method in self.METHODS:
            client.connect(f"{method}-request", self.request, number, method.upper().replace("-", "_"))

    def session(self, _client, session, number):
        session.set_timeout(options["sessionTimeoutSeconds"])
        tell("session", client=number, session=session.get_sessionid())

    def request(self, _client, context, number, method):
        facts = {"client": number, "method": method}
        if context.session is not None:
            facts["session"] = context.session.get_sessionid()
        if method == "SET_PARAMETER":
            body = context.request.get_body()[1]
            facts["body"] = bytes(body or b"").rstrip(b"\0").decode("utf-8", "replace")
        tell("request", **facts)


def main():
    Gst.init(None)
    loop = GLib.MainLoop()
    server = GstRtspServer.RTSPServer()
    server.set_address("::")
    server.set_service(str(options["port"]))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline())
    factory.set_shared(True)
    factory.set_protocols(lower_transports())
    factory.connect("media-configure", lambda _factory, _media: tell("media"))
    if options["auth"] != "none":
        guarded(server, factory)
    server.get_mount_points().add_factory(options["path"], factory)
    server.connect("client-connected", Watch().connected)
    pool = server.get_session_pool()
    pool.connect("session-removed", lambda _pool, session: tell("session-removed", session=session.get_sessionid()))
    GLib.timeout_add_seconds(1, lambda: pool.cleanup() >= 0)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {options['port']}")
    tell("listening", port=options["port"])
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


main()
