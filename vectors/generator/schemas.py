"""The JSON Schemas (draft-07), from one table of types and members.

A line is a type: its inputs, an arrow, its outputs. A question mark behind a name: it may be missing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ratchetlib import errors
from ratchetlib.cli.verify.refusal import LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema = dict[str, Any]

TYPES: Final = {
    "Label": "name:name key?:hex salt?:hex data:hex length?:int -> label:hex output:hex",
    "ChainStep": "chain_key:hex32 steps:int -> next_chain_key:hex32 message_key:hex32",
    "RootStep": "root_key:hex32 dh:hex32 pq_secret?:hex32 sender:hex32 receiver:hex32 pq_epoch:int"
    " -> next_root_key:hex32 chain_key:hex32 next_header_key:hex32",
    "Agree": "private:hex32 public:hex -> own_public:hex32 shared:hex32",
    "Kem": "kem:kem seed:hex64 ciphertext:hex -> public:hex secret:hex32 rejected:hex32",
    "KemKey": "kem:kem public:hex ->",
    "Sign": "seed:hex32 label:name data:hex -> public:hex32 signature:hex64",
    "IdentityOf": "signing_seed:hex32 agreement_key:hex32 -> encoded:hex128",
    "Identity": "encoded:hex -> signing:hex32 agreement:hex32 signature:hex64",
    "SignedBundleOf": "signing_seed:hex32 agreement_key:hex32 address:hex epoch:int not_before:int not_after:int"
    " signed_prekey:hex32 last_resort_key:hex -> encoded:hex bundle_id:hex16",
    "OneTimeItemOf": "signing_seed:hex32 address:hex epoch:int prekey:hex32 kem_key:hex -> encoded:hex item_id:hex16",
    "SignedBundle": "encoded:hex -> bundle_id:hex16 address:hex signed_prekey:hex32 highest_version:int epoch:int"
    " not_before:int not_after:int",
    "OneTimeItem": "encoded:hex identity:hex128 -> item_id:hex16 address:hex prekey:hex32 epoch:int",
    "PrekeyBundle": "encoded:hex -> bundle_id:hex16 item_id:hex same:bool",
    "Policy": "encoded:hex ours:hex128 their_address:hex now:int expected?:hex128 minimum_epoch?:int"
    " require_one_time?:bool ->",
    "Handshake": "initiator_signing_seed:hex32 initiator_agreement_key:hex32 initiator_address:hex"
    " responder_signing_seed:hex32 responder_agreement_key:hex32 responder_address:hex signed_prekey:hex32"
    " last_resort_seed:hex64 one_time_key?:hex32 one_time_seed?:hex64 epoch:int not_before:int not_after:int now:int"
    " ephemeral_key:hex32 kem_m:hex32 ciphertext:hex block_nonce:hex24 ratchet_key:hex32 kem768_seed:hex64"
    " nonce:hex24 plaintext:hex ad:hex -> bundle:hex bundle_id:hex16 item_id:hex dh1:hex32 dh2:hex32 dh3:hex32 dh4:hex"
    " kem_secret:hex32 last_resort_rejected:hex32 one_time_rejected:hex32 th0:hex64 block_key:hex32 block:hex"
    " th1:hex64 root_key:hex32 initiator_header_key:hex32 responder_header_key:hex32 prefix:hex prefix_hash:hex64"
    " session_id:hex32 ratchet_dh:hex32 next_root_key:hex32 chain_key:hex32 next_header_key:hex32 message_key:hex32"
    " header:hex142 header_ad:hex body_ad:hex padded:hex message:hex state:hex",
    "Message": "message:hex max_padded:int -> type:int prefix:hex nonce:hex24 sealed_header:hex body:hex same:bool",
    "Prefix": "encoded:hex -> bundle_id:hex16 item_id:hex ephemeral:hex32 ciphertext:hex sealed_block:hex hash:hex64"
    " same:bool",
    "IdentityBlockOf": "identity:hex128 address:hex created_at:int -> encoded:hex",
    "IdentityBlock": "encoded:hex -> identity:hex128 address:hex created_at:int highest_version:int same:bool",
    "SealHeader": "session_id:hex32 direction:int message_type:int prefix_hash?:hex64 key:hex32 nonce:hex12 ad:hex"
    " ratchet_key:hex32 previous_length:int number:int pq_epoch:int chunk_kind:int chunk_index:int chunk:hex96"
    " -> header:hex142 header_ad:hex sealed:hex body_ad:hex",
    "TryHeaders": "session_id:hex32 direction:int message_type:int prefix_hash?:hex64 keys:hexes nonce:hex12"
    " sealed:hexes -> opened_by:ints headers:hexes",
    "Seal": "key:hex32 person:name nonce:hex24 ad:hex plaintext:hex -> commitment:hex32 ciphertext:hex",
    "Unseal": "key:hex32 person:name nonce:hex24 ad:hex sealed:hex -> plaintext:hex",
    "Pad": "plaintext:hex padding?:padding floor?:int buckets?:ints -> padded:hex",
    "PaddedLengths": "lengths:ints padding?:padding floor?:int buckets?:ints -> padded_lengths:ints",
    "Unpad": "padded:hex -> plaintext:hex",
    "ErasureEncode": "code:code stream:hex indices:ints -> chunks:hexes",
    "ErasureDecode": "code:code chunks:chunks -> stream:hex",
    "PqOffer": "seed:hex64 -> key:hex stream:hex rejected:hex32",
    "PqAnswer": "session_id:hex32 epoch:int seed:hex64 m:hex32 ciphertext:hex -> kem_secret:hex32 rejected:hex32"
    " secret:hex32 stream:hex",
    "PqReadKey": "chunks:chunks -> dropped:bool key:hex",
    "PqReadAnswer": "session_id:hex32 epoch:int seed:hex64 chunks:chunks -> dropped:bool secret:hex rejected:hex32",
    "PqMove": "initiator:bool before:hex event:pqevent session_id?:hex32 pq_epoch?:int seed?:hex64 m?:hex32"
    " ciphertext?:hex chunk_kind?:int chunk_index?:int chunk_data?:hex96"
    " -> after:hex secret?:hex kind?:int index?:int chunk?:hex96",
    "Fingerprint": "our_identity:hex128 our_address:hex their_identity:hex128 their_address:hex scanned?:hex"
    " -> ours?:hex32 theirs?:hex32 scannable?:hex digits?:name",
    "Context": "kind:kind owner:hex peer:hex storage_key:hex32 -> record_key:hex32 tag:hex16 record_name:hex32",
    "Blob": "kind:kind key_id:hex storage_key:hex owner:hex peer:hex blob:hex zeros?:int minimum_generation?:int"
    " anchor?:anchor -> generation:int summary:summary same:bool anchored?:int",
    "Limit": "name:name -> value:int",
    "Error": "name:name -> parents:names",
    "Reason": "name:name -> text:name",
    "Sample": "seed:hex32 patches?:patches -> sha256_of_sample:hex32 longest_run:int",
    "Draws": "first:hex between:int last:hex -> sha256_of_draws:hex32",
    "SelfTest": "broken?:name ->",
    "Accumulated": "sessions:int -> total:hex32",
}
"""The types of the cases that are functions."""

EVENTS: Final = {
    "identity": "who:name address?:hex draws:draws -> public:hex128",
    "ring": "who:name now:int items:int lifetime?:int epoch?:int draws:draws -> state:hex32",
    "rotate": "who:name now:int draws:draws -> state:hex32",
    "replenish": "who:name count:int draws:draws -> state:hex32",
    "retire": "who:name now:int -> state:hex32",
    "revoke": "who:name bundle:name signed?:bool -> state:hex32",
    "remember": "who:name count:int -> state:hex32",
    "save_ring": "who:name slot:name -> state:hex32",
    "restore_ring": "who:name slot:name -> state:hex32",
    "hand_out": "who:name id:name -> bundle:hex",
    "initiate": "who:name device:name peer:name bundle:name now:int expected?:name minimum_epoch?:int"
    " require_one_time?:bool draws:draws -> session_id:hex32 state:hex32",
    "accept": "who:name device:name of?:name edits?:edits bytes?:hex now:int ad?:hex known?:name"
    " -> plaintext:hex session_id:hex32 peer:hex created_at:int ring:hex32 state:hex32",
    "send": "who:name id:name plaintext?:hex zeros?:int ad?:hex ad_zeros?:int padding?:padding floor?:int buckets?:ints"
    " now?:int max_plaintext?:int draws:draws -> message?:hex message_sha256?:hex32 state:hex32",
    "lose": "who:name count:int -> state:hex32",
    "deliver": "who:name of?:name edits?:edits bytes?:hex ad?:hex ad_zeros?:int max_plaintext?:int long?:bool"
    " -> plaintext?:hex plaintext_zeros?:int state:hex32",
    "recognise": "who:name of?:name edits?:edits bytes?:hex -> recognised:bool",
    "settle": "who:name device:name of?:name edits?:edits bytes?:hex -> ring:hex32",
    "save": "who:name slot:name -> state:hex32",
    "restore": "who:name slot:name -> state:hex32",
    "load": "who:name content:hex -> state:hex32",
    "forget": "who:name -> forgotten:int state:hex32",
    "expect": "who:name -> health:health skipped:runs",
    "fork": "who:name of?:name edits?:edits bytes?:hex ad?:hex -> plaintext:hex state:hex32",
    "concur": "who:name of?:name edits?:edits bytes?:hex ad?:hex -> plaintext:hex state:hex32",
}
"""The events. `draws` are missing where an event is refused."""


def files() -> dict[str, Any]:
    """The schema files by name."""
    made = {
        "common": {"definitions": _DEFINITIONS},
        "events": {"definitions": {name: _event(name, line) for name, line in EVENTS.items()}},
        "vectors": _document(),
        "golden": _golden(),
        "manifest": _manifest(),
    }
    return {f"schemas/{name}.schema.json": _written(name, schema) for name, schema in made.items()}


def _written(name: str, schema: Schema) -> bytes:
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "$id": f"{name}.schema.json"}
    return (json.dumps({**head, **schema}, indent=1) + "\n").encode()


def members(line: str) -> tuple[Schema, list[str], list[str]]:
    """The properties of a line, and which inputs and outputs must be there."""
    inputs, outputs = line.split("->")
    properties = {}
    required: tuple[list[str], list[str]] = ([], [])
    for side, part in zip(required, (inputs, outputs), strict=True):
        for member in part.split():
            name, kind = member.split(":")
            properties[name.rstrip("?")] = _kind(kind)
            if not name.endswith("?"):
                side.append(name)
    return properties, *required


def _kind(kind: str) -> Schema:
    if kind.startswith("hex") and kind[3:].isdigit():
        return {"type": "string", "pattern": f"^([0-9a-f]{{2}}){{{kind[3:]}}}$"}
    return {"$ref": f"common.schema.json#/definitions/{kind}"}


def _object(properties: Schema, required: Iterable[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_REFUSAL: Final = {name: {"$ref": f"common.schema.json#/definitions/{name}"} for name in ("error", "layer", "reason")}


def _either(properties: Schema, inputs: list[str], outputs: list[str], about: Schema) -> Schema:
    """Inputs with outputs, or with a refusal: then lengths may be wrong as well."""
    loose = {name: _loose(schema) for name, schema in properties.items() if name not in outputs and name != "draws"}
    done = _object({**about, **properties}, [*about, *inputs, *outputs])
    refused = _object({**about, **loose, **_REFUSAL}, [*about, *inputs, "error", "layer"])
    return {"if": {"required": ["error"]}, "then": refused, "else": done}


def _loose(schema: Schema) -> Schema:
    return {"$ref": "common.schema.json#/definitions/hex"} if "pattern" in schema else schema


def _event(name: str, line: str) -> Schema:
    properties, inputs, outputs = members(line)
    needed = [member for member in inputs if member != "draws"]
    either = _either(properties, needed, outputs, {"op": {"const": name}})
    if "draws" in inputs:
        either["else"]["required"].append("draws")
    if name == "send":
        either["else"]["oneOf"] = [{"required": ["message", "plaintext"]}, {"required": ["message_sha256", "zeros"]}]
    return either


def _document() -> Schema:
    """A file of cases: the type of a group decides about its cases."""
    kinds = [
        {"if": {"properties": {"type": {"const": name}}}, "then": {"properties": {"tests": {"items": _case(line)}}}}
        for name, line in TYPES.items()
    ]
    group = {
        "type": "object",
        "properties": {
            "type": {"enum": [*TYPES, "Events"]},
            "comment": {"$ref": "common.schema.json#/definitions/text"},
            "setup": {"$ref": "common.schema.json#/definitions/events"},
            "tests": {"type": "array", "minItems": 1},
        },
        "required": ["type", "comment", "tests"],
        "additionalProperties": False,
        "allOf": [*kinds, _events_group()],
    }
    properties = {
        "schema": {"const": "vectors.schema.json"},
        "suite": {"$ref": "common.schema.json#/definitions/version"},
        "protocol": {"const": 1},
        "about": {"$ref": "common.schema.json#/definitions/text"},
        "numberOfTests": {"type": "integer", "minimum": 1},
        "notes": {"type": "object", "additionalProperties": {"$ref": "common.schema.json#/definitions/note"}},
        "testGroups": {"type": "array", "minItems": 1, "items": group},
    }
    return _object(properties, properties)


def _about() -> Schema:
    return {
        "tcId": {"type": "integer", "minimum": 1},
        "comment": {"$ref": "common.schema.json#/definitions/text"},
        "flags": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
        "result": {"enum": ["valid", "invalid"]},
    }


def _case(line: str) -> Schema:
    case = _either(*members(line), _about())
    digest = {"$ref": "common.schema.json#/definitions/hex"}
    for result, branch in (("invalid", case["then"]), ("valid", case["else"])):
        branch["properties"] = {**branch["properties"], "result": {"const": result}, "sha256": digest}
    case["then"]["required"].append("sha256")
    return case


def _events_group() -> Schema:
    case = _object(
        {**_about(), "events": {"$ref": "common.schema.json#/definitions/events"}, "sha256": _kind("hex32")},
        [*_about(), "events"],
    )
    case["if"], case["then"] = {"properties": {"result": {"const": "invalid"}}}, {"required": ["sha256"]}
    return {
        "if": {"properties": {"type": {"const": "Events"}}},
        "then": {"required": ["setup"], "properties": {"tests": {"items": case}}},
    }


def _golden() -> Schema:
    properties, inputs, outputs = members(TYPES["Blob"])
    kept = {
        name: schema
        for name, schema in properties.items()
        if name in (*inputs, *outputs) and name not in ("blob", "same", "zeros")
    }
    blob = _object({**kept, "file": {"type": "string", "pattern": "^[a-z0-9_]+\\.bin$"}}, [*kept, "file"])
    listed = {
        "suite": {"$ref": "common.schema.json#/definitions/version"},
        "about": {"$ref": "common.schema.json#/definitions/text"},
        "blobs": {"type": "array", "items": blob},
    }
    return _object(listed, listed)


def _manifest() -> Schema:
    number = {"type": "integer", "minimum": 0}
    entry = _object(
        {"cases": number, "negative": number, "sha256": _kind("hex32"), "bytes": number}, ["sha256", "bytes"]
    )
    properties = {
        "suite": {"$ref": "common.schema.json#/definitions/version"},
        "protocol": {"const": 1},
        "cases": number,
        "negative": number,
        "files": {"type": "object", "additionalProperties": entry},
    }
    return _object(properties, properties)


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_NUMBER: Final = {
    "anyOf": [{"type": "integer", "maximum": 2**53 - 1}, {"type": "string", "pattern": "^[1-9][0-9]{15,19}$"}]
}
_TEXT: Final = {"type": "string", "pattern": "^[ -~]+$"}
_HEX: Final = {"type": "string", "pattern": "^([0-9a-f]{2})*$"}
_ERRORS: Final = [
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.RatchetError)
]
_EDITS: Final = {
    "xor": "at:int hex:hex ->",
    "replace": "at:int hex:hex ->",
    "copy": "at:int end:int from:name ->",
    "insert": "at:int hex:hex ->",
    "remove": "at:int end:int ->",
}
_SESSION_SUMMARY: Final = (
    "session_id:hex32 our_address:hex peer_address:hex created_at:int confirmed:bool sent:maybe received:maybe"
    " closed_chains:int skipped_stored:int pq_epoch:int pq_phase:name ->"
)
_SUMMARIES: Final = (
    "public:hex128 ->",
    "public:hex128 address:hex epoch:int not_after:maybe bundles:int one_time_items:int remembered_handshakes:int ->",
    _SESSION_SUMMARY,
)
_HEALTH: Final = (
    "confirmed:bool messages_since_dh_step:int dh_overdue:bool pq_epoch:int messages_since_pq_step:int pq_overdue:bool"
    " skipped_stored:int skipped_evicted:int last_eviction:int ->"
)


def _plain(line: str, **more: Schema) -> Schema:
    properties, required, _ = members(line)
    return _object({**more, **properties}, [*more, *required])


_DEFINITIONS: Final[Schema] = {
    "hex": _HEX,
    "hexes": _list(_HEX),
    "int": _NUMBER,
    "ints": _list(_NUMBER),
    "maybe": {"type": ["integer", "null"]},
    "bool": {"type": "boolean"},
    "text": _TEXT,
    "name": _TEXT,
    "names": _list(_TEXT),
    "version": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$"},
    "kem": {"enum": ["ML-KEM-768", "ML-KEM-1024"]},
    "code": {"enum": ["key", "ciphertext"]},
    "kind": {"enum": ["identity", "ring", "session"]},
    "padding": {"enum": ["padme", "buckets", "none"]},
    "pqevent": {"enum": ["opens chain", "sends", "receives", "next chain"]},
    "error": {"enum": _ERRORS},
    "layer": {"enum": list(LAYERS)},
    "reason": {"enum": [reason.name for reason in errors.BundleReason]},
    "note": _object(
        {"bugType": {"type": "string", "pattern": "^[A-Z_]+$"}, "description": _TEXT,
         "links": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^https://"}}},
        ["bugType", "description", "links"],
    ),
    "chunks": _list(_plain("index:int chunk:hex ->")),
    "patches": _list(_plain("at:int hex:hex times?:int stride?:int ->")),
    "anchor": _plain("generation:int commitment:hex32 ->"),
    "runs": _list(_list({"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2})),
    "draws": {"type": "array", "minItems": 1, "items": _plain("length:int hex:hex ciphertext?:hex ->",
              id={"type": "string", "pattern": "^[A-Za-z0-9]*\\.[a-z0-9_]+\\.[0-9]+$"})},
    "edits": _list({"oneOf": [_plain(line, edit={"const": name}) for name, line in _EDITS.items()]}),
    "summary": {"oneOf": [_plain(line) for line in _SUMMARIES]},
    "health": _plain(_HEALTH),
    "events": _list({
        "type": "object",
        "required": ["op"],
        "properties": {"op": {"enum": list(EVENTS)}},
        "allOf": [
            {"if": {"properties": {"op": {"const": name}}}, "then": {"$ref": f"events.schema.json#/definitions/{name}"}}
            for name in EVENTS
        ],
    }),
}  # fmt: skip
