"""The pocket model: SmolVLM's shape in a few megabytes, written for fast training on one CPU core.

bf16 matrix products (AMX) on fp32 master weights; attention by plain batched products because the fused
one has a slow bf16 backward; a batch is B pictures with S short conversations each, which share the
picture's keys and values (the prefix).  Names of parameters are those of transformers' SmolVLM.
"""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = dict(tile=256, patch=16, d=192, heads=6, lm_heads=3, vit_layers=4, vit_ff=768, lm_layers=5, lm_ff=384, theta=100000.0)

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
N_TOKENS = EOU + 1


def encode(text):
    return [BYTE0 + b for b in text.encode()]


# the same for every picture: <|im_start|>User:<fake><global>[256 images]<fake>
PREFIX_HEAD = [1] + encode("User:") + [FAKE, GLOBAL]
PREFIX_TAIL = [FAKE]

# ---- glyph classes of the dense head: 94 ASCII + euro + pound; 0 is "nothing"
GLYPHS = [chr(c) for c in range(33, 127)] + ["€", "£"]
N_CLASSES = 1 + len(GLYPHS)
GLYPH_TOKEN = [0] + [BYTE0 + g.encode()[0] for g in GLYPHS]  # class -> token whose embedding it shares


def lin(x, layer):
    b = layer.bias
    return F.linear(x, layer.weight.to(x.dtype), None if b is None else b.to(x.dtype))


class LayerNorm(nn.LayerNorm):
    def forward(self, x):
        return F.layer_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)


class RMSNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), 1e-5)


class VisionAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(d, d) for _ in range(4))

    def forward(self, x):
        B, T, d = x.shape
        h, hd = self.heads, d // self.heads

        def split(layer, scale=1.0):
            return (lin(x, layer) * scale if scale != 1 else lin(x, layer)).view(B, T, h, hd).transpose(1, 2)

        q, k, v = split(self.q_proj, hd ** -0.5), split(self.k_proj), split(self.v_proj)
        a = torch.softmax(q @ k.transpose(-1, -2), -1)
        return lin((a @ v).transpose(1, 2).reshape(B, T, d), self.out_proj)


class VisionLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["d"]
        self.layer_norm1, self.layer_norm2 = LayerNorm(d, eps=1e-6), LayerNorm(d, eps=1e-6)
        self.self_attn = VisionAttention(d, c["heads"])
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(d, c["vit_ff"]), nn.Linear(c["vit_ff"], d)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + lin(F.gelu(lin(self.layer_norm2(x), self.mlp.fc1), approximate="tanh"), self.mlp.fc2)


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

    def forward(self, pixels, dtype=torch.bfloat16):
        """uint8 [B, H, W, 3] -> [B, patches, d]"""
        B, H, W, _ = pixels.shape
        P = self.patch
        x = pixels.view(B, H // P, P, W // P, P, 3).permute(0, 1, 3, 5, 2, 4).reshape(B, -1, 3 * P * P)
        x = x.to(torch.float32).mul_(1 / 255).sub_(0.5).mul_(2).to(dtype)
        e = self.embeddings
        x = F.linear(x, e.patch_embedding.weight.flatten(1).to(dtype), e.patch_embedding.bias.to(dtype))
        x = x + e.position_embedding.weight.to(dtype)
        for layer in self.encoder.layers:
            x = layer(x)
        return self.post_layernorm(x)


def rope(positions, hd, theta, dtype):
    f = theta ** (-torch.arange(0, hd, 2).float() / hd)
    a = positions.float()[:, None] * f
    return torch.cat([a.cos(), a.cos()], -1).to(dtype), torch.cat([a.sin(), a.sin()], -1).to(dtype)


def rotate(x, cs):
    c, s = cs
    half = x.shape[-1] // 2
    return x * c + torch.cat([-x[..., half:], x[..., :half]], -1) * s


def causal(n, dtype):
    return torch.full((n, n), float("-inf"), dtype=dtype).triu_(1)


class TextAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(d, d, bias=False) for _ in range(4))

    def qkv(self, x, cs, want_q=True):
        shape = x.shape[:-1] + (self.heads, -1)
        q = rotate(lin(x, self.q_proj).view(shape).transpose(-3, -2), cs) * (x.shape[-1] // self.heads) ** -0.5 if want_q else None
        k = rotate(lin(x, self.k_proj).view(shape).transpose(-3, -2), cs)
        v = lin(x, self.v_proj).view(shape).transpose(-3, -2)
        return q, k, v

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
        return x + lin(F.silu(lin(h, self.mlp.gate_proj)) * lin(h, self.mlp.up_proj), self.mlp.down_proj)

    def forward(self, p, s, cs_p, cs_s, mask_p, mask_s, last):
        """p [B,P,d] the prefix, s [B,S,T,d] conversations that see the prefix and themselves"""
        at = self.self_attn
        q, kp, vp = at.qkv(self.input_layernorm(p), cs_p, want_q=not last)
        if not last:
            p = self.feed(p + at.out(torch.softmax(q @ kp.transpose(-1, -2) + mask_p, -1) @ vp))
        q, ks, vs = at.qkv(self.input_layernorm(s), cs_s)  # [B,S,h,T,hd]
        B, S, h, T, hd = q.shape
        P = kp.shape[2]
        to_p = (q.transpose(1, 2).reshape(B, h, S * T, hd) @ kp.transpose(-1, -2)).view(B, h, S, T, P)
        to_s = q.transpose(1, 2) @ ks.transpose(1, 2).transpose(-1, -2) + mask_s
        a = torch.softmax(torch.cat([to_p, to_s], -1), -1)
        o = (a[..., :P].reshape(B, h, S * T, P) @ vp).view(B, h, S, T, hd)
        o = o + a[..., P:] @ vs.transpose(1, 2)
        return p, self.feed(s + at.out(o.permute(0, 2, 1, 3, 4)))


class TextModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed_tokens = nn.Embedding(VOCAB, c["d"])
        self.layers = nn.ModuleList([TextLayer(c) for _ in range(c["lm_layers"])])
        self.norm = RMSNorm(c["d"])

    def forward(self, visual, ids, dtype=torch.bfloat16):
        """visual [B,N,d] in place of <image>, ids [B,S,T] -> logits fp32 [B,S,T,vocab] for the next token"""
        B, N, d = visual.shape
        S, T = ids.shape[1:]
        head = self.embed_tokens(torch.tensor(PREFIX_HEAD)).expand(B, -1, -1)
        tail = self.embed_tokens(torch.tensor(PREFIX_TAIL)).expand(B, -1, -1)
        p = torch.cat([head.to(dtype), visual.to(dtype), tail.to(dtype)], 1)
        s = self.embed_tokens(ids).to(dtype)
        P, hd = p.shape[1], d // self.c["lm_heads"]
        cs_p = rope(torch.arange(P), hd, self.c["theta"], dtype)
        cs_s = rope(torch.arange(P, P + T), hd, self.c["theta"], dtype)
        mask_p, mask_s = causal(P, dtype), causal(T, dtype)
        for i, layer in enumerate(self.layers):
            p, s = layer(p, s, cs_p, cs_s, mask_p, mask_s, i == len(self.layers) - 1)
        return self.norm(s)

    def logits(self, h):
        return F.linear(h, self.embed_tokens.weight.to(h.dtype)).float()


class Pocket(nn.Module):
    def __init__(self, c=CONFIG):
        super().__init__()
        d = c["d"]
        self.c = c
        self.vision_model = VisionModel(c)
        self.connector = nn.Module()
        self.connector.proj = nn.Linear(d, d, bias=False)
        self.text_model = TextModel(c)
        # only for training
        self.dense = nn.Linear(d, 2 * N_CLASSES)
        self.slots = nn.Parameter(torch.randn(2, N_CLASSES, d) * 0.1)
        self.cell_position = nn.Parameter(torch.randn((c["tile"] // c["patch"]) ** 2, d) * 0.05)
        self.register_buffer("turn", torch.linalg.qr(torch.randn(d, d))[0])
        self.register_buffer("turn_back", torch.linalg.qr(torch.randn(d, d))[0])
        self.start()

    def start(self):
        c, d = self.c, self.c["d"]
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Conv2d)):
                nn.init.normal_(m.weight, std=1 / math.sqrt(m.weight[0].numel()))
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
        nn.init.normal_(self.text_model.embed_tokens.weight, std=0.3)
        table = self.text_model.embed_tokens.weight.data  # a capital resembles its small letter
        for k in range(26):
            table[BYTE0 + 65 + k].mul_(0.7).add_(table[BYTE0 + 97 + k], alpha=0.7)
        nn.init.constant_(self.text_model.norm.weight, 0.25)  # tied head: logits of about 10, not 60
        nn.init.normal_(self.vision_model.embeddings.position_embedding.weight, std=0.02)
        nn.init.normal_(self.dense.weight, std=0.02)
        for l in self.vision_model.encoder.layers:
            for w in (l.self_attn.out_proj.weight, l.mlp.fc2.weight):
                w.data.mul_(1 / math.sqrt(2 * c["vit_layers"]))
        nn.init.zeros_(self.connector.proj.weight)
        hd = d // c["lm_heads"]
        for i, l in enumerate(self.text_model.layers):  # attention that begins by looking for its like
            a, q, u = l.self_attn, torch.linalg.qr(torch.randn(d, d))[0], torch.linalg.qr(torch.randn(d, d))[0]
            noise = lambda: torch.randn(d, d) / math.sqrt(d) * 0.3
            a.q_proj.weight.data.copy_(q + noise())
            a.k_proj.weight.data.copy_(q + noise())
            a.v_proj.weight.data.copy_(u)
            a.o_proj.weight.data.copy_(0.3 * u.T)
            if i >= 1:  # two ways to copy: find what has me before it; find my like and take what is behind it
                a.q_proj.weight.data[:hd] = q[:hd] @ self.turn.T + noise()[:hd]
                a.o_proj.weight.data[:, hd : 2 * hd] = 0.3 * (self.turn_back @ u.T)[:, hd : 2 * hd]
            l.mlp.down_proj.weight.data.mul_(1 / math.sqrt(2 * c["lm_layers"]))

    def symbols(self, cells, around):
        """cells [B,N,2] glyph classes (<=0: none), around [B,N,2] tokens before and behind (0: none) -> [B,N,d]"""
        table = self.text_model.embed_tokens.weight
        e = table[torch.tensor(GLYPH_TOKEN)]
        e = torch.cat([torch.zeros_like(e[:1]), e[1:]])
        k, there = cells.clamp(min=0), (around > 0).unsqueeze(-1)
        x = e[k[..., 0]] + self.slots[0][k[..., 0]]
        x = x + 0.7 * e[k[..., 1]] + self.slots[1][k[..., 1]]
        x = x + 0.8 * ((table @ self.turn)[around[..., 0]] * there[..., 0, :] + (table @ self.turn_back)[around[..., 1]] * there[..., 1, :])
        return x + self.cell_position[: x.shape[1]]

    def symbol_loss(self, visual, cells, around):
        """cross-entropy of what is seen against the tables that symbols are sums of: letter, before, behind"""
        table = self.text_model.embed_tokens.weight.detach()
        there = cells[..., 0] > 0
        v = visual[there].float()
        letter = table[torch.tensor(GLYPH_TOKEN)] + self.slots[0].detach()
        loss = F.cross_entropy(0.5 * v @ letter[1:].T, cells[..., 0][there] - 1)
        for k, turn in ((0, self.turn), (1, self.turn_back)):
            loss = loss + F.cross_entropy(0.5 * v @ (table @ turn).T, around[..., k][there])
        return loss

    def see(self, pixels):
        h = self.vision_model(pixels)
        return h, lin(h, self.connector.proj)


# ---- optimiser: Muon for hidden matrices, AdamW for the rest
def orthogonal(g, steps=5):
    """Newton-Schulz on a stack [n, r, c]"""
    x = g.bfloat16()
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
        self.momentum = {s: torch.zeros(len(ps), *s) for s, ps in self.groups.items()}

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
        self.momentum = s
