#!/usr/bin/env python3
"""Writes a PDF of N small pages, each with its number.  Usage: make_pdf.py N FILE
tests/data/media/three-pages.pdf is N = 3."""
import sys


def pdf(n):
    objects = ["<< /Type /Catalog /Pages 2 0 R >>",
               f"<< /Type /Pages /Kids [{' '.join(f'{4 + 2 * i} 0 R' for i in range(n))}] /Count {n} >>",
               "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    for i in range(n):
        text = f"BT /F1 40 Tf 40 {150 - 20 * (i % 6)} Td (Page {i + 1}) Tj ET"
        objects.append("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] "
                       f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * i} 0 R >>")
        objects.append(f"<< /Length {len(text)} >>\nstream\n{text}\nendstream")
    out, offsets = "%PDF-1.4\n", []
    for i, o in enumerate(objects):
        offsets.append(len(out))
        out += f"{i + 1} 0 obj\n{o}\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{o:010d} 00000 n \n" for o in offsets)
    return out + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"


open(sys.argv[2], "w", newline="\n").write(pdf(int(sys.argv[1])))
