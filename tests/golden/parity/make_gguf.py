#!/usr/bin/env python3
"""GGUF files for parity.py, written with the `gguf` package (pip install gguf numpy).

  make_gguf.py small OUT --tokenizer DIR     a llama of 6 layers with random F32 weights and the vocabulary
                                             of DIR/tokenizer.json; rows of 256-multiples for the K types
  make_gguf.py widen IN OUT                  the same model with every matrix as its exact floats (F32)
"""
import argparse, json
import numpy as np
import gguf
from gguf.quants import dequantize

H, LAYERS, HEADS, KV, D, FFN = 512, 6, 8, 4, 64, 1536
CHAT = ("<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] }}"
        "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}")


def vocabulary(w, folder):
    t = json.load(open(f"{folder}/tokenizer.json", encoding="utf-8"))
    tokens = {i: (s, gguf.TokenType.NORMAL) for s, i in t["model"]["vocab"].items()}
    for a in t["added_tokens"]:
        tokens[a["id"]] = a["content"], gguf.TokenType.CONTROL if a["special"] else gguf.TokenType.USER_DEFINED
    order = [tokens[i] for i in range(len(tokens))]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list([s for s, _ in order])
    w.add_token_types([k for _, k in order])
    w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in t["model"]["merges"]])
    names = [s for s, _ in order]
    w.add_bos_token_id(names.index("<|im_start|>"))
    w.add_eos_token_id(names.index("<end_of_utterance>"))
    w.add_add_bos_token(False)
    w.add_chat_template(CHAT)
    return len(order)


def small(a):
    w = gguf.GGUFWriter(a.out, "llama")
    n = vocabulary(w, a.tokenizer)
    w.add_vocab_size(n)
    w.add_block_count(LAYERS)
    w.add_context_length(2048)
    w.add_embedding_length(H)
    w.add_feed_forward_length(FFN)
    w.add_head_count(HEADS)
    w.add_head_count_kv(KV)
    w.add_key_length(D)
    w.add_value_length(D)
    w.add_rope_dimension_count(D)
    w.add_rope_freq_base(100000.0)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_file_type(gguf.LlamaFileType.ALL_F32)
    rng = np.random.default_rng(11)

    # every branch as loud as the stream it joins: no layer may hide
    def matrix(name, rows, cols, gain=1.0):
        w.add_tensor(name, (rng.standard_normal((rows, cols)) * gain / np.sqrt(cols)).astype(np.float32))

    def norm(name):
        w.add_tensor(name, (1 + 0.2 * rng.standard_normal(H)).astype(np.float32))

    matrix("token_embd.weight", n, H, np.sqrt(H))
    matrix("output.weight", n, H, 3)
    norm("output_norm.weight")
    for i in range(LAYERS):
        b = f"blk.{i}."
        norm(b + "attn_norm.weight")
        norm(b + "ffn_norm.weight")
        matrix(b + "attn_q.weight", HEADS * D, H, 1.5)
        matrix(b + "attn_k.weight", KV * D, H, 1.5)
        matrix(b + "attn_v.weight", KV * D, H)
        matrix(b + "attn_output.weight", H, HEADS * D)
        matrix(b + "ffn_gate.weight", FFN, H)
        matrix(b + "ffn_up.weight", FFN, H)
        matrix(b + "ffn_down.weight", H, FFN, 2)
    write(w)


def widen(a):
    r = gguf.GGUFReader(a.inp)
    w = gguf.GGUFWriter(a.out, r.fields["general.architecture"].contents())
    for f in r.fields.values():
        if f.name.startswith("GGUF.") or f.name in ("general.architecture", "general.file_type"):
            continue
        kind = f.types[0]
        w.add_key_value(f.name, f.contents(), kind, f.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    w.add_file_type(gguf.LlamaFileType.ALL_F32)
    for t in r.tensors:
        w.add_tensor(t.name, dequantize(t.data, t.tensor_type).astype(np.float32).reshape(t.shape[::-1]))
    write(w)


def write(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    a = argparse.ArgumentParser()
    s = a.add_subparsers(dest="what", required=True)
    p = s.add_parser("small")
    p.add_argument("out")
    p.add_argument("--tokenizer", required=True)
    p = s.add_parser("widen")
    p.add_argument("inp")
    p.add_argument("out")
    a = a.parse_args()
    small(a) if a.what == "small" else widen(a)


main()
