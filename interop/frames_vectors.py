#!/usr/bin/env python3
"""Vectors for frames and packets, made by asn1tools from docs/psk2-frames.asn1.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install asn1tools==0.169.0
    /tmp/venv/bin/python interop/frames_vectors.py            # writes psk-codec/tests/vectors/frames.json
    /tmp/venv/bin/python interop/frames_vectors.py --check    # fails when the file would change

What this proves: an OER encoder that was not written here, given the module alone, writes the octets that psk-codec
writes and reads. What it does not:

- asn1tools knows no information object classes, so the table from types to contents is prose in the module, and a
  table here.
- The concatenations (version octet and frames, stream offset and data, nonce, tag and ciphertext, junk) are no ASN.1;
  they are put together here.
- asn1tools reads lengths and numbers that are not in their shortest form, and ignores octets after the end. That
  psk-codec refuses both is tested in psk-codec/tests/frames.rs, not against it.
- The rules beyond the types (ascending ranges, characters of addresses, 64 bits of VarUInt) are not known to it.
"""

import json
import pathlib
import random
import sys

import asn1tools

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULE = ROOT / "docs" / "psk2-frames.asn1"
VECTORS = ROOT / "psk-codec" / "tests" / "vectors" / "frames.json"

TYPES = {"RefundAccount": 1, "Data": 2, "DataEnd": 3, "StatusRequest": 4, "Status": 5, "Abort": 6, "Closed": 7,
         "RefundStatus": 8, "DataAck": 9, "Outstanding": 10}
MAX_64 = 2**64 - 1
MAX_32 = 2**32 - 1

oer = asn1tools.compile_files([str(MODULE)], "oer")
rng = random.Random(25)


def encode(name, value):
    """Encodes, and makes sure that asn1tools itself reads the same value back."""
    octets = oer.encode(name, value, check_constraints=True)
    assert oer.decode(name, octets, check_constraints=True) == value, (name, value)
    return octets


