"""A refusal as the vectors state it: the exception, and the layer that raised it.

An error alone proves little: what a broken parser lets through, a seal behind it still refuses. So each negative vector
names the layer that must refuse, and here the traceback tells which one did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ratchetlib.errors import BundleRejected, RatchetError, UsageError

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from ratchetlib.cli.verify.fields import Outputs

LAYERS: Final = (
    "caller",
    "process",
    "random",
    "selftest",
    "framing",
    "encoding",
    "key",
    "signature",
    "parts",
    "policy",
    "prekeys",
    "identity block",
    "prefix",
    "header",
    "header content",
    "chain",
    "pq",
    "body",
    "padding",
    "fingerprint",
    "blob",
    "seal",
    "generation",
    "content",
)
"""The closed list."""


class Refused(RatchetError):
    """What the library says with None or False inside, for a case about that very place."""

    def __init__(self, error: str, layer: str) -> None:
        super().__init__(f"{error} at {layer}")
        self.error = error
        self.layer = layer


class _Place(NamedTuple):
    """Where errors are raised. Empty fields fit all; the first place that fits decides.

    Attributes:
        layer: one of `LAYERS`.
        module: of the package.
        function: in it.
        error: the beginning of the exception's name and reason.
        local: a name that is bound by then.
    """

    layer: str
    module: str
    function: str = ""
    error: str = ""
    local: str = ""


_PLACES: Final = (
    _Place("process", "guard"),
    _Place("random", "primitives.random"),
    _Place("selftest", "primitives.selftest"),
    _Place("key", "primitives.dh"),
    _Place("key", "primitives.kem"),
    _Place("key", "primitives.signature"),
    _Place("signature", "identity.public", error="InvalidKey"),
    _Place("encoding", "identity.public"),
    _Place("fingerprint", "identity.fingerprint", error="FingerprintMismatch"),
    _Place("encoding", "identity.fingerprint"),
    _Place("key", "prekeys.parsing", "accept_key"),
    _Place("signature", "prekeys.parsing", "require_signed"),
    _Place("encoding", "prekeys.parsing"),
    _Place("policy", "prekeys.signed", "SignedBundle.require_current"),
    _Place("policy", "prekeys.signed", error="BundleRejected INVALID_VALIDITY"),
    _Place("encoding", "prekeys.signed"),
    _Place("encoding", "prekeys.one_time"),
    _Place("parts", "prekeys.bundle", error="BundleRejected"),
    _Place("encoding", "prekeys.bundle"),
    _Place("prekeys", "prekeys.contents"),
    _Place("content", "prekeys.codec"),
    _Place("policy", "handshake.initiate"),
    _Place("policy", "handshake.accept", "_require_sound"),
    _Place("encoding", "handshake.prefix"),
    _Place("identity block", "handshake.block", "open_block"),
    _Place("encoding", "handshake.block"),
    _Place("prekeys", "session.establish", error="HandshakeReplayed"),
    _Place("policy", "session.establish"),
    _Place("padding", "session.receive", local="moved"),
    _Place("prefix", "session.receive"),
    _Place("framing", "session.message"),
    _Place("framing", "session.session", error="MalformedMessage"),
    _Place("policy", "session.session"),
    _Place("policy", "session.arguments"),
    _Place("body", "ratchet.decrypt", "decrypt"),
    _Place("header", "ratchet.decrypt", "_take_message_key"),
    _Place("chain", "ratchet.decrypt", "_require_gap_allowed"),
    _Place("header content", "ratchet.decrypt"),
    _Place("header content", "ratchet.header"),
    _Place("chain", "ratchet.chains"),
    _Place("chain", "ratchet.encrypt"),
    _Place("pq", "ratchet.pq.machine"),
    _Place("content", "ratchet.pq.codec"),
    _Place("content", "ratchet.codec"),
    _Place("content", "session.state"),
    _Place("content", "identity.pair"),
    _Place("blob", "state.blob"),
    _Place("seal", "state.vault", "StateVault._authenticate", "StateTampered"),
    _Place("blob", "state.vault", "StateVault._authenticate"),
    _Place("content", "state.vault", "StateVault.open"),
    _Place("generation", "state.vault"),
    _Place("content", "cli.verify.events.snapshots"),
)


def outcome(error: RatchetError) -> Outputs:
    """The members that state a refusal."""
    if isinstance(error, Refused):
        return {"error": error.error, "layer": error.layer}
    stated: Outputs = {"error": type(error).__name__, "layer": _layer(error)}
    return {**stated, "reason": _reason(error)} if _reason(error) else stated


def _reason(error: RatchetError) -> str:
    return error.reason.name if isinstance(error, BundleRejected) else ""


def _layer(error: RatchetError) -> str:
    if isinstance(error, UsageError):
        return "caller"
    name = " ".join(filter(None, (type(error).__name__, _reason(error))))
    frame = _innermost(error.__traceback__)
    module = frame.f_globals["__name__"].removeprefix("ratchetlib.")
    for place in _PLACES:
        if (
            place.module == module
            and place.function in ("", frame.f_code.co_qualname)
            and name.startswith(place.error)
            and (not place.local or place.local in frame.f_locals)
        ):
            return place.layer
    raise LookupError(f"no layer for {type(error).__name__} from {frame.f_code.co_qualname} in {module}")


def _innermost(traceback: TracebackType | None) -> FrameType:
    """The frame that raised; the reader of encodings raises for whoever uses it."""
    frames = []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return [frame for frame in frames if frame.f_globals["__name__"] != "ratchetlib.wire"][-1]
