"""A tiny byte-level BPE tokenizer.json with the structure of SmolVLM2's: the same pre-tokenizer,
decoder and special tokens (fewer reserved ones), 256 bytes and some merges learnt from CORPUS."""

import json

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

CORPUS = """What is the total on this receipt? Describe this picture. Read the label.
The quick brown fox jumps over the lazy dog. How many items are there in the image? There are three
items. Answer in one word, please. Compare the first page with the second page. Give the price.
You are a helpful assistant. The price is 12.50 EUR. User: Assistant: System:
Is the text in the table the same as in the other?
"""
LOW = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<repo_name>",
    "<reponame>",
    "<file_sep>",
    "<filename>",
    "<gh_stars>",
    "<issue_start>",
    "<issue_comment>",
    "<issue_closed>",
    "<jupyter_start>",
    "<jupyter_text>",
    "<jupyter_code>",
    "<jupyter_output>",
    "<jupyter_script>",
    "<empty_output>",
]


def high_tokens(v1):
    if v1:
        return ["<fake_token_around_image>", "<image>", "<end_of_utterance>"]
    rows = [f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)]
    reserved = [f"<|reserved_special_token_{i}|>" for i in range(3)]
    return [
        "<global-img>",
        *rows,
        "<fake_token_around_image>",
        "<image>",
        *reserved,
        "<end_of_utterance>",
    ]


# Granite-Docling's kind of tokenizer: the pattern of GPT-4's, roles and document tags; the last token
# lies outside the embedding table, as in the release.
GRANITE_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GRANITE_LOW = ["<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>"]


def granite_tokens():
    rows = [f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)]
    tags = ["<doctag>", "</doctag>", "<text>", "</text>"] + [f"<loc_{i}>" for i in range(0, 500, 50)]
    more = ["<fake_token_around_image>", "<image>", "<global-img>"]
    return [*more, *rows, *tags, "<end_of_utterance>"]


def make(n_merges=70, v1=False, granite=False):
    """Returns (tokenizer.json as a dict, {token: id of the special tokens})."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(GRANITE_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
        if granite
        else [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    low = GRANITE_LOW if granite else LOW
    high = granite_tokens() if granite else high_tokens(v1)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + n_merges, initial_alphabet=alphabet, show_progress=False
    )
    t.train_from_iterator(CORPUS.split("\n"), trainer)
    merges = [
        list(m) if not isinstance(m, str) else m.split(" ")
        for m in json.loads(t.to_str())["model"]["merges"]
    ]
    vocab = {}
    for piece in low + alphabet + [a + b for a, b in merges]:
        vocab.setdefault(piece, len(vocab))
    special = {piece: i for i, piece in enumerate(low)}
    for piece in high:
        special[piece] = len(vocab) + len(special) - len(low)
    added = [
        {
            "id": i,
            "content": piece,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for piece, i in special.items()
    ]
    spec = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": json.loads(t.to_str())["pre_tokenizer"],
        "post_processor": None,
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": merges,
        },
    }
    return spec, special
