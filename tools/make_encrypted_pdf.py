"""A PDF that needs a password (standard handler, revision 2, 40 bits): tests/data/pdf/encrypted.pdf.

    python tools/make_encrypted_pdf.py tests/data/pdf/encrypted.pdf
"""
import hashlib
import struct
import sys

PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def rc4(key, data):
    s, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + s[i] + key[i % len(key)]) & 255
        s[i], s[j] = s[j], s[i]
    i = j = 0
    for b in data:
        i = (i + 1) & 255
        j = (j + s[i]) & 255
        s[i], s[j] = s[j], s[i]
        out.append(b ^ s[(s[i] + s[j]) & 255])
    return bytes(out)


def main():
    user, owner, rights, identity = b"secret", b"owner", -4, b"0123456789abcdef"
    o = rc4(hashlib.md5((owner + PAD)[:32]).digest()[:5], (user + PAD)[:32])
    key = hashlib.md5((user + PAD)[:32] + o + struct.pack("<i", rights) + identity).digest()[:5]
    u = rc4(key, PAD)
    body = rc4(hashlib.md5(key + b"\x04\0\0\0\0").digest()[:10], b"0 0 36 36 re f")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] /Contents 4 0 R >>",
        b"<< /Length %d >>\nstream\n" % len(body) + body + b"\nendstream",
        b"<< /Filter /Standard /V 1 /R 2 /P %d /O <%s> /U <%s> >>" % (rights, o.hex().encode(), u.hex().encode()),
    ]
    out, at = b"%PDF-1.4\n", []
    for n, text in enumerate(objects, 1):
        at.append(len(out))
        out += b"%d 0 obj\n" % n + text + b"\nendobj\n"
    table = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % a for a in at)
    hexed = identity.hex().encode()
    out += b"trailer\n<< /Size 6 /Root 1 0 R /Encrypt 5 0 R /ID [<%s> <%s>] >>\nstartxref\n%d\n%%%%EOF\n" % (
        hexed, hexed, table)
    open(sys.argv[1], "wb").write(out)


main()
