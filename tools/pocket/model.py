"""The pocket model: SmolVLM's shape in a few megabytes, written for fast training on one CPU core or one GPU.

A batch is B pictures with S short conversations each, which share the picture's keys and values (the prefix).  Training
may leave out patches of the tower and picture tokens of the decoder that hold nothing (keep, where): positions stay those
of the whole picture, so the released model is the same one, and most of the arithmetic is saved.  Linear weights may be
rounded to int8 or int4 blocks on the way (quantise), gradients pass straight through.  Names of parameters are those of
transformers' SmolVLM."""
import math
import os
import ops  # before torch, see there
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

SHAPES = {
    "p4m-256": dict(tile=256, patch=16, d=192, heads=6, lm_heads=3, vit_layers=4, vit_ff=768, lm_layers=6, lm_ff=384,
                    theta=100000.0),
    "p7m-512": dict(tile=512, patch=16, d=192, heads=6, lm_heads=3, vit_layers=8, vit_ff=768, lm_layers=8, lm_ff=384,
                    theta=100000.0),
}
SHAPE = "p7m-512"


def has_amx():
    try:
        with open("/proc/cpuinfo") as f:
            return "amx_bf16" in f.read()
    except OSError:
        return False


def best_dtype(device):
    """bf16 on a GPU; fp32 on a CPU, whose products take bf16 factors where AMX does that at four times the speed.  Weights are fp32 in both"""
    if torch.device(device).type == "cuda":
        return torch.bfloat16
    if has_amx():
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    return torch.float32


def weights(path):
    """parameters of a training state (the averaged ones) or of a model directory, by their names here"""
    if os.path.isdir(path):
        found = load_file(os.path.join(path, "model.safetensors"))
        short = lambda n: n.removeprefix("model.").replace("connector.modality_projection", "connector")
        return {short(n): t.float() for n, t in found.items()}
    state = torch.load(path, weights_only=False, map_location="cpu")
    return state["model"] | state["average"]


# ---- vocabulary: 3 controls, 256 bytes, picture tokens; one glyph is one token
SPECIALS_FIRST = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
ROWS = [f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5)]
BYTE0 = 3
GLOBAL = BYTE0 + 256
ROW0 = GLOBAL + 1
FAKE = ROW0 + 16
IMAGE = FAKE + 1
EOU = IMAGE + 1
VOCAB = 288
USER, ASSISTANT = EOU + 1, EOU + 2  # one token each: a turn of one token a character is long enough without them
N_TOKENS = ASSISTANT + 1


def encode(text):
    return [BYTE0 + b for b in text.encode()]


# the same for every picture: <|im_start|>User:<fake><global>[256 images]<fake>
PREFIX_HEAD = [1, USER, FAKE, GLOBAL]
PREFIX_TAIL = [FAKE]

# ---- what the decoder is told of a cell while it learns (data.told): the number of its line, the kind of fact it belongs to, the number of its item
LINES, FACTS = 24, 40
TOLD = (LINES, FACTS, LINES)
TELL = (1, 2)  # after these layers
# layer, head, and what a cell looks for there: 0 where its line begins, 1 where the line before does, 2 where its item does, 3 the letter before
WITHIN = ((0, 0, 0), (1, 0, 1), (1, 1, 2), (2, 1, 2), (0, 1, 3))

# ---- glyph classes: 94 ASCII + euro + pound; 0 is "nothing"; the last two stand in text pages only
GLYPHS = [chr(c) for c in range(33, 127)] + ["€", "£"]
N_CLASSES = 1 + len(GLYPHS)
SPACE, NEWLINE = N_CLASSES, N_CLASSES + 1
N_SYMBOLS = N_CLASSES + 2
SIZES, FRAMES = 41, 5  # of letters: eighths of octaves of em against a cell's height, from 4; enum vlm_docgen_frame.  0: not known; none
GLYPH_TOKEN = [0] + [BYTE0 + g.encode()[0] for g in GLYPHS] + [BYTE0 + 32, BYTE0 + 10]  # class -> token it resembles