def plain(value):
    """As JSON: 64-bit numbers as text, since JavaScript cannot read them, octets as hexadecimal digits."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, int) else value


def vector(kind, fields, octets):
    return {"kind": kind, "fields": plain(fields), "octets": octets.hex()}


def frame(kind, fields):
    if kind == "Data":
        contents = encode("StreamOffset", fields["offset"]) + fields["data"]
    elif kind == "Unknown":
        contents = fields["contents"]
    else:
        contents = encode(kind, fields)
    number = fields["type"] if kind == "Unknown" else TYPES[kind]
    return vector(kind, fields, encode("Frame", {"type": number, "contents": contents}))


def octets(length):
    return bytes(rng.randrange(256) for _ in range(length))


def ranges(*pairs):
    return [{"first": first, "last": last} for first, last in pairs]


def status(received, chunks, state, fulfilled):
    return {"received": received, "chunks": chunks, "state": state, "fulfilled": fulfilled}


def frames():
    yield frame("RefundAccount", {"account": "g.a"})
    yield frame("RefundAccount", {"account": "test.connector.alice.XaJnORQQUwgugMdv7cP84qDC"})
    yield frame("RefundAccount", {"account": "g." + "x" * 1021})
    for offset in [0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**56 - 1, 2**56, MAX_64 - 300]:
        yield frame("Data", {"offset": offset, "data": octets(rng.randrange(1, 40))})
    for length in [0, 124, 125, 126, 127, 252, 253, 254, 300]:
        yield frame("Data", {"offset": 7, "data": octets(length)})
    yield frame("Data", {"offset": MAX_64, "data": b""})
    for length in [0, 127, 128, 255, 256, 2**40, MAX_64]:
        yield frame("DataEnd", {"length": length})
    yield frame("StatusRequest", {})
    yield frame("Status", status(0, 0, 0, []))
    yield frame("Status", status(1000, 9, 1, ranges((0, 6), (8, 9))))
    yield frame("Status", status(MAX_64, MAX_32, 2, ranges((0, MAX_32))))
    yield frame("Status", status(1, 2, 255, ranges((0, 0), (MAX_32, MAX_32))))
    for count in [13, 14, 30, 31, 127, 128, 300]:
        yield frame("Status", status(count, count, 4, ranges(*((3 * i, 3 * i + 1) for i in range(count)))))
    yield frame("Abort", {})
    for reason in [*range(10), 10, 255]:
        yield frame("Closed", {"reason": reason, "message": ""})
    yield frame("Closed", {"reason": 3, "message": "no more today"})
    yield frame("Closed", {"reason": 0, "message": "größer als erlaubt \u20ac \U0001f4b8"})
    yield frame("Closed", {"reason": 9, "message": "x" * 200})
    for refunded, total in [(0, 0), (1, 2), (2**32, 2**33), (MAX_64, MAX_64)]:
        yield frame("RefundStatus", {"refunded": refunded, "total": total})
    for offset in [0, 127, 128, 255, 256, 2**40, MAX_64]:
        yield frame("DataAck", {"offset": offset})
    yield frame("Outstanding", {"sequences": []})
    yield frame("Outstanding", {"sequences": ranges((3, 3), (5, 9))})
    yield frame("Outstanding", {"sequences": ranges((0, MAX_32))})
    yield frame("Outstanding", {"sequences": ranges((0, 0), (MAX_32, MAX_32))})
    for count in [15, 16, 31, 32, 127, 128, 300]:
        yield frame("Outstanding", {"sequences": ranges(*((3 * i, 3 * i + 1) for i in range(count)))})
    for number, length in [(0, 0), (11, 3), (128, 127), (200, 128), (255, 300)]:
        yield frame("Unknown", {"type": number, "contents": octets(length)})


def application_data(made):
    """Several frames in one packet, as positions in the list of vectors."""
    first_of = {}
    for position, made_vector in enumerate(made):
        first_of.setdefault(made_vector["kind"], position)
    one_of_each = list(first_of.values())
    twice = [first_of["Data"], first_of["Data"] + 1, first_of["Unknown"], first_of["Data"] + 2]
    for positions in [[], one_of_each, one_of_each[::-1], twice, rng.sample(range(len(made)), 5)]:
        joined = b"".join(bytes.fromhex(made[position]["octets"]) for position in positions)
        yield {"kind": "Frames", "fields": {"frames": positions}, "octets": (encode("Frames", 1) + joined).hex()}


def psk_packets(with_frames):
    for number, amount, length in [(4, 0, 0), (5, 1000, 5), (6, MAX_64, 200)]:
        fields = {"type": number, "requestId": rng.randrange(2**32), "amount": amount, "data": octets(length)}
        yield vector("PskRequest", fields, encode("PskRequest", fields))
    for number, data in enumerate([b"", bytes.fromhex(with_frames), b"\x01", octets(300)]):
        fields = {"type": number, "paymentId": octets(16), "sequence": rng.randrange(2**32),
                  "paymentAmount": MAX_64, "chunkAmount": rng.randrange(2**40), "applicationData": data,
                  "extension": 0}
        yield vector("PskChunk", fields, encode("PskChunk", fields))


def ilp_packet(kind, number, fields):
    return vector(kind, fields, encode("InterledgerPacket", {"type": number, "data": encode(kind, fields)}))


def ilp_packets():
    for amount, length in [(0, 0), (1000, 28), (MAX_64, 500)]:
        yield ilp_packet("Prepare", 12, {"amount": amount, "expiresAt": "20261124190000123",
                                         "executionCondition": octets(32), "destination": "test.receiver.abc",
                                         "data": octets(length)})
        yield ilp_packet("Fulfill", 13, {"fulfillment": octets(32), "data": octets(length)})
    limits = encode("AmountTooLarge", {"receivedAmount": 20000, "maximumAmount": 10000})
    for code, by, message, data in [("F99", "g.receiver", "", octets(60)), ("T00", "", "größer", b""),
                                    ("F08", "test.hop", "packet amount too large", limits)]:
        yield ilp_packet("Reject", 14, {"code": code, "triggeredBy": by, "message": message, "data": data})


def main():
    made = list(frames())
    made.extend(list(application_data(made)))
    with_frames = [made_vector for made_vector in made if made_vector["kind"] == "Frames"][1]["octets"]
    made.extend(psk_packets(with_frames))
    made.extend(ilp_packets())
    about = f"Frames and packets; made by asn1tools {asn1tools.__version__} from docs/psk2-frames.asn1 with " \
            "interop/frames_vectors.py."
    text = json.dumps({"about": about, "vectors": made}, ensure_ascii=False, indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        if VECTORS.read_text(encoding="utf-8") != text:
            sys.exit(f"{VECTORS} is not what {MODULE} gives")
    else:
        VECTORS.write_text(text, encoding="utf-8")
    print(f"{len(made)} vectors")


if __name__ == "__main__":
    main()
