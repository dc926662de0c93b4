"""Writes a training state as a model directory in SmolVLM2's layout: export.py STATE [STATE] OUTDIR [--last]

The running average of the weights is written, of two states (train.py --beside) the middle of both; --last: the weights of the last
step."""
import json, os, sys
import torch
from safetensors.torch import save_file
from model import ASSISTANT, BYTE0, EOU, FAKE, GLOBAL, IMAGE, ROW0, ROWS, SHAPES, SPECIALS_FIRST, USER, VOCAB, Pocket

CONTEXT = 4096
# SmolVLM2's, with the names of the roles in it: they are tokens here, and what a message brings is never taken for one by vlm
TEMPLATE = ("<|im_start|>{% for message in messages %}{% if message['role'] == 'user' %}{{'User:'}}{% elif message['role'] == 'assistant' %}"
            "{{'Assistant:'}}{% else %}{{message['role'] | capitalize}}{{':'}}{% endif %}"
            "{% if message['content'][0]['type'] != 'image' %}{{' '}}{% endif %}"
            "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}{% elif line['type'] == 'image' %}"
            "{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}")


def byte_names():
    """GPT-2's printable character for each byte"""
    names, extra = [], 0
    for b in range(256):
        if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174:
            names.append(chr(b))
        else:
            names.append(chr(256 + extra))
            extra += 1
    return names


def tokenizer():
    added = [(i, s) for i, s in enumerate(SPECIALS_FIRST)] + [(GLOBAL, "<global-img>")]
    added += [(ROW0 + i, s) for i, s in enumerate(ROWS)]
    added += [(FAKE, "<fake_token_around_image>"), (IMAGE, "<image>"), (EOU, "<end_of_utterance>"), (USER, "User:"), (ASSISTANT, "Assistant:")]
    vocab = {s: i for i, s in enumerate(SPECIALS_FIRST)}
    vocab.update({n: BYTE0 + b for b, n in enumerate(byte_names())})
    level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)
    return dict(
        version="1.0", truncation=None, padding=None,
        added_tokens=[dict(id=i, content=s, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
                      for i, s in added],
        normalizer=None,
        pre_tokenizer=dict(type="Sequence", pretokenizers=[dict(type="Digits", individual_digits=True), level]),
        post_processor=None, decoder=dict(level, add_prefix_space=True),
        model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                   fuse_unk=False, byte_fallback=False, ignore_merges=False, vocab=vocab, merges=[]))


def main():
    *states, out = [x for x in sys.argv[1:] if x != "--last"]
    os.makedirs(out, exist_ok=True)
    states = [torch.load(x, weights_only=False, map_location="cpu") for x in states]
    c = SHAPES[states[0]["shape"]]
    d = c["d"]
    model = Pocket(c)
    each = [x["model"] | ({} if "--last" in sys.argv else x["average"]) for x in states]
    model.load_state_dict({n: sum(x[n] for x in each) / len(each) for n in each[0]})
    tensors = {}
    for name, t in model.state_dict().items():
        part = name.split(".")[0]
        if part in ("vision_model", "text_model"):
            tensors["model." + name] = t
        elif part == "connector":
            tensors["model.connector.modality_projection.proj.weight"] = t
    save_file({n: t.to(torch.bfloat16).contiguous() for n, t in tensors.items()}, os.path.join(out, "model.safetensors"),
              metadata={"format": "pt"})

    def write(name, value, indent=2):
        with open(os.path.join(out, name), "w") as f:
            json.dump(value, f, indent=indent, ensure_ascii=False)
            f.write("\n")

    n = (c["tile"] // c["patch"]) ** 2
    write("config.json", dict(
        architectures=["SmolVLMForConditionalGeneration"], model_type="smolvlm", image_token_id=IMAGE, scale_factor=1,
        tie_word_embeddings=True, torch_dtype="bfloat16", use_cache=True, vocab_size=VOCAB, pad_token_id=2,
        text_config=dict(
            architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=VOCAB, hidden_size=d, intermediate_size=c["lm_ff"],
            num_hidden_layers=c["lm_layers"], num_attention_heads=c["lm_heads"], num_key_value_heads=c["lm_heads"],
            head_dim=d // c["lm_heads"], hidden_act="silu", rms_norm_eps=1e-5, rope_theta=c["theta"],
            max_position_embeddings=CONTEXT, attention_bias=False, mlp_bias=False, tie_word_embeddings=True,
            bos_token_id=1, eos_token_id=EOU, pad_token_id=2, torch_dtype="bfloat16"),
        vision_config=dict(
            model_type="smolvlm_vision", hidden_size=d, intermediate_size=c["vit_ff"], num_hidden_layers=c["vit_layers"],
            num_attention_heads=c["heads"], num_channels=3, image_size=c["tile"], patch_size=c["patch"],
            hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6, torch_dtype="bfloat16")))
    write("generation_config.json", dict(bos_token_id=1, eos_token_id=EOU, pad_token_id=2))
    write("tokenizer.json", tokenizer(), None)
    write("tokenizer_config.json", dict(
        add_prefix_space=False, bos_token="<|im_start|>", eos_token="<end_of_utterance>", pad_token="<|im_end|>",
        unk_token="<|endoftext|>", clean_up_tokenization_spaces=False, model_max_length=CONTEXT, processor_class="SmolVLMProcessor",
        tokenizer_class="GPT2Tokenizer", additional_special_tokens=["<fake_token_around_image>", "<image>", "<end_of_utterance>"]))
    write("chat_template.json", dict(chat_template=TEMPLATE))
    write("processor_config.json", dict(image_seq_len=n, processor_class="SmolVLMProcessor"))
    write("preprocessor_config.json", dict(
        do_convert_rgb=True, do_image_splitting=True, do_normalize=True, do_pad=True, do_rescale=True, do_resize=True,
        image_mean=[0.5] * 3, image_std=[0.5] * 3, image_processor_type="SmolVLMImageProcessor",
        max_image_size=dict(longest_edge=c["tile"]), size=dict(longest_edge=c["tile"]), resample=1,
        rescale_factor=0.00392156862745098, processor_class="SmolVLMProcessor",
        video_sampling=dict(fps=1, max_frames=64, video_size=dict(longest_edge=c["tile"]))))


if __name__ == "__main__":
    main()