QUANT = [0]  # 8 or 4: linear weights are rounded to blocks of 32 along rows, as Q8_0 and Q4_0 files hold them; the tower's to 8 at least


def rounded(w, least=4):
    """w as the int8 or int4 file would hold it; the gradient passes straight through"""
    with torch.no_grad():
        blocks = w.detach().float().reshape(-1, 32)
        if max(QUANT[0], least) == 8:
            d = (blocks.abs().amax(1, keepdim=True) / 127).half().float()
            q = (blocks / d.clamp(min=1e-12)).round().clamp(-127, 127)
        else:
            d = (blocks.gather(1, blocks.abs().argmax(1, keepdim=True)) / -8).half().float()
            q = (blocks / torch.where(d == 0, torch.ones_like(d), d)).round().clamp(-8, 7)
        delta = (q * d).view_as(w) - w
    return w + delta


def lin(x, layer):
    b = layer.bias
    w = rounded(layer.weight, getattr(layer, "least_bits", 4)) if QUANT[0] else layer.weight
    return F.linear(x, w.to(x.dtype), None if b is None else b.to(x.dtype))


class LayerNorm(nn.LayerNorm):
    def forward(self, x):
        return F.layer_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)


class RMSNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        if ops.usable(x):
            return ops.RmsNorm.apply(x, self.weight, 1e-5)
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), 1e-5)


class VisionAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(d, d) for _ in range(4))

    def forward(self, x, groups=None):
        """x [B,T,d], or [M,d] and the groups of ops.py"""
        if groups is not None:
            q, k, v = lin(x, self.q_proj), lin(x, self.k_proj), lin(x, self.v_proj)
            return lin(ops.Attention.apply(q, k, v, None, None, groups, None, self.heads, ())[0], self.out_proj)
        B, T, d = x.shape
        h, hd = self.heads, d // self.heads

        q, k, v = (lin(x, layer).view(B, T, h, hd).transpose(1, 2) for layer in (self.q_proj, self.k_proj, self.v_proj))
        a = F.scaled_dot_product_attention(q, k, v)
        return lin(a.transpose(1, 2).reshape(B, T, d), self.out_proj)


class VisionLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["d"]
        self.layer_norm1, self.layer_norm2 = LayerNorm(d, eps=1e-6), LayerNorm(d, eps=1e-6)
        self.self_attn = VisionAttention(d, c["heads"])
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(d, c["vit_ff"]), nn.Linear(c["vit_ff"], d)

    def forward(self, x, groups=None):
        x = x + self.self_attn(self.layer_norm1(x), groups)
        x1 = lin(self.layer_norm2(x), self.mlp.fc1)
        return x + lin(ops.Gelu.apply(x1) if ops.usable(x1) else F.gelu(x1, approximate="tanh"), self.mlp.fc2)


class VisionModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        n = (c["tile"] // c["patch"]) ** 2
        self.patch = c["patch"]
        self.embeddings = nn.Module()
        self.embeddings.patch_embedding = nn.Conv2d(3, c["d"], c["patch"], c["patch"])
        self.embeddings.position_embedding = nn.Embedding(n, c["d"])
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList([VisionLayer(c) for _ in range(c["vit_layers"])])
        self.post_layernorm = LayerNorm(c["d"], eps=1e-6)

    def forward(self, pixels, dtype=torch.float32, keep=None):
        """uint8 [B, H, W, 3], keep [B, K]: the patches to look at (None: all; -1: none, where ops.c is used) -> [B, K, d], 0
        for none"""
        B, H, W, _ = pixels.shape
        P = self.patch
        x = pixels.view(B, H // P, P, W // P, P, 3).permute(0, 1, 3, 5, 2, 4).reshape(B, -1, 3 * P * P)
        e = self.embeddings
        place, groups = e.position_embedding.weight, None
        if ops.used(dtype, pixels.device):  # pictures of any number of patches in one run
            keep = torch.arange(len(place)).expand(B, -1) if keep is None else keep
            picture, k = (keep >= 0).nonzero(as_tuple=True)
            groups = ops.plain((keep >= 0).sum(1))
            x, place = x[picture, keep[picture, k]], place[keep[picture, k]]
        elif keep is not None:
            x = x.gather(1, keep[..., None].expand(-1, -1, x.shape[2]))
            place = place[keep]
        x = x.to(torch.float32).mul_(1 / 255).sub_(0.5).mul_(2).to(dtype)
        w = e.patch_embedding.weight.flatten(1)
        x = F.linear(x, (rounded(w, 8) if QUANT[0] else w).to(dtype), e.patch_embedding.bias.to(dtype))
        x = x + place.to(dtype)
        for layer in self.encoder.layers:
            x = layer(x, groups)
        x = self.post_layernorm(x)
        return x if groups is None else x.new_zeros(B, keep.shape[1], x.shape[1]).index_put((picture, k), x)


def rope(positions, hd, theta, dtype):
    f = theta ** (-torch.arange(0, hd, 2, device=positions.device).float() / hd)
    a = positions.float()[..., None] * f
    return torch.cat([a.cos(), a.cos()], -1).to(dtype), torch.cat([a.sin(), a.sin()], -1).to(dtype)


def rotate(x, cs):
    c, s = cs
    half = x.shape[-1] // 2
    return x * c + torch.cat([-x[..., half:], x[..., :half]], -1) * s


class TextAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(d, d, bias=False) for _ in range(4))

    def qkv(self, x, cs, want_q=True):
        shape = x.shape[:-1] + (self.heads, -1)
        q = rotate(lin(x, self.q_proj).view(shape).transpose(-3, -2), cs) if want_q else None
        k = rotate(lin(x, self.k_proj).view(shape).transpose(-3, -2), cs)
        v = lin(x, self.v_proj).view(shape).transpose(-3, -2)
        return q, k, v

    def padded(self, x, cs, layer, at, B, S, T):
        """of tokens x [M,d] that stand at `at` of B*S*T: [B,S,h,T,hd], rotated if cs is given"""
        y = lin(x, layer)
        if cs is not None:
            y = rotate(y.view(len(x), self.heads, -1), cs).flatten(1)
        if at is not None:
            y = y.new_zeros(B * S * T, y.shape[1]).index_copy(0, at, y)
        return y.view(B, S, T, self.heads, -1).transpose(2, 3)

    def out(self, a):
        return lin(a.transpose(-3, -2).flatten(-2), self.o_proj)


class TextLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["d"]
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(d), RMSNorm(d)
        self.self_attn = TextAttention(d, c["lm_heads"])
        self.mlp = nn.Module()
        self.mlp.gate_proj, self.mlp.up_proj = nn.Linear(d, c["lm_ff"], bias=False), nn.Linear(d, c["lm_ff"], bias=False)
        self.mlp.down_proj = nn.Linear(c["lm_ff"], d, bias=False)

    def feed(self, x):
        h = self.post_attention_layernorm(x)
        g, u = lin(h, self.mlp.gate_proj), lin(h, self.mlp.up_proj)
        return x + lin(ops.SwiGlu.apply(g, u) if ops.usable(g) else F.silu(g) * u, self.mlp.down_proj)

    def forward(self, p, s, cs_p, cs_s, mask_s, shape, at, asked, last, points, within):
        """p [B,P,d] the prefix, s [M,d] the tokens of conversations that see the prefix and themselves; shape (B,S,T), at [M]:
        where of B*S*T they stand (None: everywhere); asked [M']: the only ones of s that are wanted after the last layer
        (None: all); points, a list of (head, [B,S,T] indices into the prefix): also what each of those heads gives those
        places, [B,S,T], and within, a list of (head, [B,P] the same for the prefix): [B,P]"""
        if ops.usable(p):
            return self.packed(p, s, cs_p, cs_s, at, asked, last, points, within)
        me, inner = self.self_attn, []
        q, kp, vp = me.qkv(self.input_layernorm(p), cs_p, want_q=not last)
        for head, point in within:
            a = q[:, head] @ kp[:, head].transpose(-1, -2) * q.shape[-1] ** -0.5
            a = torch.softmax(a + torch.full_like(a[0], float("-inf")).triu_(1), -1)
            inner.append(a.gather(-1, point[..., None].clamp(min=0))[..., 0])
        if not last:
            p = self.feed(p + me.out(F.scaled_dot_product_attention(q, kp, vp, is_causal=True)))
        x = self.input_layernorm(s)
        ks, vs = me.padded(x, cs_s, me.k_proj, at, *shape), me.padded(x, None, me.v_proj, at, *shape)
        if last and asked is not None:
            s, x, cs_s, at = s[asked], x[asked], tuple(c[asked] for c in cs_s), at[asked]
        q = me.padded(x, cs_s, me.q_proj, at, *shape)  # [B,S,h,T,hd]
        B, S, h, T, hd = q.shape
        P = kp.shape[2]
        q = q * hd ** -0.5
        to_p = (q.transpose(1, 2).reshape(B, h, S * T, hd) @ kp.transpose(-1, -2)).view(B, h, S, T, P)
        to_s = q.transpose(1, 2) @ ks.transpose(1, 2).transpose(-1, -2) + mask_s
        a = torch.softmax(torch.cat([to_p, to_s], -1), -1)
        o = (a[..., :P].reshape(B, h, S * T, P) @ vp).view(B, h, S, T, hd)
        o = (o + a[..., P:] @ vs.transpose(1, 2)).permute(0, 2, 3, 1, 4).reshape(B * S * T, h * hd)
        shares = [a[:, head].gather(-1, point[..., None].clamp(min=0))[..., 0] for head, point in points]
        o = lin(o if at is None else o[at], me.o_proj)
        return p, self.feed(s + o), shares, inner

    def packed(self, p, s, cs_p, cs_s, plan, asked, last, points, within):
        """the same by ops.c, which computes nothing for padding: p [A,d] the rows of all prefixes, plan: ops.Plan, within: (head, [A])"""
        me, x, inner = self.self_attn, self.input_layernorm(p), []

        def turned(x, layer, at):
            return ops.Turn.apply(lin(x, layer), at, *plan.angles, me.heads)

        kp, vp = turned(x, me.k_proj, cs_p), lin(x, me.v_proj)
        if not last:
            o, *inner = ops.Attention.apply(turned(x, me.q_proj, cs_p), None, None, kp, vp, *plan.prefix, me.heads, within)
            p = self.feed(p + lin(o, me.o_proj))
        x = self.input_layernorm(s)
        ks, vs = turned(x, me.k_proj, cs_s), lin(x, me.v_proj)
        end = last and asked is not None
        if end:
            s, x, cs_s = s[asked], x[asked], cs_s[asked]
        q = turned(x, me.q_proj, cs_s)
        o, *shares = ops.Attention.apply(q, kp, vp, ks, vs, *(plan.asked if end else plan.all), me.heads,
                                         [(head, plan.pick(point, end)) for head, point in points])
        return p, self.feed(s + lin(o, me.o_proj)), [plan.spread(share, end) for share in shares], inner


class TextModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed_tokens = nn.Embedding(VOCAB, c["d"])
        self.layers = nn.ModuleList([TextLayer(c) for _ in range(c["lm_layers"])])
        self.norm = RMSNorm(c["d"])

    def forward(self, visual, ids, where=None, total=None, points=(), real=None, asked=None, tell=(), within=()):
        """visual [B,K,d] in place of <image>, where [B,K]: which of the `total` picture tokens those are (None: all of
        them; -1: none, at the end of a row and where ops.c is used), ids [B,S,T], points: (layer, head, [B,S,T] indices of
        picture tokens) ... -> hidden states [B,S,T,d] (final norm applied), what those heads gave those tokens, and the
        states of the picture tokens [A,d] after each layer of `tell`; within, (layer, head, [B,K] indices of picture tokens that are not
        behind): what the picture tokens [A] give those.  real, asked [B,S,T] bool: nothing is computed for ids that are
        not real, and only the hidden states of the asked come back, [number of them, d]"""
        B, N, d = visual.shape
        S, T = ids.shape[1:]
        dtype, dev = visual.dtype, visual.device
        embed = self.embed_tokens
        head = embed(torch.tensor(PREFIX_HEAD, device=dev)).expand(B, -1, -1)
        tail = embed(torch.tensor(PREFIX_TAIL, device=dev)).expand(B, -1, -1)
        p = torch.cat([head.to(dtype), visual, tail.to(dtype)], 1)
        at = None if real is None else real.flatten().nonzero()[:, 0]
        wanted = None if real is None else asked.flatten()[at].nonzero()[:, 0]
        s = embed(ids.flatten() if at is None else ids.flatten()[at]).to(dtype)
        hd, H = d // self.c["lm_heads"], len(PREFIX_HEAD)
        total = N if total is None else total
        if where is None:
            place = torch.arange(H + total + 1, device=dev)
        else:
            one = where[:, :1]
            place = torch.cat([torch.arange(H, device=dev).expand(B, -1), where + H, torch.full_like(one, H + total)], 1)[:, None]
        turn = torch.arange(B * S * T, device=dev) % T if at is None else at % T
        after = H + total + 1
        there = torch.ones(B, p.shape[1], dtype=torch.bool, device=dev)
        if where is not None:
            there[:, H:-1] = where >= 0
        picture = there.clone()
        picture[:, :H] = picture[:, -1:] = False
        states, inner = [], [None] * len(within)
        inside = []  # of the prefix, for picture tokens
        for _, _, x in within:
            at_p = torch.full_like(there, -1, dtype=torch.long)
            at_p[:, H:-1] = torch.where(x >= 0, x + H, -1)
            inside.append(at_p)
        if ops.usable(p):
            inside = [x[there].int() for x in inside]
            picture = picture[there]
            place, p = place.view(-1, p.shape[1]).expand(B, -1)[there], p[there]
            plan = ops.Plan(B, S, T, there.sum(1), at, wanted)
            plan.angles = tuple(x[:, : hd // 2].contiguous() for x in rope(torch.arange(after + T), hd, self.c["theta"], dtype))
            cs_p, cs_s = place.int(), (turn + after).int()
        else:
            plan, cs_p = at, rope(place, hd, self.c["theta"], dtype)
            cs_s = tuple(x[turn][:, None] for x in rope(torch.arange(after, after + T, device=dev), hd, self.c["theta"], dtype))
        mask = torch.full((T, T), float("-inf"), dtype=dtype, device=dev).triu_(1)
        shares = [None] * len(points)
        for i, layer in enumerate(self.layers):
            mine = [k for k, x in enumerate(points) if x[0] == i]
            own = [k for k, x in enumerate(within) if x[0] == i]
            p, s, got, given = layer(p, s, cs_p, cs_s, mask, (B, S, T), plan, wanted, i == len(self.layers) - 1,
                                     [(points[k][1], points[k][2] + H * (points[k][2] >= 0)) for k in mine],
                                     [(within[k][1], inside[k]) for k in own])
            for k, share in zip(mine, got):
                shares[k] = share
            for k, share in zip(own, given):
                inner[k] = share[picture]
            if i in tell:
                states.append(p[picture])
        s = self.norm(s)
        return s if at is not None else s.view(B, S, T, d), shares, states, inner

    def logits(self, h):
        w = self.embed_tokens.weight
        return F.linear(h, (rounded(w) if QUANT[0] else w).to(h.dtype)).float()


class Symbols(nn.Module):
    """What the decoder learns to read before there are pictures, and what the tower learns to say: fixed codes, the same
    for every run of one shape, so that tower and decoder can be trained apart from the first minute.  A cell's symbol is
    the sum of its letter, a second letter if two share the cell, what stands before and behind, how large it is and what is drawn
    about it (a value's box, a line below), its row and its column."""

    def __init__(self, c):
        super().__init__()
        d, grid = c["d"], c["tile"] // c["patch"]
        g = torch.Generator().manual_seed(20261121)
        letters = torch.randn(N_SYMBOLS, d, generator=g) * 0.3
        for k in range(26):  # a capital resembles its small letter
            letters[1 + 65 - 33 + k] = 0.7 * letters[1 + 65 - 33 + k] + 0.7 * letters[1 + 97 - 33 + k]
        letters[0] = 0
        turn = [torch.linalg.qr(torch.randn(d, d, generator=g))[0] for _ in range(3)]
        self.register_buffer("letters", letters)
        self.register_buffer("second", 0.6 * letters + 0.5 * letters @ turn[2])
        self.register_buffer("before", 0.8 * letters @ turn[0])
        self.register_buffer("behind", 0.8 * letters @ turn[1])
        self.register_buffer("turns", torch.stack(turn))

        def line():  # smooth codes: near places have near codes
            x = torch.arange(grid).float()[:, None] / grid
            f, phase = torch.randn(1, d, generator=g) * 8, torch.rand(1, d, generator=g) * 2 * math.pi
            return 0.2 * torch.cos(x * f + phase)

        rows, columns = line(), line()
        self.register_buffer("places", (rows[:, None] + columns[None]).reshape(grid * grid, d))
        f, phase = torch.randn(1, d, generator=g) * 3, torch.rand(1, d, generator=g) * 2 * math.pi
        sizes = 0.15 * torch.cos(torch.arange(SIZES).float()[:, None] / 8 * f + phase)
        frames = 0.12 * torch.randn(FRAMES, d, generator=g)
        sizes[0] = frames[0] = 0
        self.register_buffer("sizes", sizes)
        self.register_buffer("frames", frames)

    def forward(self, cells, around, where):
        """cells [B,K,2] classes, around [B,K,4 or more]: classes, size and frame (data.cells_of; <= 0: none), where [B,K] (-1: text, no
        place) -> [B,K,d]"""
        k, n = cells.clamp(min=0), around.clamp(min=0)
        x = self.letters[k[..., 0]] + self.second[k[..., 1]] + self.before[n[..., 0]] + self.behind[n[..., 1]]
        x = x + self.sizes[n[..., 2]] + self.frames[n[..., 3]]
        return x + self.places[where.clamp(min=0)] * (where >= 0)[..., None]


class Pocket(nn.Module):
    def __init__(self, c=None):
        super().__init__()
        c = c or SHAPES[SHAPE]
        d = c["d"]
        self.c = c
        self.vision_model = VisionModel(c)
        self.connector = nn.Module()
        self.connector.proj = nn.Linear(d, d, bias=False)
        self.text_model = TextModel(c)
        # only for training
        self.symbols = Symbols(c)
        self.told = nn.ModuleList([nn.Linear(d, sum(TOLD)) for _ in TELL])  # what the decoder's early layers know of a cell
        self.floor = nn.Parameter(torch.full((4,), 2.8))  # the logit of "nothing" for letter, second, before, behind
        for m in [*self.vision_model.modules(), self.connector.proj]:
            m.least_bits = 8
        self.start()

    def start(self):
        c, d = self.c, self.c["d"]
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Conv2d)):
                nn.init.normal_(m.weight, std=1 / math.sqrt(m.weight[0].numel()))
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
        nn.init.normal_(self.text_model.embed_tokens.weight, std=0.3)
        table = self.text_model.embed_tokens.weight.data
        for k in range(1, N_SYMBOLS):
            table[GLYPH_TOKEN[k]] = self.symbols.letters[k]
        nn.init.constant_(self.text_model.norm.weight, 0.25)  # tied head: logits of about 10, not 60
        nn.init.normal_(self.vision_model.embeddings.position_embedding.weight, std=0.02)
        for l in self.vision_model.encoder.layers:
            for w in (l.self_attn.out_proj.weight, l.mlp.fc2.weight):
                w.data.mul_(1 / math.sqrt(2 * c["vit_layers"]))
        nn.init.zeros_(self.connector.proj.weight)
        hd = d // c["lm_heads"]
        before, behind = self.symbols.turns[0], self.symbols.turns[1]
        for i, l in enumerate(self.text_model.layers):  # attention that begins by looking for its like
            a, q, u = l.self_attn, torch.linalg.qr(torch.randn(d, d))[0], torch.linalg.qr(torch.randn(d, d))[0]
            noise = lambda: torch.randn(d, d) / math.sqrt(d) * 0.3
            a.q_proj.weight.data.copy_(q + noise())
            a.k_proj.weight.data.copy_(q + noise())
            a.v_proj.weight.data.copy_(u)
            a.o_proj.weight.data.copy_(0.3 * u.T)
            if i >= 1:  # two ways to copy: find what has me before it; find my like and take what is behind it
                a.q_proj.weight.data[:hd] = q[:hd] @ before.T + noise()[:hd]
                a.o_proj.weight.data[:, hd : 2 * hd] = 0.3 * (behind @ u.T)[:, hd : 2 * hd]
            l.mlp.down_proj.weight.data.mul_(1 / math.sqrt(2 * c["lm_layers"]))

    def see(self, pixels, dtype=torch.float32, keep=None):
        return lin(self.vision_model(pixels, dtype, keep), self.connector.proj)

    def told_loss(self, states, told):
        """states: for each of TELL [A,d] of cells, told [A,3] their line's number, kind of fact and item's number (data.told, 0: not
        asked) -> cross-entropy of what can be said of them, shares right of the three after the last"""
        loss = 0
        for head, x in zip(self.told, states):
            said = head(x.float() * x.float().pow(2).mean(-1, keepdim=True).add(1e-5).rsqrt()).split(TOLD, -1)
            for logits, want in zip(said, told.unbind(-1)):
                loss = loss + F.cross_entropy(logits, want.masked_fill(want == 0, -1), ignore_index=-1, reduction="sum") / ((want > 0).sum() + 1)
        right = [(logits.argmax(-1) == want)[want > 0].float().mean().item() for logits, want in zip(said, told.unbind(-1))]
        return loss / len(states), right

    def logits(self, visual):
        """what is said of cells [B,K,d]: logits of their first and second letters [B,K,2,classes]"""
        s, v = self.symbols, visual.float()
        out = torch.stack([v @ s.letters[:N_CLASSES].T, v @ s.second[:N_CLASSES].T], 2)
        out[..., 0] = self.floor[:2] * 3
        return out

    @torch.no_grad()
    def settle(self, visual, cells, around, options, keep):
        """Which of two cells has a letter whose middle lies near their border cannot be seen: what the tower says decides, for a line as
        a whole (ops.c).  cells, around, options, keep of data.batch (visual None: as they are) -> cells [B,K,2], around [B,K,4 or 11] (what stands
        before the first and behind the last letter of a cell, and what the first is and is told), and the cell of each letter [B,2K]"""
        B, K = cells.shape[:2]
        flat = cells.reshape(B, 2 * K)
        here = torch.arange(2 * K, device=cells.device)
        if visual is None:
            who, stands = torch.where(flat > 0, here, -1), (here // 2).expand(B, -1)
        else:
            said = F.log_softmax(self.logits(visual), -1)
            who, stands = (x.to(cells.device) for x in ops.settle(said, cells, options, keep, self.c["tile"] // self.c["patch"]))
        now = torch.where(who >= 0, flat.gather(1, who.clamp(min=0)), flat.clamp(max=0)).view(B, K, 2)
        first, second = who[:, 0::2], who[:, 1::2]
        about = around.reshape(B, 2 * K, -1)

        def of(letter):
            got = about.gather(1, letter.clamp(min=0)[..., None].expand(-1, -1, about.shape[2]))
            return torch.where(letter[..., None] >= 0, got, -1 if got.shape[2] > 4 else 0)

        a, last = of(first), of(torch.where(second >= 0, second, first))
        return now, torch.cat([a[..., :1].clamp(min=0), last[..., 1:2].clamp(min=0), a[..., 2:7].clamp(min=0), a[..., 7:]], 2), stands

    def style_loss(self, v, cells, around, where):
        """cross-entropy of what is seen of size and frame in cells that hold a letter, the rest of their symbols taken away; without it the
        distance to the symbols alone taught neither in 1,000 steps -> loss, shares right (size to a step, frame where there is one)"""
        ask = (cells[..., 0] > 0) & (around[..., 2] > 0)
        beside, size, frame = around[ask][:, :2], around[ask][:, 2], around[ask][:, 3]
        rest = self.symbols(cells[ask], torch.cat([beside, torch.zeros_like(beside)], 1), where[ask])
        # times 8, so that logits are as large as those of letters, whose codes are longer
        sizes, frames = (8 * ((v[ask] - rest) @ t.T - t.pow(2).sum(1) / 2) for t in (self.symbols.sizes, self.symbols.frames))
        rare = torch.ones(FRAMES, device=v.device)
        rare[0] = 0.15  # most letters have no frame
        loss = F.cross_entropy(sizes, size) + F.cross_entropy(frames, frame, weight=rare)
        near, same = (sizes.detach().argmax(-1) - size).abs() <= 1, frames.detach().argmax(-1) == frame
        return loss, (near.float().mean(), same[frame > 0].float().mean())

    def seen_loss(self, visual, cells, around, empty=0.2):
        """cross-entropy of what is seen against the tables that symbols are sums of (empty cells weigh `empty`) -> loss, shares right (letter, second,
        neighbours), share of empty cells in which something is seen"""
        s, v = self.symbols, visual.float()
        keep = cells[..., 0] >= 0
        loss, right = 0, []
        for k, (table, t, weight) in enumerate(((s.letters[:N_CLASSES], cells[..., 0], 1.0), (s.second[:N_CLASSES], cells[..., 1], 1.0),
                                                (s.before, around[..., 0], 0.3), (s.behind, around[..., 1], 0.3))):
            ask = keep if k == 0 else cells[..., 0] > 0
            logits = v[ask] @ table.T
            logits = torch.cat([self.floor[k] * 3 + logits[:, :1] * 0, logits[:, 1:]], 1)
            want = t[ask].long().clamp(min=0)
            rare = torch.ones(logits.shape[1], device=v.device)
            rare[0] = empty  # most cells are
            loss = loss + weight * F.cross_entropy(logits, want, weight=rare)
            top = logits.detach().argmax(-1)
            there = want > 0
            right.append((top[there] == want[there]).float().mean())
            if k == 0:
                wrong = (top[~there] > 0).float().mean()
        return loss, right, wrong


# ---- optimiser: Muon for hidden matrices, AdamW for the rest
def orthogonal(g, steps=5):
    """Newton-Schulz on a stack [n, r, c]"""
    x = g.bfloat16() if g.is_cuda or has_amx() else g.float()
    flip = x.shape[1] > x.shape[2]
    if flip:
        x = x.transpose(1, 2)
    x = x / (x.flatten(1).norm(dim=1).view(-1, 1, 1) + 1e-7)
    for _ in range(steps):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.transpose(1, 2) if flip else x).float()


class Muon:
    def __init__(self, params):
        self.groups = {}
        for p in params:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.momentum = {s: torch.zeros(len(ps), *s, device=ps[0].device) for s, ps in self.groups.items()}

    @torch.no_grad()
    def step(self, lr_of):
        for shape, ps in self.groups.items():
            have = [p.grad is not None for p in ps]
            if not any(have):
                continue
            g = torch.stack([p.grad if h else torch.zeros_like(p) for p, h in zip(ps, have)])
            m = self.momentum[shape].mul_(0.95).add_(g)
            u = orthogonal(g + 0.95 * m)
            scale = max(1, shape[0] / shape[1]) ** 0.5
            for p, d, h in zip(ps, u, have):
                if h:
                    p.add_(d, alpha=-lr_of(p) * scale)

    def state_dict(self):
        return self.momentum

    def load_state_dict(self, s):
        for k, v in s.items():
            self.momentum[k].copy_(v)
